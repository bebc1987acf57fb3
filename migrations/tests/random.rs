//! A thousand random pairs of schemas with rows in them: each is generated, runs, leads to the declaration, and
//! columns that survive keep their values. A failing pair is named by its seed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "random/schema.rs"]
mod schema;

use schema::{Choice, Schema};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool};
use squall_migrations::{
    generate::{Databases, Request, Sources, generate_in},
    scratch::Scratch,
    script::Script,
};
use std::collections::BTreeMap;

/// Pairs per test; four tests run side by side.
const PAIRS: u64 = 250;

#[sqlx::test(migrations = false)]
async fn pairs_0_to_249_lead_to_the_declaration_and_keep_their_rows(pool: PgPool) {
    check(&pool, 0).await;
}

#[sqlx::test(migrations = false)]
async fn pairs_250_to_499_lead_to_the_declaration_and_keep_their_rows(pool: PgPool) {
    check(&pool, 1).await;
}

#[sqlx::test(migrations = false)]
async fn pairs_500_to_749_lead_to_the_declaration_and_keep_their_rows(pool: PgPool) {
    check(&pool, 2).await;
}

#[sqlx::test(migrations = false)]
async fn pairs_750_to_999_lead_to_the_declaration_and_keep_their_rows(pool: PgPool) {
    check(&pool, 3).await;
}

async fn check(pool: &PgPool, part: u64) {
    let mut scratch = Scratch::open(&pool.connect_options()).await.unwrap();
    let databases = Databases {
        migrated: scratch.make("migrated").await.unwrap(),
        declared: scratch.make("declared").await.unwrap(),
        candidate: scratch.make("candidate").await.unwrap(),
    };
    let mut changed = 0;
    for seed in part * PAIRS..(part + 1) * PAIRS {
        changed += usize::from(pair(&databases, seed).await);
    }
    scratch.close().await.unwrap();
    assert!(changed > 200, "only {changed} pairs differed: they prove nothing");
}

/// Whether the two differed.
async fn pair(databases: &Databases, seed: u64) -> bool {
    let mut choice = Choice::new(seed);
    let before = Schema::random(&mut choice);
    let mut after = before.clone();
    let said = after.change(&mut choice);
    let script = Script { file: "0001_before.sql".into(), sql: format!("{}{}", before.sql(), before.rows()) };
    let request = Request::parse("change", &[], &said.allow_loss, &said.backfills).unwrap();
    for database in [&databases.migrated, &databases.declared, &databases.candidate] {
        let mut connection = database.connect().await.unwrap();
        sqlx::raw_sql("drop schema public cascade; create schema public")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
    let sources = Sources { migrations: std::slice::from_ref(&script), declared: &after.sql() };
    let written = generate_in(databases, &sources, &request).await.unwrap_or_else(|error| {
        panic!("seed {seed}: {error:#}\nfrom:\n{}\nto:\n{}", script.sql, after.sql())
    });
    let kept = before.surviving_columns(&after);
    let mut old = databases.migrated.connect().await.unwrap();
    let mut new = databases.candidate.connect().await.unwrap();
    for (table, column) in kept {
        let (was, is) = (values(&mut old, &table, &column).await, values(&mut new, &table, &column).await);
        for (row, value) in was {
            assert_eq!(is.get(&row), Some(&value), "seed {seed}: row {row} of {table}.{column}");
        }
    }
    old.close().await.unwrap();
    new.close().await.unwrap();
    !written.is_empty()
}

/// The values of a column that are not null, by the row's id.
async fn values(connection: &mut PgConnection, table: &str, column: &str) -> BTreeMap<i32, String> {
    let query = format!("select id, {column}::text from {table} where {column} is not null");
    let rows: Vec<(i32, String)> = sqlx::query_as(AssertSqlSafe(query)).fetch_all(connection).await.unwrap();
    rows.into_iter().collect()
}
