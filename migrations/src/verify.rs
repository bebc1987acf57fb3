//! The proof of the migrations, on scratch databases of a real server: replayed they make the declared schema, and a
//! database that earlier releases filled upgrades, keeps its rows and still serves the last release.

mod upgrade;

pub use upgrade::{Query, describe_all};

use crate::{DECLARED_SCHEMA, catalog, scratch::Scratch, script::Script, scripts};
use anyhow::{Context, Result};
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};

/// A sentence about what does not hold.
pub type Fault = String;

/// Verifies the embedded migrations. An empty list means that all holds. The scratch databases are dropped again.
///
/// # Errors
/// When the server cannot be reached, may not create databases, or refuses a migration.
pub async fn faults(server: &PgConnectOptions) -> Result<Vec<Fault>> {
    faults_of(server, &scripts()).await
}

/// Verifies any migrations against the embedded declaration and fixture.
///
/// # Errors
/// As [`faults`].
pub async fn faults_of(server: &PgConnectOptions, migrations: &[Script]) -> Result<Vec<Fault>> {
    let mut scratch = Scratch::open(server).await?;
    let outcome = all(&mut scratch, migrations).await;
    scratch.close().await?;
    outcome
}

async fn all(scratch: &mut Scratch, migrations: &[Script]) -> Result<Vec<Fault>> {
    let mut faults = drift(scratch, migrations).await?;
    faults.extend(upgrade::faults(scratch, migrations).await?);
    Ok(faults)
}

/// What differs between the migrations, replayed on an empty database, and the declaration.
async fn drift(scratch: &mut Scratch, migrations: &[Script]) -> Result<Vec<Fault>> {
    let mut migrated = scratch.make("migrated").await?.connect().await?;
    for script in migrations {
        script.run(&mut migrated).await.context("replaying the migrations on an empty database")?;
    }
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
