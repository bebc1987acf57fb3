//! Drills in the table `backup_drills` of the live database, where the dashboard and the metrics
//! read them.

use crate::{
    drill::DrillReport,
    postgres::{self, Server},
};
use anyhow::{Context, Result};
use sqlx::Connection;

/// Whether a drill was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was written.
    Written,
    /// The database has no table `backup_drills`.
    NoTable,
}

/// Writes the report of a drill to the table `backup_drills`, if the database has it.
///
/// # Errors
/// When the database cannot be reached or refuses.
pub async fn record(server: &Server, report: &DrillReport) -> Result<Recorded> {
    let mut connection = server.connect().await?;
    let exists = "select to_regclass('backup_drills') is not null";
    if !postgres::value::<bool>(&mut connection, exists).await? {
        return Ok(Recorded::NoTable);
    }
    sqlx::query(RECORD)
        .bind(report.backup_id.as_str())
        .bind(&report.location)
        .bind(report.made_at)
        .bind(report.proven_at)
        .bind(report.ok)
        .bind(i64::try_from(report.duration_ms).unwrap_or(i64::MAX))
        .bind(report.bytes)
        .bind(report.rows)
        .bind(serde_json::to_value(report).context("encoding the report of a drill")?)
        .execute(&mut connection)
        .await
        .context("recording the drill in backup_drills")?;
    connection.close().await.context("closing the connection")?;
    Ok(Recorded::Written)
}

const RECORD: &str = r"
insert into backup_drills (backup_id, location, made_at, proven_at, ok, duration_ms, bytes, rows, details)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
