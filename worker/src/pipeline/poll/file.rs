//! A source of kind `file`: from a glob and a cursor to new records and a new cursor.
//!
//! A poll finds the files that exist and matches them with those it knows
//! ([`look`](FileSource::look)), then reads those that have grown. It uses no database:
//! [`super::Poll`] saves what it read, and resets it to the saved cursor
//! ([`go_back_to`](FileSource::go_back_to)) when that failed.
//!
//! Invariants: a position moves only past records that the [`Taker`] of the same poll was given; a
//! file is continued only if it still holds what was read of it; a rotated file is read to its end
//! before the one that took its name.
//!
//! Limits, which cannot be noticed: a file made, filled and removed between two polls; one emptied
//! and filled again with exactly the bytes that were read; and, taken for its own copy, a removed
//! one of a kilobyte or more that is made again with the same bytes.

mod pattern;
mod position;
mod content;
mod recognise;
mod lines;
mod take;
mod tracked;
#[cfg(test)]
mod tests;

use super::Trouble;
use chrono::{DateTime, TimeDelta, Utc};
use pattern::Pattern;
use position::{Cursor, Gone};
use recognise::Arrivals;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::HashMap, io, path::Path};
use tracked::Tracked;

/// A record at the end of a file that has not grown for so long is complete.
const QUIET: TimeDelta = TimeDelta::seconds(1);

/// Each file that has grown gets at least so much of a poll; those left over come first next time.
const MIN_SHARE_BYTES: u64 = 64 << 10;

/// Files kept open, so that one that is renamed or removed can be read to its end. Far below the
/// 1024 that a process may usually open.
const MAX_OPEN: usize = 256;

/// The settings of a file source.
#[derive(Debug, Deserialize)]
struct Settings {
    glob: String,
}

/// The files of one source, and how far each has been read.
#[derive(Debug)]
pub(super) struct FileSource {
    pattern: Pattern,
    files: Vec<Tracked>,
    gone: Vec<Gone>,
    arrivals: Arrivals,
    /// The cursor differs from the saved one.
    moved: bool,
    polls: u64,
}

/// Receives the records that are read.
pub(super) trait Taker {
    /// Sets the file that the next records come from.
    fn turn_to(&mut self, path: &Path);

    /// Takes one record, of which `cut` bytes were cut off.
    fn take(&mut self, text: &str, cut: u64);
}

/// What one poll read, apart from the records themselves.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: u64,
    /// The cursor that must be saved together with the records; `None` when it has not moved.
    pub(super) cursor: Option<Value>,
    /// The problem to show, if any.
    pub(super) trouble: Option<Trouble>,
    /// There is more to read at once.
    pub(super) more: bool,
}

impl FileSource {
    /// A source that continues from a saved cursor.
    ///
    /// # Errors
    /// A sentence for the user, when the settings or the cursor cannot be used.
    pub(super) fn new(settings: &Value, cursor: &Value) -> Result<Self, String> {
        let Settings { glob } = Settings::deserialize(settings).map_err(|error| {
            format!(
                "The settings of a file source must be like {{\"glob\": \"/var/log/app/*.log\"}}: {error}."
            )
        })?;
        let pattern = Pattern::parse(&glob)?;
        let mut source = Self {
            pattern,
            files: Vec::new(),
            gone: Vec::new(),
            arrivals: Arrivals::default(),
            moved: false,
            polls: 0,
        };
        source.go_back_to(cursor)?;
        Ok(source)
    }

    /// Forgets what was read after `cursor` was saved. Open files stay open, so that one that was
    /// removed meanwhile can still be read.
    ///
    /// # Errors
    /// A sentence for the user, when the cursor cannot be read. Starting again would duplicate
    /// every event.
    pub(super) fn go_back_to(&mut self, cursor: &Value) -> Result<(), String> {
        let Cursor { files, gone } = Cursor::deserialize(cursor).map_err(|error| {
            format!(
                "The cursor of this source cannot be read ({error}). \
                 If a newer version wrote it, deploy that version."
            )
        })?;
        let mut open = std::mem::take(&mut self.files);
        let mut last_with_name = HashMap::new();
        self.files = files
            .into_iter()
            .map(|position| {
                let after = last_with_name.insert(position.path.clone(), position.id);
                match open.iter().position(|file| file.position.id == position.id) {
                    Some(index) => open.swap_remove(index).back_to(position),
                    None => Tracked::saved(position, after),
                }
            })
            .collect();
        self.gone = gone;
        self.moved = false;
        Ok(())
    }

