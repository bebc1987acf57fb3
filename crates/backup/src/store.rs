//! Where backups lie: a folder, or a bucket of any S3-compatible store.
//!
//! Both keep the same promise: a path either holds the whole of what was put, durably, or nothing. A
//! stream that ends with an error leaves nothing behind. Credentials come from the standard `AWS_*`
//! variables, or from files that those variables with `_FILE` behind them name, and are never part of a location,
//! so a location can be shown.

mod folder;
mod bucket;

use crate::failure::Failure;
use anyhow::Result;
use bucket::Bucket;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use folder::Folder;
use futures_util::stream::BoxStream;
use std::{collections::BTreeMap, io};
use tokio::sync::mpsc::Receiver;

/// A place for backups. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Place);

#[derive(Debug, Clone)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

/// A file in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the location.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last written.
    pub written_at: DateTime<Utc>,
}

/// What may stand in a file instead.
const SECRETS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

impl Store {
    /// Opens a folder (made when it is not there) or `s3://bucket/prefix`, with the environment's `AWS_*`.
    ///
    /// # Errors
    /// When the location is malformed, or the folder cannot be made.
    pub fn open(location: &str) -> Result<Self> {
        let mut environment: BTreeMap<_, _> = std::env::vars_os().filter_map(utf8).collect();
        for name in SECRETS {
            let found = squall_base::secrets::read_from_process(name).map_err(|wrong| {
                Failure::new(
                    "reading the credentials of the store",
                    wrong,
                    "mend this variable, then run the command again",
                )
            })?;
            environment.extend(found.map(|secret| (name.to_owned(), secret.value)));
        }
        Self::open_with(location, &environment)
    }

    /// The same with another environment.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(location: &str, environment: &BTreeMap<String, String>) -> Result<Self> {
        match location.split_once("://") {
            Some(("s3", rest)) => Ok(Self(Place::Bucket(Bucket::open(rest, environment)?))),
            Some(("file", folder)) => Ok(Self(Place::Folder(Folder::open(folder)?))),
            Some((scheme, _)) => Err(Failure::new(
                "opening the place of the backups",
                format!("{scheme}:// is not supported"),
                "use a folder, or s3://bucket/prefix",
            )),
            None => Ok(Self(Place::Folder(Folder::open(location)?))),
        }
    }

    /// The location as it may be shown.
    pub fn location(&self) -> String {
        match &self.0 {
            Place::Folder(folder) => folder.location(),
            Place::Bucket(bucket) => bucket.location(),
        }
    }

    /// Writes a stream to a path; an error in the stream leaves the path as it was.
    ///
    /// # Errors
    /// When the store refuses, or the stream ends with an error.
    pub async fn put_stream(&self, path: &str, chunks: Receiver<io::Result<Bytes>>) -> Result<()> {
        match &self.0 {
            Place::Folder(folder) => folder.put_stream(path, chunks).await,
            Place::Bucket(bucket) => bucket.put_stream(path, chunks).await,
        }
    }

    /// Writes a small file.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn put(&self, path: &str, content: Bytes) -> Result<()> {
        let (sender, chunks) = tokio::sync::mpsc::channel(1);
        // The channel has room for one, so that this never waits.
        let _ = sender.send(Ok(content)).await;
        drop(sender);
        self.put_stream(path, chunks).await
    }

    /// The content of a small file; none when it is not there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        match &self.0 {
            Place::Folder(folder) => folder.get(path).await,
            Place::Bucket(bucket) => bucket.get(path).await,
        }
    }

    /// The content of a file in chunks; none when it is not there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get_stream(&self, path: &str) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
        match &self.0 {
            Place::Folder(folder) => folder.get_stream(path).await,
            Place::Bucket(bucket) => bucket.get_stream(path).await,
        }
    }

    /// The names directly below the location that hold files.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn prefixes(&self) -> Result<Vec<String>> {
        let mut prefixes = match &self.0 {
            Place::Folder(folder) => folder.prefixes().await?,
            Place::Bucket(bucket) => bucket.prefixes().await?,
        };
        prefixes.sort();
        Ok(prefixes)
    }

    /// All files below a prefix, by path.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let mut entries = match &self.0 {
            Place::Folder(folder) => folder.list(prefix).await?,
            Place::Bucket(bucket) => bucket.list(prefix).await?,
        };
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(entries)
    }

    /// Removes a file; it is fine when it is not there.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match &self.0 {
            Place::Folder(folder) => folder.delete(path).await,
            Place::Bucket(bucket) => bucket.delete(path).await,
        }
    }

    /// Ends the uploads of files in parts that were begun before a moment and never ended, and answers how many there
    /// were. A folder has none.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn abandon_uploads(&self, begun_before: DateTime<Utc>) -> Result<usize> {
        match &self.0 {
            Place::Folder(_) => Ok(0),
            Place::Bucket(bucket) => bucket.abandon_uploads(begun_before).await,
        }
    }

    /// Removes everything below a prefix, `first` before all else.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete_prefix(&self, prefix: &str, first: &str) -> Result<()> {
        self.delete(&format!("{prefix}/{first}")).await?;
        for entry in self.list(prefix).await? {
            self.delete(&entry.path).await?;
        }
        match &self.0 {
            Place::Folder(folder) => folder.forget(prefix).await,
            Place::Bucket(_) => Ok(()),
        }
    }
}

fn utf8((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}
