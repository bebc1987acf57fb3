//! Proofs that backups restore, stored with them as `proven/<id>.json` by a successful drill.
//!
//! The table `backup_drills` informs users. Prune reads the proofs here because it needs no
//! database then, and because an encrypted backup may be drilled on another machine, which has the
//! key but not the live database.

use crate::{drill::DrillReport, manifest::BackupId, store::Store};
use anyhow::{Context, Result};
use std::collections::BTreeSet;

const PROVEN: &str = "proven";

/// Stores the report of a successful drill. A failed drill does not revoke an earlier proof: the
/// server may be the cause, and keeping a backup longer does no harm.
///
/// # Errors
/// When the store cannot be written; a drill alone only reads it.
pub async fn store(store: &Store, report: &DrillReport) -> Result<()> {
    if !report.ok {
        return Ok(());
    }
    let written = serde_json::to_vec(report).context("encoding the report of a drill")?;
    store.put(&path(&report.backup_id), written.into()).await
}

/// All backups that a drill has restored.
///
/// # Errors
/// When the store cannot be read.
pub async fn proven(store: &Store) -> Result<BTreeSet<BackupId>> {
    let entries = store.list(PROVEN).await?;
    let name = |path: &str| path.strip_prefix("proven/")?.strip_suffix(".json").and_then(BackupId::parse);
    Ok(entries.iter().filter_map(|entry| name(&entry.path)).collect())
}

/// Removes the proof of a removed backup.
pub(crate) async fn remove(store: &Store, id: &BackupId) -> Result<()> {
    store.delete(&path(id)).await
}

fn path(id: &BackupId) -> String {
    format!("{PROVEN}/{id}.json")
}
