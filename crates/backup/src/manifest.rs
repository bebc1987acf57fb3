//! The manifest of a backup, and the seal that completes it.
//!
//! A backup is the prefix `<id>/` of a store. Its files are written first, then `manifest.json`,
//! and `manifest.b3` (the BLAKE3 of the manifest) last. A backup counts only with its seal, so a
//! partial one is never mistaken for a complete one.

use crate::{failure::failure, store::Store};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use indicatif::HumanBytes;
use serde::{Deserialize, Serialize};
use squall_base::random::{self, hex};
use std::fmt;

/// The layout this version writes and the newest one it reads.
pub const FORMAT: u32 = 2;
/// The file of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The file of the seal: 64 lowercase hex digits and a line feed.
pub const SEAL: &str = "manifest.b3";

/// Everything about a finished backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of the backup, which is read before the rest.
    pub format: u32,
    /// Equal to the prefix of its files.
    pub id: BackupId,
    /// The version of Squall that created it.
    pub tool_version: String,
    /// When `create` started.
    pub started_at: DateTime<Utc>,
    /// How long `create` took.
    pub duration_ms: u64,
    /// When the snapshot was taken: the backup contains everything committed before.
    pub snapshot_at: DateTime<Utc>,
    /// The server it was taken from.
    pub server: ServerFacts,
    /// The database it was taken from.
    pub database: DatabaseFacts,
    /// Who can decrypt it; `None` when it is not encrypted.
    pub encryption: Option<Encryption>,
    /// Every file but the manifest and its seal.
    pub files: Vec<FileEntry>,
    /// Every table with its number of rows in the snapshot.
    pub tables: Vec<TableRows>,
}

/// The server a backup was taken from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerFacts {
    /// `server_version`: `18.4`.
    pub version: String,
    /// `server_version_num`: `180004`.
    pub version_number: i32,
}

/// What is needed to create an equal database, and to compare it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Its name.
    pub name: String,
    /// Its size on disk.
    pub bytes: i64,
    /// The newest migration that succeeded.
    pub schema_version: Option<i64>,
    /// `UTF8`.
    pub encoding: String,
    /// `libc`, `icu` or `builtin`.
    pub locale_provider: String,
    /// LC_COLLATE.
    pub collate: String,
    /// LC_CTYPE.
    pub ctype: String,
    /// The locale of the providers `icu` and `builtin`.
    pub locale: Option<String>,
    /// Settings from `alter database … set`: `name=value`.
    pub settings: Vec<String>,
    /// Valid indexes.
    pub valid_indexes: i64,
    /// Validated constraints, without NOT NULL.
    pub valid_constraints: i64,
}

/// Who can decrypt a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Encryption {
    /// Always `age`.
    pub scheme: String,
    /// Public keys.
    pub recipients: Vec<String>,
}

/// One file of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name under the prefix.
    pub name: String,
    /// Its content.
    #[serde(flatten)]
    pub kind: FileKind,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes in the store.
    pub stored_bytes: u64,
    /// The BLAKE3 of the stored bytes, in lowercase hex.
    pub blake3: String,
}

/// The content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FileKind {
    /// An archive of pg_dump: everything but rows.
    Schema,
    /// In format 1, an archive of what is created before the rows: types, tables, functions.
    PreData,
    /// An archive of pg_dump: rows and sequence values.
    Data,
    /// In format 1, an archive of what is created after the rows: indexes, constraints, triggers.
    PostData,
    /// The rows of one table as COPY writes them.
    Table {
        /// Its schema.
        schema: String,
        /// Its name.
        table: String,
        /// Its columns in the order of the file.
        columns: Vec<String>,
        /// How COPY wrote it.
        format: CopyFormat,
    },
    /// A tar of pg_basebackup: the data folder.
    Base,
    /// The list of the files in that tar (`backup_manifest` of pg_basebackup).
    Contents,
    /// A segment of the write-ahead log.
    Wal,
}

/// How COPY wrote a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyFormat {
    /// Compact; used unless the bytes of a column depend on object ids of one database.
    Binary,
    /// For all other columns.
    Text,
}

impl CopyFormat {
    /// The word in `copy … with (format …)`.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Text => "text",
        }
    }
}

/// A table and its rows in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `count(*)`.
    pub rows: i64,
}

impl Manifest {
    /// Bytes in the store, without manifest and seal.
    pub fn stored_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.stored_bytes).sum()
    }

    /// Bytes before compression.
    pub fn plain_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.plain_bytes).sum()
    }

    /// Rows of all tables.
    pub fn rows(&self) -> i64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    /// A summary for the user.
    pub fn sentence(&self, location: &str) -> String {
        let Self { database, tables, files, .. } = self;
        let sealed = if self.encryption.is_some() { "encrypted" } else { "not encrypted" };
        format!(
            "{} of {} in {} tables, {} files, {} ({sealed}), in {:.1} s, in {location}",
            database.name,
            HumanBytes(u64::try_from(database.bytes).unwrap_or_default()),
            tables.len(),
            files.len(),
            HumanBytes(self.stored_bytes()),
            self.duration_ms as f64 / 1_000.0,
        )
    }

    /// The file of a kind that occurs once in every backup.
    ///
    /// # Errors
    /// When the manifest has none.
    pub fn file(&self, kind: &FileKind) -> Result<&FileEntry> {
        self.files.iter().find(|file| file.kind == *kind).with_context(|| {
            format!("the manifest of {} has no file of the kind {kind:?}; create another backup", self.id)
        })
    }

    /// Writes the manifest and then the seal, which completes the backup.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn seal(&self, store: &Store) -> Result<()> {
        let written = serde_json::to_vec_pretty(self).context("encoding the manifest")?;
        let seal = format!("{}\n", blake3::hash(&written).to_hex());
        store.put(&self.id.file(MANIFEST), written.into()).await?;
        store.put(&self.id.file(SEAL), seal.into_bytes().into()).await
    }
}

