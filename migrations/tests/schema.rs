//! The declaration and the migrations agree, and the comparison would notice if they did not.

use sqlx::{AssertSqlSafe, PgPool};
use squall_migrations::{MIGRATOR, catalog, expected_version, found_version, verify};

#[sqlx::test(migrations = false)]
async fn the_migrations_make_the_declared_schema(pool: PgPool) {
    let differences = verify::differences(&pool.connect_options()).await.unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_kind_of_drift_is_noticed(pool: PgPool) {
    let declared = catalog::read(&pool).await.unwrap();
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
        let found = catalog::differences(&declared, &catalog::read(&pool).await.unwrap()).len();
        assert!(found > seen, "not noticed: {drift}");
        seen = found;
    }
}

#[sqlx::test(migrations = false)]
async fn of_ten_runs_at_once_one_migrates_and_all_succeed(pool: PgPool) {
    assert_eq!(found_version(&pool).await.unwrap(), None);
    let runs = (0..10).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move { MIGRATOR.run(&pool).await })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap().unwrap();
    }
    assert_eq!(found_version(&pool).await.unwrap(), Some(expected_version()));
}
