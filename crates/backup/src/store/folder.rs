//! A folder. Files are written under a temporary name, synced and renamed; folders are synced too.

use super::Entry;
use crate::failure::{advice_after_write, failure};
use anyhow::{Context, Result};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use tokio::{sync::mpsc::Receiver, task::spawn_blocking};

/// How much is read at once: few system calls, little memory.
const CHUNK: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn open(root: &str) -> Result<Self> {
        let root = std::path::absolute(root).with_context(|| format!("resolving the folder {root:?}"))?;
        create_folders(&root).map_err(|error| failed_write(&root, &error))?;
        Ok(Self { root })
    }

    pub fn location(&self) -> String {
        self.root.display().to_string()
    }

    pub async fn put_stream(&self, path: &str, chunks: Receiver<io::Result<Bytes>>) -> Result<()> {
        let target = self.root.join(path);
        blocking(move || {
            let partial = temporary(&target);
            let written = write_partial(&partial, chunks).and_then(|()| {
                fs::rename(&partial, &target)?;
                sync_folder(target.parent().unwrap_or(&target))
            });
            written.map_err(|error| {
                // Report the first failure; a leftover temporary file is never read.
                let _ = fs::remove_file(&partial);
                failed_write(&target, &error)
            })
        })
        .await
    }

    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let source = self.root.join(path);
        blocking(move || match fs::read(&source) {
            Ok(content) => Ok(Some(content.into())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed_read(&source, &error)),
        })
        .await
    }

    pub async fn get_stream(&self, path: &str) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
        let source = self.root.join(path);
        let opened = source.clone();
        let file = match blocking(move || Ok(File::open(&opened))).await? {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed_read(&source, &error)),
        };
        let chunks = stream::try_unfold(file, move |file| {
            let source = source.clone();
            async move {
                let (file, chunk) = blocking(move || {
                    let mut chunk = Vec::with_capacity(CHUNK);
                    let read = (&file).take(CHUNK as u64).read_to_end(&mut chunk);
                    read.map_err(|error| failed_read(&source, &error))?;
                    Ok((file, chunk))
                })
                .await?;
                Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), file)))
            }
        });
        Ok(Some(chunks.boxed()))
    }

    pub async fn prefixes(&self) -> Result<Vec<String>> {
        let root = self.root.clone();
        blocking(move || {
            let mut names = Vec::new();
            for entry in fs::read_dir(&root).map_err(|error| failed_read(&root, &error))? {
                let entry = entry.map_err(|error| failed_read(&root, &error))?;
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    names.extend(entry.file_name().into_string().ok());
                }
            }
            Ok(names)
        })
        .await
    }

    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let (root, folder) = (self.root.clone(), self.root.join(prefix));
        blocking(move || {
            let mut entries = Vec::new();
            walk(&root, &folder, &mut entries).map_err(|error| failed_read(&folder, &error))?;
            Ok(entries)
        })
        .await
    }

    pub async fn delete(&self, path: &str) -> Result<()> {
        let target = self.root.join(path);
        blocking(move || match fs::remove_file(&target) {
            // The order of deletions must survive a power failure: the seal is removed first.
            Ok(()) => {
                sync_folder(target.parent().unwrap_or(&target)).map_err(|error| failed_write(&target, &error))
            }
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(failed_write(&target, &error)),
        })
        .await
    }

    /// Removes the folders of an emptied prefix.
    pub async fn remove_folder(&self, prefix: &str) -> Result<()> {
        let folder = self.root.join(prefix);
        blocking(move || match fs::remove_dir_all(&folder) {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(failed_write(&folder, &error)),
        })
        .await
    }
}

fn write_partial(partial: &Path, mut chunks: Receiver<io::Result<Bytes>>) -> io::Result<()> {
    create_folders(partial.parent().unwrap_or(partial))?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(partial)?;
    while let Some(chunk) = chunks.blocking_recv() {
        file.write_all(&chunk?)?;
    }
    file.sync_all()
}

/// `x/data.dump.zst` is written as `x/.data.dump.zst.part`.
fn temporary(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.part"))
}

fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    sync_folder(folder.parent().unwrap_or(folder))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn walk(root: &Path, folder: &Path, entries: &mut Vec<Entry>) -> io::Result<()> {
    let children = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(()),
        children => children?,
    };
    for child in children {
        let child = child?;
        if child.file_type()?.is_dir() {
            walk(root, &child.path(), entries)?;
            continue;
        }
        // Another process may rename or remove a file in the meantime.
        let Ok(metadata) = child.metadata() else { continue };
        let path = child.path();
        let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let written_at = metadata.modified().map(DateTime::<Utc>::from)?;
        entries.push(Entry { path, bytes: metadata.len(), written_at });
    }
    Ok(())
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.context("a thread that worked on the folder of the backups panicked")?
}

fn failed_write(path: &Path, error: &io::Error) -> anyhow::Error {
    let next = advice_after_write(error);
    failure(format!("writing {}", path.display()), error, next)
}

fn failed_read(path: &Path, error: &io::Error) -> anyhow::Error {
    let next = "check the disk and the permissions of the folder, then run the command again";
    failure(format!("reading {}", path.display()), error, next)
}
