//! Proves the migrations on scratch databases of a real server: replaying them gives the declared schema, and a
//! database filled by earlier releases can be upgraded, keeps its rows and still answers the last release's queries.

mod upgrade;

pub use upgrade::{Query, describe_all};

use crate::{DECLARED_SCHEMA, catalog, scratch::Scratch, script::Script};
use anyhow::{Context, Result};
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};

/// One sentence, for a person.
pub type Problem = String;

/// Verifies migrations against the embedded declaration and fixture; an empty list means that they are valid.
///
/// # Errors
/// When the server cannot be reached, the role may not create databases, or a migration fails.
pub async fn verify(server: &PgConnectOptions, migrations: &[Script]) -> Result<Vec<Problem>> {
    let mut scratch = Scratch::open(server).await?;
    let outcome = verify_in(&mut scratch, migrations).await;
    scratch.close().await?;
    outcome
}

async fn verify_in(scratch: &mut Scratch, migrations: &[Script]) -> Result<Vec<Problem>> {
    let mut problems = drift(scratch, migrations).await?;
    problems.extend(upgrade::problems(scratch, migrations).await?);
    Ok(problems)
}

/// The differences between the migrations, replayed on an empty database, and the declaration.
async fn drift(scratch: &mut Scratch, migrations: &[Script]) -> Result<Vec<Problem>> {
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
