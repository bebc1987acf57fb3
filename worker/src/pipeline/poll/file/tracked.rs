//! One file that is being followed.

use super::{
    MAX_OPEN, QUIET, Taker,
    content::{Content, is_gzip},
    pattern::MatchedFile,
    position::{FileId, Mark, Position},
    take::{Span, take},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How long a file waits for the last record of the one whose name it took. A writer that never
/// lets go of the old file must not hold up the new one.
const ROTATION_WAIT: TimeDelta = TimeDelta::seconds(10);

/// A file, its position, and what is known about it in this process.
#[derive(Debug)]
pub(super) struct Tracked {
    /// Moves only past records that were passed on.
    pub(super) position: Position,
    pub(super) path: PathBuf,
    pub(super) content: Option<Content>,
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
    /// When its size was last seen to change.
    pub(super) grown_at: DateTime<Utc>,
    /// When it was first seen.
    pub(super) seen_at: DateTime<Utc>,
    /// The walk found it this time.
    pub(super) listed: bool,
    /// It may hold something else than it did.
    pub(super) suspect: bool,
    /// The file whose name it took.
    pub(super) after: Option<FileId>,
    /// The name it had before this poll.
    pub(super) renamed_from: Option<PathBuf>,
    /// The poll that last read it.
    pub(super) served_in: u64,
    /// The size up to which everything was seen, and what is unread is held back.
    held_at: Option<u64>,
    /// Reading it failed the last time.
    pub(super) is_failing: bool,
}

/// The result of reading a file.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) bytes: u64,
    pub(super) moved: bool,
    pub(super) reached_end: bool,
}

impl Tracked {
    /// A file of a saved cursor, not seen yet, and the one whose name it took.
    pub(super) fn saved(position: Position, after: Option<FileId>) -> Self {
        Self {
            path: PathBuf::from(&position.path),
            position,
            content: None,
            size: 0,
            modified: None,
            grown_at: DateTime::UNIX_EPOCH,
            seen_at: DateTime::UNIX_EPOCH,
            listed: false,
            suspect: true,
            after,
            renamed_from: None,
            served_in: 0,
            held_at: None,
            is_failing: false,
        }
    }

    /// A file that has just been found, and has not grown since `grown_at`.
    pub(super) fn found(
        found: MatchedFile,
        mut position: Position,
        grown_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        position.path = shown(&found.path);
        position.id = found.id;
        Self {
            path: found.path,
            size: found.size,
            modified: found.modified,
            grown_at,
            seen_at: now,
            listed: true,
            suspect: false,
            ..Self::saved(position, None)
        }
    }

    /// The same file at another position.
    pub(super) fn back_to(self, position: Position) -> Self {
        Self { position, suspect: true, held_at: None, ..self }
    }

    /// It holds something else than it did.
    pub(super) fn start_anew(&mut self, now: DateTime<Utc>) {
        (self.suspect, self.held_at, self.grown_at) = (false, None, now);
    }

    /// Records what the walk saw, and returns whether the name has changed.
    pub(super) fn see(&mut self, found: &MatchedFile, now: DateTime<Utc>) -> bool {
        self.listed = true;
        let renamed = self.path != found.path;
        if renamed {
            self.position.path = shown(&found.path);
            self.renamed_from = Some(std::mem::replace(&mut self.path, found.path.clone()));
        }
        if self.position.id != found.id {
            (self.position.id, self.content, self.suspect) = (found.id, None, true);
        }
        self.see_size(found.size, found.modified, now);
        renamed
    }

    pub(super) fn see_size(&mut self, size: u64, modified: Option<SystemTime>, now: DateTime<Utc>) {
        if self.seen_at == DateTime::UNIX_EPOCH {
            self.seen_at = now;
            self.grown_at = now;
        }
        if (self.size, self.modified) != (size, modified) {
            self.suspect = true;
        }
        if self.size != size {
            self.grown_at = now;
            if self.is_gzip() {
                // The decompressed content ended where the file ended.
                self.content = None;
            }
        }
        (self.size, self.modified) = (size, modified);
    }