/// The state of a backup.
#[derive(Debug)]
pub enum BackupState {
    /// Complete, with a manifest that this version reads.
    Sealed(Box<Manifest>),
    /// Without a seal: it is being written, or its writer was killed.
    Unfinished,
    /// The manifest is not the one that was sealed; with the reason.
    Damaged(String),
    /// Created by a newer Squall; with a message.
    Newer(String),
}

impl BackupState {
    /// Reads manifest and seal and checks them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read(store: &Store, id: &BackupId) -> Result<Self> {
        let Some(seal) = store.get(&id.file(SEAL)).await? else { return Ok(Self::Unfinished) };
        let Some(written) = store.get(&id.file(MANIFEST)).await? else {
            return Ok(Self::Damaged(format!("{MANIFEST} is missing")));
        };
        Ok(check(id, &written, &seal))
    }

    /// The manifest of a sealed backup.
    ///
    /// # Errors
    /// When the backup is not usable, with what to do next.
    pub fn manifest(self, store: &Store, id: &BackupId) -> Result<Manifest> {
        let tried = format!("opening the backup {id} in {}", store.location());
        match self {
            Self::Sealed(manifest) => Ok(*manifest),
            Self::Unfinished => Err(failure(
                tried,
                "it was never finished, or does not exist",
                "choose one from `squall-backup list`",
            )),
            Self::Damaged(why) => Err(failure(
                tried,
                why,
                "do not use it; choose another one, and find out what changed its files",
            )),
            Self::Newer(why) => Err(failure(tried, why, "use that version of Squall or a newer one")),
        }
    }
}

fn check(id: &BackupId, written: &[u8], seal: &[u8]) -> BackupState {
    let expected = format!("{}\n", blake3::hash(written).to_hex());
    if seal != expected.as_bytes() {
        return BackupState::Damaged(format!("{MANIFEST} and {SEAL} do not match: one of them was changed"));
    }
    let header: Header = match serde_json::from_slice(written) {
        Ok(header) => header,
        Err(error) => return BackupState::Damaged(format!("{MANIFEST} is not a manifest: {error}")),
    };
    if header.format > FORMAT {
        return BackupState::Newer(format!(
            "a newer Squall created it (format {}, this one reads up to {FORMAT}); use version {} or newer",
            header.format, header.tool_version
        ));
    }
    match serde_json::from_slice::<Manifest>(written) {
        Ok(manifest) if manifest.id != *id => {
            BackupState::Damaged(format!("its manifest belongs to the backup {}", manifest.id))
        }
        Ok(manifest) => match manifest.files.iter().find(|file| !is_plain_name(&file.name)) {
            Some(file) => {
                BackupState::Damaged(format!("{:?} is not a valid name for a file of a backup", file.name))
            }
            None => BackupState::Sealed(Box::new(manifest)),
        },
        Err(error) => BackupState::Damaged(format!("{MANIFEST} is not a manifest: {error}")),
    }
}

#[derive(Deserialize)]
struct Header {
    format: u32,
    #[serde(default)]
    tool_version: String,
}

/// A name without a path, because a manifest could be forged.
fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain) && name != MANIFEST && name != SEAL
}

/// The id of a backup: `20261121T055012Z-9f3a`. Ids sort by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);

impl BackupId {
    /// A new id for a backup that starts at this time.
    pub fn new(started_at: DateTime<Utc>) -> Self {
        Self(format!("{}-{}", started_at.format("%Y%m%dT%H%M%SZ"), hex(&random::bytes::<2>())))
    }

    /// An id, if the text is one.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, random) = text.split_once('-')?;
        chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").ok()?;
        let hex = random.len() == 4 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (time.len() == 16 && hex).then(|| Self(text.to_owned()))
    }

    /// When `create` started, to the second.
    pub fn started_at(&self) -> DateTime<Utc> {
        let time = self.0.get(..16).unwrap_or_default();
        chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").unwrap_or_default().and_utc()
    }

    /// The path of one of its files in the store.
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl From<BackupId> for String {
    fn from(id: BackupId) -> Self {
        id.0
    }
}

impl TryFrom<String> for BackupId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("{text:?} is not the id of a backup, such as 20261121T055012Z-9f3a"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_parsed_and_a_malformed_one_is_not() {
        let now = Utc::now();
        let id = BackupId::new(now);
        assert_eq!(BackupId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.started_at().timestamp(), now.timestamp());
        for wrong in
            ["", "latest", "20261121T055012Z", "20261121T055012Z-9F3A", "20261321T055012Z-9f3a", "../x-9f3a"]
        {
            assert_eq!(BackupId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_that_leaves_the_prefix_is_refused() {
        for (name, plain) in [
            ("data.dump.zst", true),
            ("../x", false),
            (".x", false),
            ("", false),
            (MANIFEST, false),
            ("a/b", false),
        ] {
            assert_eq!(is_plain_name(name), plain, "{name}");
        }
    }
}
