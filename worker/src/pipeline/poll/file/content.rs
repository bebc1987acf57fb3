//! The content of a file at an offset, decompressed when it is gzip.
//!
//! Reading at an offset, rather than on from the last read, is what lets a poll hold lines back or
//! repeat itself: the reader keeps no state that could disagree with the cursor.

use flate2::read::MultiGzDecoder;
use std::{
    fs::{File, Metadata},
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::Path,
};

/// How many bytes the head and the end of what was read are remembered, for the hashes of a
/// position.
pub(super) const MARK_BYTES: usize = 1024;

/// How much is decompressed at once.
const UNPACK_BYTES: usize = 64 << 10;

/// An open file.
#[derive(Debug)]
pub(super) enum Content {
    Plain(File),
    Gzip(Box<Gzip>),
}

impl Content {
    /// Opens a file, as gzip if it is named so.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(if is_gzip(path) { Self::Gzip(Box::new(Gzip::new(file)?)) } else { Self::Plain(file) })
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        match self {
            Self::Plain(file) => file.metadata(),
            Self::Gzip(gzip) => gzip.file.metadata(),
        }
    }

    /// Fills `buffer` from `offset` on, and returns how much was read; less than its length is the
    /// end.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => read_plain(file, offset, buffer),
            Self::Gzip(gzip) => gzip.read_at(offset, buffer),
        }
    }
}

/// Whether the name of a file marks it as gzip.
pub(super) fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

fn read_plain(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A gzip file of any number of members. It is decompressed forwards; the window keeps what a poll
/// may read again, and going back further decompresses it from the start.
#[derive(Debug)]
pub(super) struct Gzip {
    file: File,
    unpacking: MultiGzDecoder<BufReader<File>>,
    window: Vec<u8>,
    window_start: u64,
    /// The first bytes, which are compared often.
    head: Vec<u8>,
    ended: bool,
    /// Where it is damaged there is nothing more to read, until it is opened again.
    damage: Option<String>,
}

impl Gzip {
    fn new(file: File) -> io::Result<Self> {
        let unpacking = unpack(&file)?;
        Ok(Self {
            file,
            unpacking,
            window: Vec::new(),
            window_start: 0,
            head: Vec::new(),
            ended: false,
            damage: None,
        })
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(part) = part(&self.head, 0, offset).filter(|part| part.len() >= buffer.len()) {
            buffer.copy_from_slice(&part[..buffer.len()]);
            return Ok(buffer.len());
        }
        if offset < self.window_start {
            *self = Self { head: std::mem::take(&mut self.head), ..Self::new(self.file.try_clone()?)? };
        }
        let end = offset + buffer.len() as u64;
        while self.window_end() < end && !self.ended {
            self.unpack_more(offset);
        }
        let Some(part) = part(&self.window, self.window_start, offset).filter(|part| !part.is_empty()) else {
            return self.damage.as_ref().map_or(Ok(0), |damage| Err(io::Error::other(damage.clone())));
        };
        let read = part.len().min(buffer.len());
        buffer[..read].copy_from_slice(&part[..read]);
        Ok(read)
    }

    fn unpack_more(&mut self, wanted: u64) {
        let keep_from = wanted.min(self.window_end()).saturating_sub(MARK_BYTES as u64);
        if let Ok(unneeded @ 1..) = usize::try_from(keep_from.saturating_sub(self.window_start)) {
            self.window.drain(..unneeded);
            self.window_start = keep_from;
        }
        let filled = self.window.len();
        self.window.resize(filled + UNPACK_BYTES, 0);
        let read = loop {
            match self.unpacking.read(&mut self.window[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.unwrap_or_else(|error| {
            self.damage = Some(format!("the gzip file is damaged or not complete ({error})"));
            0
        });
        self.window.truncate(filled + read);
        self.ended = read == 0;
        if self.window_start == 0 && self.head.len() < MARK_BYTES {
            self.head = self.window[..self.window.len().min(MARK_BYTES)].to_vec();
        }
    }

    fn window_end(&self) -> u64 {
        self.window_start + self.window.len() as u64
    }
}

fn unpack(file: &File) -> io::Result<MultiGzDecoder<BufReader<File>>> {
    use std::io::Seek;
    let mut packed = file.try_clone()?;
    packed.rewind()?;
    Ok(MultiGzDecoder::new(BufReader::with_capacity(UNPACK_BYTES, packed)))
}

/// What `bytes`, which begin at `start`, hold from `offset` on; `None` when they begin behind it.
fn part(bytes: &[u8], start: u64, offset: u64) -> Option<&[u8]> {
    let skipped = usize::try_from(offset.checked_sub(start)?).ok()?;
    Some(bytes.get(skipped..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(members: &[&[u8]]) -> Vec<u8> {
        let mut packed = Vec::new();
        for member in members {
            let mut encoder = GzEncoder::new(&mut packed, Compression::fast());
            encoder.write_all(member).unwrap();
            encoder.finish().unwrap();
        }
        packed
    }

    #[test]
    fn a_gzip_file_of_several_members_can_be_read_at_any_offset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log.gz");
        let text: Vec<u8> = (0..100_000u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        std::fs::write(&path, gzip(&[&text[..500_000], &text[500_000..]])).unwrap();
        let mut content = Content::open(&path).unwrap();
        let mut buffer = vec![0; 70_000];
        for offset in [0, 60_000, 59_900, 600_000, 10, 1_000_000] {
            let read = content.read_at(offset as u64, &mut buffer).unwrap();
            let expected = &text[offset..(offset + buffer.len()).min(text.len())];
            assert!(&buffer[..read] == expected, "at {offset}");
        }
        assert_eq!(content.read_at(text.len() as u64, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn of_a_damaged_gzip_file_everything_before_the_damage_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log.gz");
        let mut packed = gzip(&[b"whole\n"]);
        packed.extend_from_slice(b"no gzip");
        std::fs::write(&path, packed).unwrap();
        let mut content = Content::open(&path).unwrap();
        let mut buffer = [0; 100];
        assert_eq!(content.read_at(0, &mut buffer).unwrap(), 6);
        let error = content.read_at(6, &mut buffer).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}
