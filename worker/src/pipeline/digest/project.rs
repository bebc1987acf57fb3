//! The settings of the projects whose events a turn digests.

use anyhow::{Context, Result};
use sqlx::PgConnection;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) grouping_version: i64,
    pub(super) retention_days: i32,
}

pub(super) type Projects = BTreeMap<i64, Project>;

/// Reads these projects. Deleted ones are missing, and so will their events be.
pub(super) async fn read(connection: &mut PgConnection, ids: &[i64]) -> Result<Projects> {
    let rows =
        sqlx::query!("select id, grouping_version, retention_days from projects where id = any($1)", ids)
            .fetch_all(connection)
            .await
            .context("reading the projects of a turn")?;
    let projects = rows.into_iter().map(|row| {
        (row.id, Project { grouping_version: row.grouping_version, retention_days: row.retention_days })
    });
    Ok(projects.collect())
}
