//! `list`: what is there.

use crate::{
    failure::Failure,
    manifest::{BackupId, Found, Manifest},
    store::Store,
};
use anyhow::Result;
use indicatif::HumanBytes;
use serde::Serialize;

/// Everything that looks like a backup, the oldest first.
#[derive(Debug)]
pub struct Listing(pub Vec<(BackupId, Found)>);

/// Reads all manifests of a store.
///
/// # Errors
/// When the store cannot be read.
pub async fn list(store: &Store) -> Result<Listing> {
    let mut found = Vec::new();
    for id in store.prefixes().await?.iter().filter_map(|prefix| BackupId::parse(prefix)) {
        let state = Found::read(store, &id).await?;
        found.push((id, state));
    }
    Ok(Listing(found))
}

/// Finds the backup a user means: an id, or `latest`, the newest one that is sealed.
///
/// # Errors
/// When there is none such, with the next step.
pub async fn choose(store: &Store, wanted: &str) -> Result<Manifest> {
    if wanted != "latest" {
        let id = BackupId::try_from(wanted.to_owned()).map_err(|wrong| {
            Failure::new(
                "choosing a backup",
                wrong,
                "give an id that `squall-backup list` shows, or `latest`",
            )
        })?;
        return Found::read(store, &id).await?.manifest(store, &id);
    }
    let newest = list(store).await?.0.into_iter().rev().find_map(|(_, found)| match found {
        Found::Sealed(manifest) => Some(*manifest),
        _ => None,
    });
    newest.ok_or_else(|| {
        Failure::new(
            format!("choosing the latest backup in {}", store.location()),
            "there is none",
            "make one with `squall-backup create`, or give another place with --from",
        )
    })
}

impl Listing {
    /// The sealed ones, the oldest first.
    pub fn sealed(&self) -> impl DoubleEndedIterator<Item = &Manifest> {
        self.0.iter().filter_map(|(_, found)| match found {
            Found::Sealed(manifest) => Some(&**manifest),
            _ => None,
        })
    }

    /// A table for people. Unfinished ones stand below it.
    pub fn table(&self, location: &str) -> String {
        let mut lines = vec![format!(
            "{:<22} {:<17} {:<20} {:>10} {:>12} {:>7} {:<9} STATE",
            "BACKUP", "MADE AT (UTC)", "DATABASE", "SIZE", "ROWS", "SCHEMA", "ENCRYPTED"
        )];
        let mut notes = Vec::new();
        for (id, found) in &self.0 {
            match found {
                Found::Sealed(manifest) => lines.push(line(manifest)),
                Found::Damaged(why) => lines.push(format!("{id:<22} damaged: {why}")),
                Found::Newer(why) => lines.push(format!("{id:<22} {why}")),
                Found::Unfinished => notes.push(format!("Unfinished: {id}")),
            }
        }
        if lines.len() == 1 {
            lines = vec![format!("No backups in {location}.")];
        }
        lines.extend(notes);
        lines.join("\n")
    }

    /// The same for programs.
    pub fn json(&self) -> Vec<Listed<'_>> {
        self.0.iter().map(|(id, found)| Listed::new(id, found)).collect()
    }
}

/// A backup as `list --json` tells it.
#[derive(Debug, Serialize)]
pub struct Listed<'a> {
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

impl<'a> Listed<'a> {
    fn new(id: &'a BackupId, found: &'a Found) -> Self {
        let bare =
            Self { id, state: "unfinished", why: None, stored_bytes: None, rows: None, manifest: None };
        match found {
            Found::Unfinished => bare,
            Found::Damaged(why) => Self { state: "damaged", why: Some(why), ..bare },
            Found::Newer(why) => Self { state: "newer", why: Some(why), ..bare },
            Found::Sealed(manifest) => Self {
                state: "sealed",
                stored_bytes: Some(manifest.stored_bytes()),
                rows: Some(manifest.rows()),
                manifest: Some(manifest),
                ..bare
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
