//! The declaration and the migrations agree, and the comparison notices when they do not.

use sqlx::{AssertSqlSafe, PgPool};
use squall_migrations::expected_version;
use squall_schema::{
    catalog::{self, Catalog},
    scratch::Scratch,
    script::Script,
    verify::{Query, describe_all, verify},
};
use std::fs;

#[sqlx::test(migrations = false)]
async fn the_migrations_lead_to_the_declared_schema_and_the_last_release_keeps_working(pool: PgPool) {
    let problems = verify(&pool.connect_options(), &Script::embedded()).await.unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
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

#[sqlx::test(migrations = false)]
async fn an_upgrade_that_breaks_the_last_release_is_reported(pool: PgPool) {
    let check = async |sql: &str| {
        let mut migrations = Script::embedded();
        let file = format!("{:04}_next.sql", expected_version() + 1);
        migrations.push(Script { file, sql: sql.to_owned() });
        verify(&pool.connect_options(), &migrations).await.unwrap().join("\n")
    };
    let gone = check("alter table issues drop column culprit cascade").await;
    assert!(gone.contains("no longer works: "), "{gone}");
    let changed = check("update projects set name = upper(name)").await;
    assert!(changed.contains("the upgrade changed projects.name (text) from 2 rows"), "{changed}");
    let retyped = check("alter table polls alter column duration_ms type bigint").await;
    assert!(retyped.contains("it would get") && retyped.contains("duration_ms: INT8"), "{retyped}");
}

#[sqlx::test(migrations = false)]
async fn the_queries_of_a_release_are_recorded_from_the_files_of_sqlx_alone(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let sql = "select name from projects where id = $1";
    fs::write(folder.path().join("query-1.json"), format!(r#"{{"query": "{sql}"}}"#)).unwrap();
    fs::create_dir(folder.path().join(".cargo")).unwrap();
    let mut scratch = Scratch::open(&pool.connect_options()).await.unwrap();
    let described = describe_all(&mut scratch, &Script::embedded(), folder.path()).await;
    scratch.close().await.unwrap();
    let (columns, parameters) = (vec!["name: TEXT".to_owned()], vec!["INT8".to_owned()]);
    assert_eq!(described.unwrap(), [Query { query: sql.to_owned(), columns, parameters }]);
}
