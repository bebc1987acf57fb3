//! The progress of the history, saved in the demo's folder, so that a restart neither repeats it nor
//! leaves a gap. If the demo is killed between an acknowledgement and saving it, it sends that batch
//! again: the API cannot recognize it.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Does not match `*.log`, which Squall watches.
const FILE: &str = ".history";

const HOUR_MS: i64 = 3_600_000;

#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    /// The first start of the demo, a whole second, where the history ends.
    pub(crate) start_ms: i64,
    /// Everything before this was acknowledged.
    pub(crate) sent_until_ms: i64,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    start_ms: i64,
    sent_until_ms: i64,
    /// Another key means another project or a new database, which has no history yet.
    key: String,
}

impl History {
    /// The saved progress for this key, or a new history of `hours` that ends at `now_ms`.
    pub(crate) fn open(folder: &Path, key: &str, now_ms: i64, hours: i64) -> Result<Self> {
        let path = folder.join(FILE);
        let key = digest(key);
        let saved = match fs::read(&path) {
            // Ignore a truncated or foreign file.
            Ok(bytes) => serde_json::from_slice::<Saved>(&bytes).ok().filter(|saved| saved.key == key),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let saved = saved.unwrap_or(Saved { start_ms: now_ms, sent_until_ms: now_ms - hours * HOUR_MS, key });
        let history =
            Self { path, start_ms: saved.start_ms, sent_until_ms: saved.sent_until_ms, key: saved.key };
        history.save()?;
        Ok(history)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.sent_until_ms >= self.start_ms
    }

    /// Saves that everything before `until_ms` was acknowledged.
    pub(crate) fn advance(&mut self, until_ms: i64) -> Result<()> {
        self.sent_until_ms = until_ms;
        self.save()
    }

    fn save(&self) -> Result<()> {
        let saved =
            Saved { start_ms: self.start_ms, sent_until_ms: self.sent_until_ms, key: self.key.clone() };
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_vec(&saved)?)
            .and_then(|()| fs::rename(&new, &self.path))
            .with_context(|| format!("writing {}", self.path.display()))
    }
}

/// FNV-1a. 64 bits distinguish two keys and reveal nothing about a 256-bit one.
fn digest(key: &str) -> String {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_178_096_000;

    #[test]
    fn a_restart_continues_after_the_acknowledged_history() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = History::open(folder.path(), "sq_a", NOW, 24).unwrap();
        assert_eq!((first.start_ms, first.sent_until_ms), (NOW, NOW - 24 * HOUR_MS));
        first.advance(NOW - HOUR_MS).unwrap();
        let mut second = History::open(folder.path(), "sq_a", NOW + 5_000, 24).unwrap();
        assert_eq!((second.start_ms, second.sent_until_ms), (NOW, NOW - HOUR_MS));
        second.advance(NOW).unwrap();
        assert!(History::open(folder.path(), "sq_a", NOW + 9_000, 24).unwrap().is_complete());
    }

    #[test]
    fn another_key_or_a_truncated_file_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        History::open(folder.path(), "sq_a", NOW, 1).unwrap().advance(NOW).unwrap();
        assert!(!History::open(folder.path(), "sq_b", NOW + 1_000, 1).unwrap().is_complete());
        fs::write(folder.path().join(FILE), "{\"start").unwrap();
        assert_eq!(History::open(folder.path(), "sq_b", NOW + 2_000, 1).unwrap().start_ms, NOW + 2_000);
        assert!(!fs::read_to_string(folder.path().join(FILE)).unwrap().contains("sq_b"));
    }

    #[test]
    fn a_history_of_zero_hours_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        assert!(History::open(folder.path(), "sq_a", NOW, 0).unwrap().is_complete());
    }
}
