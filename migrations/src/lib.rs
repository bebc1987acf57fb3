//! The contract between api and worker: one schema, declared once.
//!
//! `schema.sql` says what the database must look like; the files under `sql/` get it there, one step at a
//! time. Both are embedded, so that a binary carries the schema it was built for. The api and the worker
//! never migrate: the `squall-migrate` job does, once, before they start.

pub mod catalog;
pub mod dump;
pub mod generate;
pub mod job;
pub mod lint;
pub mod scratch;
pub mod script;
pub mod verify;

use sqlx::{PgConnection, PgPool, migrate::Migrator};

/// All migrations, embedded in order of their version.
pub static MIGRATOR: Migrator = sqlx::migrate!("./sql");

/// The declared schema, as a script for an empty database.
pub const DECLARED_SCHEMA: &str = include_str!("../schema.sql");

/// The embedded migrations as files.
pub fn scripts() -> Vec<script::Script> {
    let file = |migration: &sqlx::migrate::Migration| {
        format!("{:04}_{}.sql", migration.version, migration.description)
    };
    MIGRATOR.iter().map(|m| script::Script { file: file(m), sql: m.sql.as_str().to_owned() }).collect()
}

/// The version of the newest embedded migration: what this binary expects to find.
pub fn expected_version() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The version of the newest migration that was applied in full; `None` on a database never migrated.
///
/// # Errors
/// Whatever the database answers, other than that the table of migrations is missing.
pub async fn found_version(pool: &PgPool) -> Result<Option<i64>, sqlx::Error> {
    version_of(&mut *pool.acquire().await?).await
}

async fn version_of(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    let known = "select to_regclass('_sqlx_migrations') is not null";
    if !sqlx::query_scalar::<_, bool>(known).fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(connection).await
}
