//! The declaration and the migrations agree, and the comparison would notice if they did not.

use sqlx::{AssertSqlSafe, PgPool};
use squall_migrations::{
    catalog::{self, Catalog},
    verify,
};

#[sqlx::test(migrations = false)]
async fn the_migrations_make_the_declared_schema(pool: PgPool) {
    let differences = verify::differences(&pool.connect_options()).await.unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_kind_of_drift_is_noticed(pool: PgPool) {
    let declared = read(&pool).await;
    let drifts = [
        "alter table users add column nickname text",
        "alter table users alter column name drop not null",
        "alter table projects alter column retention_days set default 7",
        "drop index issues_search",
        "alter table issues drop constraint issues_merged_into",
        "alter type issue_status add value 'snoozed'",
        "alter domain severity drop constraint severity_check",
        "create view loud as select * from issues where level >= 3",
        "create function noop() returns integer language sql as 'select 1'",
        "create sequence spare",
    ];
    let mut seen = 0;
    for drift in drifts {
        sqlx::query(AssertSqlSafe(drift)).execute(&pool).await.unwrap();
        let found = catalog::differences(&declared, &read(&pool).await).len();
        assert!(found > seen, "not noticed: {drift}");
        seen = found;
    }
}

async fn read(pool: &PgPool) -> Catalog {
    catalog::read(&mut pool.acquire().await.unwrap()).await.unwrap()
}
