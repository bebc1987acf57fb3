//! The proof that the migrations make the declared schema, on scratch databases of a real server.

use crate::{DECLARED_SCHEMA, MIGRATOR, catalog};
use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, postgres::PgConnectOptions};

/// Replays all migrations on one empty database and the declaration on another, and compares the
/// catalogs. Both databases are dropped again, whatever happens. An empty list means that they agree.
///
/// # Errors
/// When the server cannot be reached, may not create databases, or refuses a migration.
pub async fn differences(server: &PgConnectOptions) -> Result<Vec<String>> {
    let mut admin =
        server.connect().await.context("connecting to the server that holds the scratch databases")?;
    let names = ["migrated", "declared"].map(|side| format!("squall_verify_{side}_{}", std::process::id()));
    for name in &names {
        create(&mut admin, name).await?;
    }
    let outcome = compare(server, &names).await;
    for name in &names {
        sqlx::query(AssertSqlSafe(format!("drop database if exists {name} with (force)")))
            .execute(&mut admin)
            .await?;
    }
    admin.close().await?;
    outcome
}

async fn create(admin: &mut PgConnection, name: &str) -> Result<()> {
    sqlx::query(AssertSqlSafe(format!("create database {name} template template0")))
        .execute(admin)
        .await
        .with_context(|| {
            format!("creating the scratch database {name}: the role needs the right CREATEDB")
        })?;
    Ok(())
}

async fn compare(server: &PgConnectOptions, names: &[String; 2]) -> Result<Vec<String>> {
    let [migrated, declared] = [&names[0], &names[1]].map(|name| server.clone().database(name));
    let migrated = PgPool::connect_with(migrated).await?;
    MIGRATOR.run(&migrated).await.context("replaying the migrations on an empty database")?;
    let declared = PgPool::connect_with(declared).await?;
    sqlx::raw_sql(DECLARED_SCHEMA)
        .execute(&declared)
        .await
        .context("applying schema.sql to an empty database")?;
    let differences =
        catalog::differences(&catalog::read(&declared).await?, &catalog::read(&migrated).await?);
    migrated.close().await;
    declared.close().await;
    Ok(differences)
}