    /// Reads about `budget` bytes of what is new.
    pub(super) fn read(&mut self, now: DateTime<Utc>, budget: u64, taker: &mut impl Taker) -> Read {
        self.polls += 1;
        let mut troubles = Troubles::default();
        self.look(now, &mut troubles);
        let (bytes, more) = self.read_files(now, budget, taker, &mut troubles);
        self.close_some();
        let cursor = std::mem::take(&mut self.moved).then(|| self.cursor());
        Read { bytes, more: more || bytes > 0, cursor, trouble: troubles.sum_up() }
    }

    /// Reads the files that have something, the longest neglected and then the oldest first. One
    /// that waits for a rotated file gets a second chance after it.
    fn read_files(
        &mut self,
        now: DateTime<Utc>,
        budget: u64,
        taker: &mut impl Taker,
        troubles: &mut Troubles,
    ) -> (u64, bool) {
        let mut due: Vec<usize> =
            (0..self.files.len()).filter(|&index| self.files[index].is_due(now)).collect();
        due.sort_by_key(|&index| (self.files[index].served_in, self.files[index].modified));
        let share = (budget / (due.len() as u64).max(1)).max(MIN_SHARE_BYTES.min(budget));
        let (mut left, mut more, mut open) = (budget, false, self.count_open());
        let mut waiting = Vec::new();
        for second_chance in [false, true] {
            for index in if second_chance { std::mem::take(&mut waiting) } else { std::mem::take(&mut due) } {
                if self.must_wait(index, now) {
                    waiting.push(index);
                    continue;
                }
                if left == 0 {
                    more = true;
                    break;
                }
                let file = &mut self.files[index];
                file.served_in = self.polls;
                let was_open = file.content.is_some();
                let read = file.read(now, share.min(left), taker);
                open += file.close_if_crowded(was_open, open);
                match read {
                    Ok(step) => {
                        self.moved |= step.moved;
                        more |= step.moved && !step.reached_end;
                        left = left.saturating_sub(step.bytes);
                    }
                    Err(error) => troubles.unreadable(&file.path, &error),
                }
            }
        }
        (budget - left, more)
    }

    /// Whether a file has to wait until the ones that had its name before are read to their ends.
    fn must_wait(&self, index: usize, now: DateTime<Utc>) -> bool {
        let file = &self.files[index];
        let mut after = file.after;
        // A limit for cursors with a cycle.
        for _ in 0..self.files.len() {
            let Some(id) = after else { return false };
            let Some(predecessor) = self.files.iter().find(|other| other.position.id == id) else {
                return false;
            };
            let is_behind = predecessor.has_backlog() && !predecessor.is_failing;
            if is_behind || (predecessor.has_unread() && !file.has_waited_enough(now)) {
                return true;
            }
            after = predecessor.after;
        }
        false
    }

    fn count_open(&self) -> usize {
        self.files.iter().filter(|file| file.content.is_some()).count()
    }

    /// Closes the files that have been idle the longest when too many are open.
    fn close_some(&mut self) {
        if self.count_open() >= MAX_OPEN {
            let mut open: Vec<&mut Tracked> =
                self.files.iter_mut().filter(|file| file.content.is_some()).collect();
            open.sort_by_key(|file| file.grown_at);
            open.into_iter().take(MAX_OPEN / 2).for_each(Tracked::close);
        }
    }

    fn cursor(&self) -> Value {
        // Files of which nothing was read yet too: one that is rotated is then found again by its
        // inode.
        let files = self.files.iter().map(|file| file.position.clone()).collect();
        let cursor = Cursor { files, gone: self.gone.clone() };
        // A cursor has nothing in it that JSON cannot hold.
        serde_json::to_value(cursor).unwrap_or_default()
    }
}

/// Problems of a poll that still read something.
#[derive(Debug, Default)]
struct Troubles {
    first: Option<String>,
    others: usize,
    /// The glob matches nothing, which may be intended.
    nothing_matches: Option<String>,
}

impl Troubles {
    fn add(&mut self, sentence: String) {
        match self.first {
            None => self.first = Some(sentence),
            Some(_) => self.others += 1,
        }
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => "Give the user of the worker read access, or change the glob",
            _ => "Each poll retries it; remove it or change the glob if it should not be read",
        };
        self.add(format!("{} cannot be read: {error}. {advice}.", path.display()));
    }

    fn sum_up(self) -> Option<Trouble> {
        match (self.first, self.others) {
            (None, _) => self.nothing_matches.map(|message| Trouble { message, failed: false }),
            (Some(message), 0) => Some(Trouble { message, failed: true }),
            (Some(message), others) => {
                Some(Trouble { message: format!("{message} (And {others} more.)"), failed: true })
            }
        }
    }
}
