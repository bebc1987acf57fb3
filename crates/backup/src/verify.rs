//! `verify`: every byte of a backup, against the manifest and its seal.

use crate::{
    failure::Failure,
    keys::Identities,
    list::{Listing, list},
    manifest::{BackupId, FileKind, Found, MANIFEST, Manifest, SEAL},
    progress::Progress,
    store::Store,
    stream::{Depth, unseal},
};
use anyhow::{Result, bail};
use indicatif::HumanBytes;
use std::collections::BTreeSet;

/// What was looked at, when all was well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Files, with manifest and seal.
    pub files: usize,
    /// Stored bytes read.
    pub bytes: u64,
    /// Whether the content was unpacked too; not so when it is encrypted and no key was given.
    pub decoded: bool,
}

/// Checks one backup.
///
/// # Errors
/// With the first thing that is not as it was written.
pub async fn verify(
    store: &Store,
    id: &BackupId,
    identities: &Identities,
    progress: &Progress,
) -> Result<Verified> {
    let manifest = Found::read(store, id).await?.manifest(store, id)?;
    same_files(store, &manifest).await?;
    progress.expect(manifest.stored_bytes());
    let decoded = manifest.encryption.is_none() || !identities.is_empty();
    for file in &manifest.files {
        let keys = manifest.encryption.as_ref().map(|_| identities);
        let depth = if decoded { Depth::Decoded } else { Depth::Stored };
        let mut plain = unseal(store, id.file(&file.name), file, keys, depth);
        let mut first = Vec::new();
        while let Some(chunk) = plain.recv().await {
            let chunk = chunk?;
            if first.len() < LONGEST_BEGINNING {
                first.extend_from_slice(&chunk[..chunk.len().min(LONGEST_BEGINNING)]);
            }
        }
        if decoded && !begins_as(&file.kind, &first) {
            let wrong = "it is whole, but does not begin as such a file does";
            return Err(Failure::new(
                format!("checking {}/{}", store.location(), id.file(&file.name)),
                wrong,
                "make another backup, and report this",
            ));
        }
        progress.add(file.stored_bytes);
        progress.finished(&file.name, file.plain_bytes);
    }
    Ok(Verified { files: manifest.files.len() + 2, bytes: manifest.stored_bytes(), decoded })
}

/// Checks all sealed backups of a store, answers a line for each, and fails at the end when one is bad.
///
/// # Errors
/// When one is damaged or the store cannot be read.
pub async fn verify_all(
    store: &Store,
    identities: &Identities,
    progress: &Progress,
    say: &mut (dyn FnMut(&str) -> Result<()> + Send),
) -> Result<()> {
    let Listing(found) = list(store).await?;
    let (mut good, mut bad) = (0, 0);
    for (id, state) in &found {
        if matches!(state, Found::Unfinished) {
            say(&format!("{id}  unfinished, not looked at"))?;
            continue;
        }
        match verify(store, id, identities, progress).await {
            Ok(verified) => {
                good += 1;
                say(&format!("{id}  {}", verified.sentence()))?;
            }
            Err(error) => {
                bad += 1;
                say(&format!("{id}  BAD: {error:#}"))?;
            }
        }
    }
    if bad > 0 {
        bail!("{bad} of {} backups are not as they were written; the lines above say why", good + bad);
    }
    say(&format!("{good} backups are as they were written."))
}

impl Verified {
    /// One line for people.
    pub fn sentence(&self) -> String {
        let depth = if self.decoded {
            "unpacked"
        } else {
            "not unpacked, as it is encrypted and no --identity was given"
        };
        format!("good: {} files, {}, every byte as written, {depth}", self.files, HumanBytes(self.bytes))
    }
}

/// A file too many or too few is a sign that somebody was here.
async fn same_files(store: &Store, manifest: &Manifest) -> Result<()> {
    let named = manifest.files.iter().map(|file| file.name.as_str()).chain([MANIFEST, SEAL]);
    let expected: BTreeSet<String> = named.map(|name| manifest.id.file(name)).collect();
    let there: BTreeSet<String> =
        store.list(manifest.id.as_str()).await?.into_iter().map(|entry| entry.path).collect();
    let tried = format!("checking the files of {} in {}", manifest.id, store.location());
    if let Some(missing) = expected.difference(&there).next() {
        let next = "do not use this backup: choose another one";
        return Err(Failure::new(tried, format!("{missing} is missing"), next));
    }
    if let Some(surplus) = there.difference(&expected).next() {
        let wrong = format!("{surplus} does not belong to it");
        return Err(Failure::new(tried, wrong, "find out who put it there, remove it, and verify again"));
    }
    Ok(())
}

const LONGEST_BEGINNING: usize = 11;

fn begins_as(kind: &FileKind, first: &[u8]) -> bool {
    use crate::manifest::CopyFormat;
    match kind {
        FileKind::Schema | FileKind::PreData | FileKind::Data | FileKind::PostData => {
            first.starts_with(b"PGDMP")
        }
        FileKind::Table { format: CopyFormat::Binary, .. } => first.starts_with(b"PGCOPY\n\xff\r\n\0"),
        FileKind::Table { format: CopyFormat::Text, .. }
        | FileKind::Base
        | FileKind::Contents
        | FileKind::Wal => true,
    }
}
