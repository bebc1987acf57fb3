//! The record of proven backups, in the live database, where the dashboard and the metric read it.

use crate::{
    drill::Drilled,
    postgres::{self, Server},
};
use anyhow::{Context, Result};
use sqlx::Connection;

/// Whether a drill was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was.
    Written,
    /// The database has no table `backup_drills`.
    NoTable,
}

/// Writes the outcome of a drill to the table `backup_drills`, if the database has one.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn record(server: &Server, drilled: &Drilled) -> Result<Recorded> {
    let mut connection = server.connect().await?;
    let known = "select to_regclass('backup_drills') is not null";
    if !postgres::value::<bool>(&mut connection, known).await? {
        return Ok(Recorded::NoTable);
    }
    sqlx::query(RECORD)
        .bind(drilled.backup_id.as_str())
        .bind(&drilled.location)
        .bind(drilled.made_at)
        .bind(drilled.proven_at)
        .bind(drilled.ok)
        .bind(i64::try_from(drilled.duration_ms).unwrap_or(i64::MAX))
        .bind(drilled.bytes)
        .bind(drilled.rows)
        .bind(serde_json::to_value(drilled).context("writing the outcome as JSON")?)
        .execute(&mut connection)
        .await
        .context("recording the drill in backup_drills")?;
    connection.close().await.context("leaving the database")?;
    Ok(Recorded::Written)
}

const RECORD: &str = r"
insert into backup_drills (backup_id, location, made_at, proven_at, ok, duration_ms, bytes, rows, details)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
