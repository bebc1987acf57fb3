//! From the content of a file to records: what is complete is taken, what may still grow is held
//! back.
//!
//! Each call begins at a record, with nothing remembered from the last call. What is held back is
//! simply read again, so that a crash, a failed commit and an idle poll are all the same.

use super::{
    content::Content,
    lines::{Line, LineCutter, MAX_LINE},
};
use squall_grouping::multiline::Assembler;
use std::io;

/// Bytes read at once: large enough that system calls do not count, small enough to stay in the
/// cache.
const CHUNK_BYTES: u64 = 256 << 10;

/// A longer line without an end is cut at once. Up to this length, the number of cut bytes is
/// exact.
const MAX_WAIT_BYTES: u64 = 4 << 20;

/// What to take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Where a record begins.
    pub(super) from: u64,
    /// `from` is inside a line, the rest of which is skipped.
    pub(super) skipping: bool,
    /// How far the content reached when it was looked at; what has come since is for the next poll.
    pub(super) end: u64,
    /// About how much to read; a record that was begun is finished, so that there is always
    /// progress.
    pub(super) limit: u64,
    /// The content has not grown for a while: nothing is held back.
    pub(super) at_rest: bool,
}

/// The result.
#[derive(Debug)]
pub(super) struct Taken {
    /// Everything before it was taken.
    pub(super) to: u64,
    pub(super) skipping: bool,
    /// Everything up to the end was seen, and what was not taken is held back.
    pub(super) reached_end: bool,
    /// Why reading stopped early. What was taken before is good.
    pub(super) failure: Option<io::Error>,
}

/// Takes records and passes each on, with the number of its bytes that were cut.
pub(super) fn take(content: &mut Content, span: Span, emit: impl FnMut(&str, u64)) -> Taken {
    let mut cutter = LineCutter::new(span.from, span.skipping);
    let mut records = Records::new(emit);
    let (mut at, mut reached_end, mut failure) = (span.from, span.from >= span.end, None);
    let is_gzip = matches!(content, Content::Gzip(_));
    let mut buffer = Vec::new();
    while !reached_end && (at - span.from < span.limit || records.handed_on == 0) {
        let wanted = CHUNK_BYTES.min(span.limit.max(1)).min(span.end - at);
        buffer.resize(usize::try_from(wanted).unwrap_or_default(), 0);
        let read = match content.read_at(at, &mut buffer) {
            Ok(read) => read,
            Err(error) => {
                failure = Some(error);
                break;
            }
        };
        at += read as u64;
        cutter.feed(&buffer[..read], |line| records.push(&line));
        if read < buffer.len() && !is_gzip {
            // The file was truncated while it was read; the next poll reads it from its start.
            break;
        }
        // The size of decompressed content is not known in advance.
        reached_end = at == span.end || read == 0;
        if cutter.unfinished_bytes() > MAX_WAIT_BYTES {
            cutter.finish_and_skip(|line| records.push(&line));
            records.flush();
        }
    }
    let complete = reached_end || (is_gzip && failure.is_some());
    if complete && span.at_rest {
        cutter.finish(|line| records.push(&line));
        records.flush();
    }
    let to = records.open.map_or(cutter.handed_on(), |open| open.start);
    Taken { to, skipping: cutter.is_skipping(), reached_end, failure }
}

/// Lines joined into records, the size of which the assembler bounds.
struct Records<E> {
    assembler: Assembler,
    emit: E,
    handed_on: usize,
    open: Option<Open>,
}

/// The record that may still grow.
struct Open {
    start: u64,
    /// How many bytes of its lines were left out.
    cut: u64,
}

impl<E: FnMut(&str, u64)> Records<E> {
    fn new(emit: E) -> Self {
        Self { assembler: Assembler::new(), emit, handed_on: 0, open: None }
    }

    fn push(&mut self, line: &Line<'_>) {
        let text = String::from_utf8_lossy(line.bytes);
        if text.trim_ascii().is_empty() {
            return;
        }
        // Replacement characters are longer than the bytes they stand for.
        let kept = &text[..text.floor_char_boundary(MAX_LINE)];
        let cut = line.cut + (text.len() - kept.len()) as u64;
        if let Some(record) = self.assembler.push(kept) {
            self.hand_on(&record);
        }
        let open = self.open.get_or_insert(Open { start: line.start, cut: 0 });
        open.cut += cut;
    }

    fn flush(&mut self) {
        if let Some(record) = self.assembler.flush() {
            self.hand_on(&record);
        }
    }

    fn hand_on(&mut self, record: &str) {
        let cut = self.open.take().map_or(0, |open| open.cut);
        (self.emit)(record, cut);
        self.handed_on += 1;
    }
}
