//! The contract between api and worker: one schema.
//!
//! The migrations under `sql/` are embedded, so that a binary carries the schema it was built for. The api and
//! the worker never migrate: the `squall-migrate` job does, once, before they start. What writes and checks
//! migrations is in `crates/schema`, so that nothing that runs in production links a SQL parser.

pub mod database;
pub mod job;

use sqlx::{PgConnection, PgPool, migrate::Migrator};

/// All migrations, embedded in order of their version.
pub static MIGRATOR: Migrator = sqlx::migrate!("./sql");

/// The first line of a migration that runs outside a transaction, as sqlx reads it.
pub const NO_TRANSACTION: &str = "-- no-transaction";

/// The version of the newest embedded migration: the schema this binary expects.
pub fn expected_version() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The version of the newest migration that was applied in full; `None` if the database was never migrated.
///
/// # Errors
/// When the query fails. A missing table of migrations is not an error.
pub async fn found_version(pool: &PgPool) -> Result<Option<i64>, sqlx::Error> {
    version_of(&mut *pool.acquire().await?).await
}

async fn version_of(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    let exists = "select to_regclass('_sqlx_migrations') is not null";
    if !sqlx::query_scalar::<_, bool>(exists).fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(connection).await
}
