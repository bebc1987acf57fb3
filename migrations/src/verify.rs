//! The proof that the migrations make the declared schema, on scratch databases of a real server.

use crate::{DECLARED_SCHEMA, MIGRATOR, catalog, scratch::Scratch};
use anyhow::{Context, Result};
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};

/// Replays all migrations on one empty database and the declaration on another, and compares the
/// catalogs. Both databases are dropped again, whatever happens. An empty list means that they agree.
///
/// # Errors
/// When the server cannot be reached, may not create databases, or refuses a migration.
pub async fn differences(server: &PgConnectOptions) -> Result<Vec<String>> {
    let mut scratch = Scratch::open(server).await?;
    let outcome = compare(&mut scratch).await;
    scratch.close().await?;
    outcome
}

async fn compare(scratch: &mut Scratch) -> Result<Vec<String>> {
    let mut migrated = scratch.make("migrated").await?.connect().await?;
    MIGRATOR.run(&mut migrated).await.context("replaying the migrations on an empty database")?;
    let mut declared = scratch.make("declared").await?.connect().await?;
    sqlx::raw_sql(DECLARED_SCHEMA)
        .execute(&mut declared)
        .await
        .context("applying schema.sql to an empty database")?;
    let differences =
        catalog::differences(&catalog::read(&mut declared).await?, &catalog::read(&mut migrated).await?);
    migrated.close().await?;
    declared.close().await?;
    Ok(differences)
}
