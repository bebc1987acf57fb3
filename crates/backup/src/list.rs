//! `list`: the backups in a store.

use crate::{
    failure::failure,
    manifest::{BackupId, BackupState, Manifest},
    store::Store,
};
use anyhow::Result;
use indicatif::HumanBytes;
use serde::Serialize;

/// Every backup with its state, oldest first.
#[derive(Debug)]
pub struct Listing(pub Vec<(BackupId, BackupState)>);

/// Reads all manifests of a store.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(store: &Store) -> Result<Listing> {
    let mut backups = Vec::new();
    for id in store.prefixes().await?.iter().filter_map(|prefix| BackupId::parse(prefix)) {
        let state = BackupState::read(store, &id).await?;
        backups.push((id, state));
    }
    Ok(Listing(backups))
}

/// Finds a backup by its id, or the newest sealed one for `latest`.
///
/// # Errors
/// When it does not exist.
pub async fn choose(store: &Store, wanted: &str) -> Result<Manifest> {
    if wanted != "latest" {
        let id = BackupId::try_from(wanted.to_owned()).map_err(|wrong| {
            failure("choosing a backup", wrong, "use an id from `squall-backup list`, or `latest`")
        })?;
        return BackupState::read(store, &id).await?.manifest(store, &id);
    }
    let newest = list(store).await?.0.into_iter().rev().find_map(|(_, found)| match found {
        BackupState::Sealed(manifest) => Some(*manifest),
        _ => None,
    });
    newest.ok_or_else(|| {
        failure(
            format!("choosing the latest backup in {}", store.location()),
            "no backup was found",
            "create one with `squall-backup create`, or name another location with --from",
        )
    })
}

impl Listing {
    /// The sealed backups, oldest first.
    pub fn sealed(&self) -> impl DoubleEndedIterator<Item = &Manifest> {
        self.0.iter().filter_map(|(_, found)| match found {
            BackupState::Sealed(manifest) => Some(&**manifest),
            _ => None,
        })
    }

    /// A table with the unfinished backups below it.
    pub fn table(&self, location: &str) -> String {
        let mut lines = vec![format!(
            "{:<22} {:<17} {:<20} {:>10} {:>12} {:>7} {:<9} STATE",
            "BACKUP", "CREATED (UTC)", "DATABASE", "SIZE", "ROWS", "SCHEMA", "ENCRYPTED"
        )];
        let mut notes = Vec::new();
        for (id, found) in &self.0 {
            match found {
                BackupState::Sealed(manifest) => lines.push(line(manifest)),
                BackupState::Damaged(why) => lines.push(format!("{id:<22} damaged: {why}")),
                BackupState::Newer(why) => lines.push(format!("{id:<22} {why}")),
                BackupState::Unfinished => notes.push(format!("Unfinished: {id}")),
            }
        }
        if lines.len() == 1 {
            lines = vec![format!("No backups in {location}.")];
        }
        lines.extend(notes);
        lines.join("\n")
    }

    /// For `--json`.
    pub fn json(&self) -> Vec<ListEntry<'_>> {
        self.0.iter().map(|(id, found)| ListEntry::new(id, found)).collect()
    }
}

/// A backup in `list --json`.
#[derive(Debug, Serialize)]
pub struct ListEntry<'a> {
    id: &'a BackupId,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<&'a Manifest>,
}

impl<'a> ListEntry<'a> {
    fn new(id: &'a BackupId, found: &'a BackupState) -> Self {
        let unfinished =
            Self { id, state: "unfinished", why: None, stored_bytes: None, rows: None, manifest: None };
        match found {
            BackupState::Unfinished => unfinished,
            BackupState::Damaged(why) => Self { state: "damaged", why: Some(why), ..unfinished },
            BackupState::Newer(why) => Self { state: "newer", why: Some(why), ..unfinished },
            BackupState::Sealed(manifest) => Self {
                state: "sealed",
                stored_bytes: Some(manifest.stored_bytes()),
                rows: Some(manifest.rows()),
                manifest: Some(manifest),
                ..unfinished
            },
        }
    }
}

fn line(manifest: &Manifest) -> String {
    let schema =
        manifest.database.schema_version.map_or_else(|| "-".to_owned(), |version| version.to_string());
    format!(
        "{:<22} {:<17} {:<20} {:>10} {:>12} {:>7} {:<9} sealed",
        manifest.id,
        manifest.started_at.format("%Y-%m-%d %H:%M"),
        manifest.database.name,
        HumanBytes(manifest.stored_bytes()).to_string(),
        manifest.rows(),
        schema,
        if manifest.encryption.is_some() { "yes" } else { "no" },
    )
}
