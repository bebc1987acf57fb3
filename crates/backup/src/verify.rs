//! `verify`: checks every byte of a backup against the manifest and its seal.

use crate::{
    failure::{failure, inline},
    keys::Identities,
    list::{Listing, list},
    manifest::{BackupId, BackupState, FileKind, MANIFEST, Manifest, SEAL},
    progress::Progress,
    store::Store,
    stream::{Depth, read_file},
};
use anyhow::Result;
use indicatif::HumanBytes;
use std::collections::BTreeSet;

/// What was checked, when everything was fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Number of files, including manifest and seal.
    pub files: usize,
    /// Stored bytes read.
    pub bytes: u64,
    /// Whether the content was decoded too, which an encrypted backup without its key does not
    /// allow.
    pub decoded: bool,
}

/// Checks one backup.
///
/// # Errors
/// With the first difference from what was written.
pub async fn verify(
    store: &Store,
    id: &BackupId,
    identities: &Identities,
    progress: &Progress,
) -> Result<Verified> {
    let manifest = BackupState::read(store, id).await?.manifest(store, id)?;
    same_files(store, &manifest).await?;
    progress.expect(manifest.stored_bytes());
    let decoded = manifest.encryption.is_none() || !identities.is_empty();
    for file in &manifest.files {
        let keys = manifest.encryption.as_ref().map(|_| identities);
        let depth = if decoded { Depth::Decoded } else { Depth::Stored };
        let mut plain = read_file(store, id.file(&file.name), file, keys, depth);
        let mut head = Vec::new();
        while let Some(chunk) = plain.recv().await {
            let chunk = chunk?;
            if head.len() < LONGEST_MAGIC {
                head.extend_from_slice(&chunk[..chunk.len().min(LONGEST_MAGIC)]);
            }
        }
        if decoded && !has_magic(&file.kind, &head) {
            let wrong = "it is complete, but does not start like a file of its kind";
            return Err(failure(
                format!("checking {}/{}", store.location(), id.file(&file.name)),
                wrong,
                "create another backup, and report this as a bug",
            ));
        }
        progress.add(file.stored_bytes);
        progress.finished(&file.name, file.plain_bytes);
    }
    Ok(Verified { files: manifest.files.len() + 2, bytes: manifest.stored_bytes(), decoded })
}

/// Checks all sealed backups of a store and prints a line for each; fails at the end if one is bad.
///
/// # Errors
/// When one is damaged or the store cannot be read.
pub async fn verify_all(
    store: &Store,
    identities: &Identities,
    progress: &Progress,
    print: &mut (dyn FnMut(&str) -> Result<()> + Send),
) -> Result<()> {
    let Listing(found) = list(store).await?;
    let (mut good, mut bad) = (0, 0);
    for (id, state) in &found {
        if matches!(state, BackupState::Unfinished) {
            print(&format!("{id}  unfinished, not checked"))?;
            continue;
        }
        match verify(store, id, identities, progress).await {
            Ok(verified) => {
                good += 1;
                print(&format!("{id}  {}", verified.sentence()))?;
            }
            Err(error) => {
                bad += 1;
                print(&format!("{id}  BAD: {}", inline(&error)))?;
            }
        }
    }
    if bad > 0 {
        return Err(failure(
            format!("verifying the backups in {}", store.location()),
            format!("{bad} of {} are damaged; the lines above have the reasons", good + bad),
            "do not use the damaged ones, and find out what changed their files",
        ));
    }
    print(&format!("{good} of {good} backups are intact."))
}

impl Verified {
    /// For the user.
    pub fn sentence(&self) -> String {
        let depth =
            if self.decoded { "decoded" } else { "not decoded: it is encrypted and no --identity was given" };
        format!("good: {} files, {}, every byte as written, {depth}", self.files, HumanBytes(self.bytes))
    }
}

/// An additional or missing file shows that the backup was changed.
async fn same_files(store: &Store, manifest: &Manifest) -> Result<()> {
    let named = manifest.files.iter().map(|file| file.name.as_str()).chain([MANIFEST, SEAL]);
    let expected: BTreeSet<String> = named.map(|name| manifest.id.file(name)).collect();
    let there: BTreeSet<String> =
        store.list(manifest.id.as_str()).await?.into_iter().map(|entry| entry.path).collect();
    let tried = format!("checking the files of {} in {}", manifest.id, store.location());
    if let Some(missing) = expected.difference(&there).next() {
        let next = "do not use this backup; choose another one";
        return Err(failure(tried, format!("{missing} is missing"), next));
    }
    if let Some(surplus) = there.difference(&expected).next() {
        let wrong = format!("{surplus} does not belong to it");
        return Err(failure(tried, wrong, "find out where it comes from, remove it, and verify again"));
    }
    Ok(())
}

/// Bytes at the start of a file that show its kind.
const LONGEST_MAGIC: usize = 11;

fn has_magic(kind: &FileKind, head: &[u8]) -> bool {
    use crate::manifest::CopyFormat;
    match kind {
        FileKind::Schema | FileKind::PreData | FileKind::Data | FileKind::PostData => {
            head.starts_with(b"PGDMP")
        }
        FileKind::Table { format: CopyFormat::Binary, .. } => head.starts_with(b"PGCOPY\n\xff\r\n\0"),
        FileKind::Table { format: CopyFormat::Text, .. }
        | FileKind::Base
        | FileKind::Contents
        | FileKind::Wal => true,
    }
}
