//! Random pairs of schemas with rows in them. For each, the generated migration runs, leads to the declaration, and
//! keeps the values of surviving columns. A failing pair is named by its seed.

mod schema;

use schema::{Choice, Schema};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, PgPool};
use squall_schema::{
    generate::{Databases, Request, Sources, generate_in},
    scratch::Scratch,
    script::Script,
};
use std::collections::BTreeMap;

/// How many pairs to try in all. The default keeps the pipeline short; the scheduled workflow tries
/// more.
fn pairs() -> u64 {
    std::env::var("SQUALL_RANDOM_PAIRS").map_or(60, |pairs| pairs.parse().expect("a number of pairs"))
}

/// Tries one quarter of the pairs: the quarters run in parallel, each in its own databases.
pub async fn check_quarter(pool: &PgPool, quarter: u64) {
    let pairs = pairs() / 4;
    let mut scratch = Scratch::open(&pool.connect_options()).await.unwrap();
    let databases = Databases {
        migrated: scratch.make("migrated").await.unwrap(),
        declared: scratch.make("declared").await.unwrap(),
        candidate: scratch.make("candidate").await.unwrap(),
    };
    let mut connections = [
        databases.migrated.connect().await.unwrap(),
        databases.declared.connect().await.unwrap(),
        databases.candidate.connect().await.unwrap(),
    ];
    let mut changed = 0_u64;
    for seed in quarter * pairs..(quarter + 1) * pairs {
        changed += u64::from(pair(&databases, &mut connections, seed).await);
    }
    scratch.close().await.unwrap();
    assert!(changed * 2 > pairs, "only {changed} of {pairs} pairs differed: they prove little");
}

/// Whether the two schemas differed.
async fn pair(databases: &Databases, connections: &mut [PgConnection; 3], seed: u64) -> bool {
    let mut choice = Choice::new(seed);
    let before = Schema::random(&mut choice);
    let mut after = before.clone();
    let flags = after.change(&mut choice);
    let script = Script { file: "0001_before.sql".into(), sql: format!("{}{}", before.sql(), before.rows()) };
    let request = Request::parse("change", &[], &flags.allow_loss, &flags.backfills).unwrap();
    for connection in &mut *connections {
        sqlx::raw_sql("drop schema public cascade; create schema public").execute(connection).await.unwrap();
    }
    let sources = Sources { migrations: std::slice::from_ref(&script), declared: &after.sql() };
    let written = generate_in(databases, &sources, &request).await.unwrap_or_else(|error| {
        panic!("seed {seed}: {error:#}\nfrom:\n{}\nto:\n{}", script.sql, after.sql())
    });
    let kept = before.surviving_columns(&after);
    let [old, _, new] = connections;
    for (table, column) in kept {
        let (was, is) = (values(old, &table, &column).await, values(new, &table, &column).await);
        for (row, value) in was {
            assert_eq!(is.get(&row), Some(&value), "seed {seed}: row {row} of {table}.{column}");
        }
    }
    !written.is_empty()
}

/// The values of a column that are not null, by the row's id.
async fn values(connection: &mut PgConnection, table: &str, column: &str) -> BTreeMap<i32, String> {
    let query = format!("select id, {column}::text from {table} where {column} is not null");
    // Not a prepared statement: the next pair has other tables of these names.
    let query = sqlx::query_as(AssertSqlSafe(query)).persistent(false);
    let rows: Vec<(i32, String)> = query.fetch_all(connection).await.unwrap();
    rows.into_iter().collect()
}
