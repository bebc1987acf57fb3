//! How far each file has been read: the cursor of a file source.
//!
//! A file is known by its device and inode, because its name changes when it is rotated. An inode
//! is reused after its file is deleted, and a file can be emptied and filled again, so a position
//! also holds a hash of the first bytes of the file and one of the bytes just before the offset.

use super::content::{Content, MARK_BYTES};
use chrono::{DateTime, Utc};
use flate2::Crc;
use serde::{Deserialize, Serialize};
use std::{fs::Metadata, io, os::unix::fs::MetadataExt};

/// The cursor as the database stores it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The files that exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<Position>,
    /// The files that were read and cannot be found any more, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<Gone>,
}

/// How far one file has been read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) id: FileId,
    /// Everything before it is in the inbox; in a gzip file it counts decompressed bytes.
    #[serde(default)]
    pub(super) offset: u64,
    /// What the file must hold before the offset; `None` when it could not be read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<Mark>,
    /// The offset is inside a line that is too long, the rest of which is skipped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) skipping: bool,
    /// The size of a gzip file that was read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gzip_bytes: Option<u64>,
}

/// A position whose file is no longer there. It is kept for a while: the file may come back with
/// its volume, or its content under another name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gone {
    pub(super) since: DateTime<Utc>,
    #[serde(flatten)]
    pub(super) position: Position,
}

/// Identifies a file as long as it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    /// The id of a file that does not exist any more: its inode may be reused.
    pub(super) const NOBODY: Self = Self { device: 0, inode: 0 };

    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What a file must still hold for a position in it to be valid: CRC-32 of the first bytes and of
/// the last bytes before the offset, [`MARK_BYTES`] each or as many as there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl Position {
    /// The beginning of a file.
    pub(super) fn start(path: String, id: FileId) -> Self {
        Self { path, id, offset: 0, mark: Some(Mark::default()), skipping: false, gzip_bytes: None }
    }

    /// Whether `content` is what this position has read a part of.
    pub(super) fn fits(&self, content: &mut Content) -> io::Result<bool> {
        let Some(mark) = self.mark else { return Ok(true) };
        Ok(Mark::of(content, self.offset)? == Some(mark))
    }
}

impl Mark {
    /// The mark of everything before `offset`; `None` when the content is shorter.
    pub(super) fn of(content: &mut Content, offset: u64) -> io::Result<Option<Self>> {
        let bytes = offset.min(MARK_BYTES as u64);
        let Some(head) = hash(content, 0, bytes)? else { return Ok(None) };
        let tail = hash(content, offset - bytes, bytes)?;
        Ok(tail.map(|tail| Self { head, tail }))
    }
}

/// The hash of the first [`MARK_BYTES`] of a file; `None` when it has fewer.
pub(super) fn head(content: &mut Content) -> io::Result<Option<u32>> {
    hash(content, 0, MARK_BYTES as u64)
}

fn hash(content: &mut Content, offset: u64, bytes: u64) -> io::Result<Option<u32>> {
    let mut buffer = [0; MARK_BYTES];
    let buffer = &mut buffer[..usize::try_from(bytes).unwrap_or(MARK_BYTES)];
    if content.read_at(offset, buffer)? < buffer.len() {
        return Ok(None);
    }
    let mut crc = Crc::new();
    crc.update(buffer);
    Ok(Some(crc.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_keeps_its_form() {
        let position = Position {
            offset: 42,
            mark: Some(Mark { head: 7, tail: 9 }),
            ..Position::start("/a.log".into(), FileId { device: 1, inode: 2 })
        };
        let since = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let cursor = Cursor { files: vec![position.clone()], gone: vec![Gone { since, position }] };
        let json = serde_json::to_value(&cursor).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "files": [{
                    "path": "/a.log", "device": 1, "inode": 2, "offset": 42, "mark": {"head": 7, "tail": 9}
                }],
                "gone": [{
                    "since": "2023-11-14T22:13:20Z",
                    "path": "/a.log", "device": 1, "inode": 2, "offset": 42, "mark": {"head": 7, "tail": 9}
                }],
            })
        );
        assert_eq!(serde_json::from_value::<Cursor>(json).unwrap(), cursor);
        assert_eq!(serde_json::from_str::<Cursor>("{}").unwrap(), Cursor::default());
    }
}
