//! Where backups are stored: a folder, or a bucket of any S3-compatible store.
//!
//! Both write atomically: after a write a path has the complete content, durably, or does not
//! exist. A stream that ends with an error leaves nothing behind. Credentials come from the
//! standard `AWS_*` variables, or from files named by these variables with the suffix `_FILE`. They
//! are never part of a location, so a location can be shown.

mod folder;
mod bucket;

use crate::failure::failure;
use anyhow::Result;
use bucket::Bucket;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use folder::Folder;
use futures_util::stream::BoxStream;
use std::{collections::BTreeMap, io};
use tokio::sync::mpsc::Receiver;

/// Storage for backups. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Backend);

#[derive(Debug, Clone)]
enum Backend {
    Folder(Folder),
    Bucket(Bucket),
}

/// A file in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the location.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// When it was last written.
    pub written_at: DateTime<Utc>,
}

/// Variables that a file may replace.
const SECRETS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

impl Store {
    /// Opens a folder, which is created when missing, or `s3://bucket/prefix` with the `AWS_*`
    /// variables.
    ///
    /// # Errors
    /// When the location is malformed, or the folder cannot be created.
    pub fn open(location: &str) -> Result<Self> {
        let mut environment: BTreeMap<_, _> = std::env::vars_os().filter_map(utf8).collect();
        for name in SECRETS {
            let found = squall_base::secrets::read_from_process(name).map_err(|wrong| {
                failure(
                    "reading the credentials of the store",
                    wrong,
                    "fix this variable, then run the command again",
                )
            })?;
            environment.extend(found.map(|secret| (name.to_owned(), secret.value)));
        }
        Self::open_with(location, &environment)
    }

    /// The same with other variables.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(location: &str, environment: &BTreeMap<String, String>) -> Result<Self> {
        match location.split_once("://") {
            Some(("s3", rest)) => Ok(Self(Backend::Bucket(Bucket::open(rest, environment)?))),
            Some(("file", folder)) => Ok(Self(Backend::Folder(Folder::open(folder)?))),
            Some((scheme, _)) => Err(failure(
                "opening the location of the backups",
                format!("{scheme}:// is not supported"),
                "use a folder, or s3://bucket/prefix",
            )),
            None => Ok(Self(Backend::Folder(Folder::open(location)?))),
        }
    }

    /// The location, without credentials.
    pub fn location(&self) -> String {
        match &self.0 {
            Backend::Folder(folder) => folder.location(),
            Backend::Bucket(bucket) => bucket.location(),
        }
    }

    /// Writes a stream to a path; an error in the stream leaves the path unchanged.
    ///
    /// # Errors
    /// When the store refuses, or the stream ends with an error.
    pub async fn put_stream(&self, path: &str, chunks: Receiver<io::Result<Bytes>>) -> Result<()> {
        match &self.0 {
            Backend::Folder(folder) => folder.put_stream(path, chunks).await,
            Backend::Bucket(bucket) => bucket.put_stream(path, chunks).await,
        }
    }

    /// Writes a small file.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn put(&self, path: &str, content: Bytes) -> Result<()> {
        let (sender, chunks) = tokio::sync::mpsc::channel(1);
        // Never waits: the channel has room for one.
        let _ = sender.send(Ok(content)).await;
        drop(sender);
        self.put_stream(path, chunks).await
    }

    /// The content of a small file; `None` when it does not exist.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        match &self.0 {
            Backend::Folder(folder) => folder.get(path).await,
            Backend::Bucket(bucket) => bucket.get(path).await,
        }
    }

    /// The content of a file in chunks; `None` when it does not exist.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn get_stream(&self, path: &str) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
        match &self.0 {
            Backend::Folder(folder) => folder.get_stream(path).await,
            Backend::Bucket(bucket) => bucket.get_stream(path).await,
        }
    }

    /// The names of the folders directly below the location.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn prefixes(&self) -> Result<Vec<String>> {
        let mut prefixes = match &self.0 {
            Backend::Folder(folder) => folder.prefixes().await?,
            Backend::Bucket(bucket) => bucket.prefixes().await?,
        };
        prefixes.sort();
        Ok(prefixes)
    }

    /// All files below a prefix, sorted by path.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let mut entries = match &self.0 {
            Backend::Folder(folder) => folder.list(prefix).await?,
            Backend::Bucket(bucket) => bucket.list(prefix).await?,
        };
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(entries)
    }

    /// Removes a file, if it exists.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete(&self, path: &str) -> Result<()> {
        match &self.0 {
            Backend::Folder(folder) => folder.delete(path).await,
            Backend::Bucket(bucket) => bucket.delete(path).await,
        }
    }

    /// Aborts unfinished multipart uploads that started before a time, and returns their number. A
    /// folder has none.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn abandon_uploads(&self, started_before: DateTime<Utc>) -> Result<usize> {
        match &self.0 {
            Backend::Folder(_) => Ok(0),
            Backend::Bucket(bucket) => bucket.abandon_uploads(started_before).await,
        }
    }

    /// Removes everything below a prefix, starting with `first`.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn delete_prefix(&self, prefix: &str, first: &str) -> Result<()> {
        self.delete(&format!("{prefix}/{first}")).await?;
        for entry in self.list(prefix).await? {
            self.delete(&entry.path).await?;
        }
        match &self.0 {
            Backend::Folder(folder) => folder.remove_folder(prefix).await,
            Backend::Bucket(_) => Ok(()),
        }
    }
}

fn utf8((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}
