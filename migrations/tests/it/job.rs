//! The job that gates a deploy: started several times, interrupted, run by an older version.

use sqlx::{ConnectOptions, PgPool, migrate::Migrator};
use squall_migrations::{expected_version, found_version, job};
use std::{fs, path::Path, process::Stdio};
use tokio::process::Command;

#[sqlx::test(migrations = false)]
async fn of_ten_jobs_started_at_once_one_migrates_and_all_succeed(pool: PgPool) {
    assert_eq!(found_version(&pool).await.unwrap(), None);
    let url = pool.connect_options().to_url_lossy();
    let jobs: Vec<_> = (0..10)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_squall-migrate"));
            command.arg("run").env("DATABASE_URL", url.as_str()).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut migrated = 0;
    for job in jobs {
        let output = job.wait_with_output().await.unwrap();
        assert!(output.status.success());
        migrated += usize::from(String::from_utf8_lossy(&output.stdout).contains("from version 0"));
    }
    assert_eq!(migrated, 1);
    assert_eq!(found_version(&pool).await.unwrap(), Some(expected_version()));
}

#[sqlx::test(migrations = false)]
async fn the_next_run_builds_an_index_that_a_killed_run_left_half_built(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let first = "create table t (a integer); insert into t values (1), (1);";
    let index = "-- no-transaction\ncreate unique index concurrently if not exists t_a on t (a);";
    let migrator = migrator(folder.path(), &[first, index]).await;
    assert!(job::run(&migrator, &pool).await.is_err(), "rows that are equal have no unique index");
    let invalid = "select count(*) from pg_index where not indisvalid and indexrelid = 't_a'::regclass";
    assert_eq!(sqlx::query_scalar::<_, i64>(invalid).fetch_one(&pool).await.unwrap(), 1);

    sqlx::query("delete from t where ctid = (select min(ctid) from t)").execute(&pool).await.unwrap();
    assert_eq!(job::run(&migrator, &pool).await.unwrap().to, 2);
    assert_eq!(sqlx::query_scalar::<_, i64>(invalid).fetch_one(&pool).await.unwrap(), 0);
}

#[sqlx::test(migrations = false)]
async fn an_index_of_a_partitioned_table_is_built_on_each_partition_and_attached(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let first = "create table t (a integer, day integer) partition by range (day);
                 create table t_1 partition of t for values from (1) to (2);
                 create table \"T 2\" partition of t for values from (2) to (3);
                 insert into t values (1, 1), (2, 2);";
    let migrator =
        migrator(folder.path(), &[first, "create index t_by_a on only t (a desc) where a > 0;"]).await;
    assert_eq!(job::run(&migrator, &pool).await.unwrap().partition_indexes, 2);
    let valid = "select indisvalid from pg_index where indexrelid = 't_by_a'::regclass";
    assert!(sqlx::query_scalar::<_, bool>(valid).fetch_one(&pool).await.unwrap());
    let of_partition = "select pg_get_indexdef(indexrelid) from pg_index where indrelid = 't_1'::regclass";
    let definition: String = sqlx::query_scalar(of_partition).fetch_one(&pool).await.unwrap();
    assert!(definition.ends_with("USING btree (a DESC) WHERE (a > 0)"), "{definition}");
    assert_eq!(job::run(&migrator, &pool).await.unwrap().partition_indexes, 0);
}

#[sqlx::test(migrations = false)]
async fn a_failed_migration_is_rolled_back_and_applied_once_its_cause_is_fixed(pool: PgPool) {
    let folder = tempfile::tempdir().unwrap();
    let both = [
        "create table t (a integer);",
        "create table u (a integer); alter table t add constraint c check (a > 0);",
    ];
    let migrator = migrator(folder.path(), &both).await;
    sqlx::raw_sql("create table u (b text)").execute(&pool).await.unwrap();
    let error = job::run(&migrator, &pool).await.unwrap_err();
    assert!(format!("{error:#}").contains("fix the cause and run this again"), "{error:#}");
    assert_eq!(found_version(&pool).await.unwrap(), Some(1));
    sqlx::raw_sql("drop table u").execute(&pool).await.unwrap();
    assert_eq!(job::run(&migrator, &pool).await.unwrap().to, 2);
}

#[sqlx::test(migrations = false)]
async fn the_job_of_an_older_version_leaves_a_newer_schema_alone(pool: PgPool) {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = ["create table t (a integer);", "alter table t add column b integer;"];
    job::run(&migrator(new.path(), &files).await, &pool).await.unwrap();
    let migrated = job::run(&migrator(old.path(), &files[..1]).await, &pool).await.unwrap();
    assert_eq!((migrated.from, migrated.to), (Some(2), 2));
}

async fn migrator(folder: &Path, files: &[&str]) -> Migrator {
    for (at, sql) in files.iter().enumerate() {
        fs::write(folder.join(format!("{:04}_step.sql", at + 1)), sql).unwrap();
    }
    Migrator::new(folder).await.unwrap()
}
