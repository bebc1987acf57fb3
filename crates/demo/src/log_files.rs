//! The log files of the shop: appended to, rotated by renaming, the oldest deleted.

use crate::{event::Event, formats};
use anyhow::{Context, Result};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// Small enough that a user can watch a rotation.
const ROTATE_BYTES: u64 = 2 << 20;

/// Rotated files to keep: `checkout.log.1` is newer than `checkout.log.2`.
const ROTATED_KEPT: u32 = 2;

/// The pause after a failed write.
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

/// A folder with one log file per service.
#[derive(Debug)]
pub(crate) struct LogFiles {
    folder: PathBuf,
}

impl LogFiles {
    /// Creates the folder if it does not exist.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Appends `events` to the file of `service`, retrying until it succeeds.
    pub(crate) async fn append(&self, service: &str, events: &[&Event]) {
        let text: String = events.iter().map(|event| formats::text(event)).collect();
        if text.is_empty() {
            return;
        }
        while let Err(error) = self.write(service, text.as_bytes(), ROTATE_BYTES) {
            let path = self.path(service);
            tracing::warn!(path = %path.display(), error = %error, "Could not write a log file; retrying.");
            tokio::time::sleep(FAILURE_PAUSE).await;
        }
    }

    /// Opens the file each time, so that one that was moved or deleted is created again.
    fn write(&self, service: &str, text: &[u8], rotate_bytes: u64) -> io::Result<()> {
        let path = self.path(service);
        if fs::metadata(&path).is_ok_and(|file| file.len() >= rotate_bytes) {
            self.rotate(service)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let length = file.metadata()?.len();
        // If the disk is full, remove the partial line: the whole text is written again later.
        file.write_all(text).inspect_err(|_| {
            let _ = file.set_len(length);
        })
    }

    fn rotate(&self, service: &str) -> io::Result<()> {
        for number in (1..ROTATED_KEPT).rev() {
            match fs::rename(self.rotated(service, number), self.rotated(service, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(self.path(service), self.rotated(service, 1))
    }

    fn path(&self, service: &str) -> PathBuf {
        self.folder.join(format!("{service}.log"))
    }

    fn rotated(&self, service: &str, number: u32) -> PathBuf {
        self.folder.join(format!("{service}.log.{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_rotated_by_renaming_and_the_oldest_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let files = LogFiles::open(&folder.path().join("new")).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            files.write("checkout", line.as_bytes(), 4).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join("new").join(name)).ok();
        assert_eq!(read("checkout.log").as_deref(), Some("four\n"));
        assert_eq!(read("checkout.log.1").as_deref(), Some("three\n"));
        assert_eq!(read("checkout.log.2").as_deref(), Some("two\n"));
        assert_eq!(read("checkout.log.3"), None);
    }

    #[test]
    fn a_deleted_file_is_created_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = LogFiles::open(folder.path()).unwrap();
        files.write("gateway", b"one\n", ROTATE_BYTES).unwrap();
        fs::remove_file(folder.path().join("gateway.log")).unwrap();
        files.write("gateway", b"two\n", ROTATE_BYTES).unwrap();
        assert_eq!(fs::read(folder.path().join("gateway.log")).unwrap(), b"two\n");
    }
}
