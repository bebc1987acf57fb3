//! Which backups were proven, kept beside them: `proven/<id>.json`, written by the drill that restored it.
//!
//! The table `backup_drills` tells people. Prune asks here: it needs no database, and an encrypted backup may be drilled on
//! another machine, where the key is and the live database is not.

use crate::{drill::Drilled, manifest::BackupId, store::Store};
use anyhow::{Context, Result};
use std::collections::BTreeSet;

const PROVEN: &str = "proven";

/// Keeps the outcome of a drill that held. One that failed takes back nothing: it may be the server's fault, and a backup that is
/// kept for longer does no harm.
///
/// # Errors
/// When the store refuses; a drill needs only the right to read it.
pub async fn keep(store: &Store, drilled: &Drilled) -> Result<()> {
    if !drilled.ok {
        return Ok(());
    }
    let written = serde_json::to_vec(drilled).context("writing the outcome of a drill as JSON")?;
    store.put(&path(&drilled.backup_id), written.into()).await
}

/// All backups that were proven once.
///
/// # Errors
/// When the store cannot be read.
pub async fn proven(store: &Store) -> Result<BTreeSet<BackupId>> {
    let entries = store.list(PROVEN).await?;
    let name = |path: &str| path.strip_prefix("proven/")?.strip_suffix(".json").and_then(BackupId::parse);
    Ok(entries.iter().filter_map(|entry| name(&entry.path)).collect())
}

/// Goes with its backup.
pub(crate) async fn forget(store: &Store, id: &BackupId) -> Result<()> {
    store.delete(&path(id)).await
}

fn path(id: &BackupId) -> String {
    format!("{PROVEN}/{id}.json")
}
