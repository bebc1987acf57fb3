//! Matching the files that exist with the files that were read.
//!
//! A file with a known device and inode continues, under any name, if it still holds what was read
//! of it; otherwise it was emptied or its inode was reused, and it is read from its start. A file
//! without a name is followed while it is open. A new file may be the copy of one that was read and
//! is gone (`copytruncate`, a compressed rotation, a synchronised folder): then it continues as
//! well.

use super::{
    FileSource, QUIET, Troubles,
    content::{Content, MARK_BYTES, is_gzip},
    pattern::MatchedFile,
    position::{self, FileId, Gone, Position},
    tracked::{Tracked, shown},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::{DirEntryExt, MetadataExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How long a file that was renamed out of the glob is followed after it last grew: writers let go
/// of it within seconds, or at the next restart.
const FOLLOW: TimeDelta = TimeDelta::minutes(10);

/// How long a missing file is remembered, and how many are: a volume that was unmounted over a
/// weekend is recognised, and the cursor stays below about 200 kB.
const REMEMBER: TimeDelta = TimeDelta::days(3);
const MAX_GONE: usize = 1000;

/// New files that are looked at again before they are read: those that may be a copy in the making.
pub(super) type Arrivals = HashMap<FileId, Arrival>;

#[derive(Debug, Clone)]
pub(super) struct Arrival {
    stamp: (u64, Option<SystemTime>),
    first_seen: DateTime<Utc>,
    unchanged_since: DateTime<Utc>,
}

/// How long a new file that grows may pass for a copy in the making: time to copy some 20 GB.
const COPYING: TimeDelta = TimeDelta::minutes(5);

impl FileSource {
    /// Updates the list of files to what exists.
    pub(super) fn look(&mut self, now: DateTime<Utc>, troubles: &mut Troubles) {
        let walk = self.pattern.walk();
        for (path, error) in &walk.unreadable {
            troubles.unreadable(path, error);
        }
        if walk.too_many {
            let sentence = format!(
                "Too many files match {}: only some are read. Use a narrower glob.",
                self.pattern.as_str()
            );
            troubles.add(sentence);
        }
        if walk.found.is_empty() {
            let sentence = format!(
                "No file matches {}. Check the path, and that the worker can read it.",
                self.pattern.as_str()
            );
            troubles.nothing_matches = Some(sentence);
        }
        let newcomers = self.see_known(walk.found, now);
        self.follow_unlisted(now);
        self.check_suspects(now, troubles);
        self.admit(newcomers, now, troubles);
        self.forget(now);
    }

    /// Finds each file's entry, and returns the files that have none.
    fn see_known(&mut self, found: Vec<MatchedFile>, now: DateTime<Utc>) -> Vec<MatchedFile> {
        let by_id: HashMap<FileId, usize> =
            self.files.iter().enumerate().map(|(index, file)| (file.position.id, index)).collect();
        for file in &mut self.files {
            (file.listed, file.renamed_from) = (false, None);
        }
        let mut newcomers = Vec::new();
        for found in found {
            match by_id.get(&found.id) {
                Some(&index) => self.moved |= self.files[index].see(&found, now),
                None => newcomers.push(found),
            }
        }
        // A device may have another number after a restart of the machine.
        newcomers.retain(|found| {
            let is_same = |file: &&mut Tracked| {
                !file.listed && file.position.id.inode == found.id.inode && file.path == found.path
            };
            let known = self.files.iter_mut().find(is_same);
            known.map(|file| file.see(found, now)).is_none()
        });
        newcomers
    }

    /// Continues with files that the walk did not find: renamed out of the glob, or removed while
    /// open.
    fn follow_unlisted(&mut self, now: DateTime<Utc>) {
        let mut index = 0;
        while index < self.files.len() {
            let file = &mut self.files[index];
            if file.listed || follow(file, now) {
                index += 1;
                continue;
            }
            let Tracked { mut position, after, content, .. } = self.files.remove(index);
            self.files
                .iter_mut()
                .filter(|file| file.after == Some(position.id))
                .for_each(|file| file.after = after);
            if content.is_some_and(|content| content.metadata().is_ok_and(|metadata| metadata.nlink() == 0)) {
                position.id = FileId::NOBODY;
            }
            self.retire(position, now);
        }
    }

    /// Compares every file that has changed with what was read of it.
    fn check_suspects(&mut self, now: DateTime<Utc>, troubles: &mut Troubles) {
        let mut open = self.count_open();
        for index in 0..self.files.len() {
            let file = &mut self.files[index];
            if !file.suspect || (file.is_gzip() && !file.is_quiet(now)) {
                continue;
            }
            let was_open = file.content.is_some();
            let is_too_short = !file.is_gzip() && file.size < file.position.offset;
            let fits = match file.open() {
                Ok(false) => continue,
                Ok(true) if is_too_short => Ok(false),
                Ok(true) => file.content.as_mut().map_or(Ok(true), |content| file.position.fits(content)),
                Err(error) => Err(error),
            };
            open += file.close_if_crowded(was_open, open);
            match fits {
                Ok(true) => file.suspect = false,
                Ok(false) => {
                    let fresh = Position::start(shown(&file.path), file.position.id);
                    let read = std::mem::replace(&mut file.position, fresh);
                    let read = Position { id: FileId::NOBODY, ..read };
                    file.start_anew(now);
                    // Saved even when nothing is read yet: after a restart the old mark would not
                    // fit.
                    self.moved = true;
                    self.retire(read, now);
                }
                Err(error) => {
                    file.is_failing = true;
                    troubles.unreadable(&file.path, &error);
                }
            }
        }
    }

    /// Adds new files.
    fn admit(&mut self, newcomers: Vec<MatchedFile>, now: DateTime<Utc>, troubles: &mut Troubles) {
        let mut arrivals = Arrivals::new();
        for found in newcomers {
            let stamp = (found.size, found.modified);
            let arrival = match self.arrivals.remove(&found.id) {
                Some(arrival) if arrival.stamp == stamp => arrival,
                Some(arrival) => Arrival { stamp, unchanged_since: now, ..arrival },
                None => Arrival { stamp, first_seen: now, unchanged_since: now },
            };
            let is_quiet = now - arrival.unchanged_since >= QUIET;
            let may_be_in_the_making = !is_quiet && now - arrival.first_seen < COPYING;
            let origin = match is_gzip(&found.path) && !is_quiet {
                // It is complete when it grows no more, and the file it was made from is gone by
                // then.
                true => Ok(Origin::NotClearYet),
                false => self.origin_of(&found, may_be_in_the_making),
            };
            match origin {
                Ok(Origin::NotClearYet) => drop(arrivals.insert(found.id, arrival)),
                Ok(Origin::New) => {
                    let position = Position::start(shown(&found.path), found.id);
                    self.add(Tracked::found(found, position, arrival.unchanged_since, now));
                }
                Ok(Origin::Gone(index)) => {
                    let position = self.gone.remove(index).position;
                    self.add(Tracked::found(found, position, arrival.unchanged_since, now));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => troubles.unreadable(&found.path, &error),
            }
        }
        self.arrivals = arrivals;
    }

    fn add(&mut self, mut file: Tracked) {
        let had_its_name = |other: &&Tracked| {
            other.renamed_from.as_ref() == Some(&file.path) || (!other.listed && other.path == file.path)
        };
        // The last of several: it waits for its own predecessor.
        file.after = self.files.iter().rfind(had_its_name).map(|other| other.position.id);
        self.files.push(file);
        self.moved = true;
    }

    /// Determines whether a new file continues one that was read.
    fn origin_of(&self, found: &MatchedFile, may_be_in_the_making: bool) -> io::Result<Origin> {
        let is_candidate = |gone: &Gone| gone.position.id == found.id || is_comparable(&gone.position);
        let live = || self.files.iter().map(|file| &file.position).filter(|position| is_comparable(position));
        if !self.gone.iter().any(is_candidate) && (!may_be_in_the_making || live().next().is_none()) {
            return Ok(Origin::New);
        }
        let mut content = Content::open(&found.path)?;
        let head = position::head(&mut content)?;
        let has_head_of = |position: &Position| {
            is_comparable(position) && head.is_some() && head == position.mark.map(|mark| mark.head)
        };
        for (index, Gone { position, .. }) in self.gone.iter().enumerate().rev() {
            let may_fit = (position.id == found.id && position.mark.is_some()) || has_head_of(position);
            if may_fit && position.fits(&mut content)? {
                return Ok(Origin::Gone(index));
            }
        }
        // A copy is made before its original is emptied or removed: wait for that.
        if may_be_in_the_making && live().any(has_head_of) {
            return Ok(Origin::NotClearYet);
        }
        Ok(Origin::New)
    }

    fn retire(&mut self, position: Position, now: DateTime<Utc>) {
        // A file may come back as itself or as a copy; a short text is not enough to recognise a
        // copy.
        if position.offset > 0 && (position.id != FileId::NOBODY || is_comparable(&position)) {
            self.gone.push(Gone { since: now, position });
            self.moved = true;
        }
    }

    /// Nothing is saved for this alone.
    fn forget(&mut self, now: DateTime<Utc>) {
        let too_many = self.gone.len().saturating_sub(MAX_GONE);
        self.gone.drain(..too_many);
        self.gone.retain(|gone| now - gone.since < REMEMBER);
    }
}

/// Whether enough was read to recognise it in another file.
fn is_comparable(position: &Position) -> bool {
    position.mark.is_some() && position.offset >= MARK_BYTES as u64
}

/// Where a new file comes from.
enum Origin {
    /// It is new: nothing of it was read.
    New,
    /// It continues the file at this index of those that are gone.
    Gone(usize),
    /// It may be the copy of a file that is still there.
    NotClearYet,
}

/// Whether to continue with a file that the walk did not find.
fn follow(file: &mut Tracked, now: DateTime<Utc>) -> bool {
    if file.content.is_none() {
        let Some(path) = find_by_inode(&file.path, file.position.id) else { return false };
        let name = std::mem::replace(&mut file.path, path);
        let is_open = file.open().unwrap_or(false);
        // Its events keep the name they had.
        file.path = name;
        let fits = file.content.as_mut().map(|content| file.position.fits(content));
        if !is_open || !matches!(fits, Some(Ok(true))) {
            return false;
        }
    }
    let Some(Ok(metadata)) = file.content.as_ref().map(Content::metadata) else { return false };
    file.see_size(metadata.len(), metadata.modified().ok(), now);
    let patience = if metadata.nlink() == 0 { QUIET } else { FOLLOW };
    let is_hopeless = file.is_failing && now - file.grown_at >= FOLLOW;
    file.content.is_some() && !is_hopeless && (file.has_unread() || now - file.grown_at < patience)
}

/// The name that a file has now in the folder where it was.
fn find_by_inode(path: &Path, id: FileId) -> Option<PathBuf> {
    fs::read_dir(path.parent()?)
        .ok()?
        .flatten()
        .filter(|entry| entry.ino() == id.inode)
        .find(|entry| {
            entry.metadata().is_ok_and(|metadata| metadata.is_file() && FileId::of(&metadata) == id)
        })
        .map(|entry| entry.path())
}