    /// Opens the file unless it is open. `false`: it was just replaced or removed; the next poll
    /// handles that.
    pub(super) fn open(&mut self) -> io::Result<bool> {
        if self.content.is_none() {
            match Content::open(&self.path)
                .and_then(|content| Ok((FileId::of(&content.metadata()?), content)))
            {
                Ok((id, content)) if id == self.position.id => self.content = Some(content),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.content.is_some())
    }

    /// Closes the file, unless there may be no way to open it again.
    pub(super) fn close(&mut self) {
        if self.listed {
            self.content = None;
        }
    }

    /// Closes the file that was just opened when too many are, and returns how many more are open
    /// now.
    pub(super) fn close_if_crowded(&mut self, was_open: bool, open: usize) -> usize {
        if !was_open && open >= MAX_OPEN {
            self.close();
        }
        usize::from(!was_open && self.content.is_some())
    }

    /// There is something behind the position.
    pub(super) fn has_unread(&self) -> bool {
        if self.is_gzip() {
            self.position.gzip_bytes != Some(self.size)
        } else {
            self.size > self.position.offset
        }
    }

    /// There is more than a record that is held back, and it can be read.
    pub(super) fn has_backlog(&self) -> bool {
        self.has_unread() && self.held_at != Some(self.size)
    }

    /// It has not grown for a while.
    pub(super) fn is_quiet(&self, now: DateTime<Utc>) -> bool {
        now - self.grown_at >= QUIET
    }

    /// Reading it now can bring something.
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        // A gzip file that is still being written is not complete.
        !self.suspect && self.has_unread() && (self.is_quiet(now) || (self.has_backlog() && !self.is_gzip()))
    }

    pub(super) fn has_waited_enough(&self, now: DateTime<Utc>) -> bool {
        now - self.seen_at >= ROTATION_WAIT
    }

    pub(super) fn is_gzip(&self) -> bool {
        is_gzip(&self.path)
    }

    /// Reads about `limit` bytes on from the position, and moves it.
    pub(super) fn read(
        &mut self,
        now: DateTime<Utc>,
        limit: u64,
        taker: &mut impl Taker,
    ) -> io::Result<Step> {
        let step = self.try_read(now, limit, taker);
        self.is_failing = step.is_err();
        step
    }

    fn try_read(&mut self, now: DateTime<Utc>, limit: u64, taker: &mut impl Taker) -> io::Result<Step> {
        let (at_rest, is_gzip) = (self.is_quiet(now), self.is_gzip());
        self.open()?;
        let Some(content) = &mut self.content else {
            return Ok(Step { bytes: 0, moved: false, reached_end: true });
        };
        let Position { offset, skipping, .. } = self.position;
        let end = if is_gzip { u64::MAX } else { self.size };
        taker.turn_to(&self.path);
        let taken = take(content, Span { from: offset, skipping, end, limit, at_rest }, |text, cut| {
            taker.take(text, cut);
        });
        let before = self.position.clone();
        if taken.to != offset {
            // Records were passed on, so the position must move in any case. A file that was
            // truncated meanwhile gets a mark that does not match, and is then read from its start.
            self.position.mark =
                Mark::of(content, taken.to).map_or(None, |mark| Some(mark.unwrap_or_default()));
        }
        self.position.offset = taken.to;
        self.position.skipping = taken.skipping;
        self.held_at = taken.reached_end.then_some(self.size);
        if is_gzip && taken.reached_end {
            self.position.gzip_bytes = Some(self.size);
        }
        let step =
            Step { bytes: taken.to - offset, moved: before != self.position, reached_end: taken.reached_end };
        match taken.failure {
            // What was read before is kept; the next poll meets the failure again and reports it.
            Some(error) if !step.moved => Err(error),
            _ => Ok(step),
        }
    }
}

/// The name for messages.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
