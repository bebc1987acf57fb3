//! A stream of bytes cut into lines, however it is chunked.
//!
//! A line that lies within one chunk is passed on as it is, without a copy. Of a line that is too
//! long the beginning is kept and the rest only counted, so that no file can fill the memory.

use memchr::memchr_iter;

/// The longest line kept whole: as long as the longest message the inbox takes.
pub(super) const MAX_LINE: usize = squall_intake::batch::MAX_MESSAGE_BYTES;

/// One line without its line end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// Where in the stream it begins.
    pub(super) start: u64,
    /// How many of its bytes were left out.
    pub(super) cut: u64,
}

/// Cuts a stream that is fed in order.
#[derive(Debug)]
pub(super) struct LineCutter {
    /// The unfinished line, when it spans chunks.
    partial: Vec<u8>,
    /// How many bytes of the unfinished line were left out.
    cut: u64,
    /// Where in the stream the unfinished line begins.
    start: u64,
    /// Where in the stream the next chunk begins.
    at: u64,
    /// The unfinished line was passed on already; the rest of it is skipped.
    skipping: bool,
}

impl LineCutter {
    /// A cutter for a stream that begins at `at`, in the middle of a skipped line when `skipping`.
    pub(super) fn new(at: u64, skipping: bool) -> Self {
        Self { partial: Vec::new(), cut: 0, start: at, at, skipping }
    }

    /// Takes the next bytes of the stream and returns each line that they finish.
    pub(super) fn feed(&mut self, chunk: &[u8], mut take: impl FnMut(Line<'_>)) {
        let mut from = 0;
        for newline in memchr_iter(b'\n', chunk) {
            let piece = &chunk[from..newline];
            from = newline + 1;
            if self.skipping {
                self.skipping = false;
            } else if self.unfinished_bytes() == 0 {
                take(Line::of(piece, self.start, 0));
            } else {
                self.extend(piece);
                take(Line::of(&self.partial, self.start, self.cut));
                self.partial.clear();
                self.cut = 0;
            }
            self.start = self.at + from as u64;
        }
        if !self.skipping {
            self.extend(&chunk[from..]);
        }
        self.at += chunk.len() as u64;
    }

    /// Returns the unfinished line, if there is one, as though it ended here.
    pub(super) fn finish(&mut self, take: impl FnOnce(Line<'_>)) {
        if self.unfinished_bytes() > 0 {
            take(Line::of(&self.partial, self.start, self.cut));
            self.partial.clear();
            self.cut = 0;
        }
        self.start = self.at;
    }

    /// Returns the beginning of the unfinished line and leaves out the rest of it, whenever it
    /// comes.
    pub(super) fn finish_and_skip(&mut self, take: impl FnOnce(Line<'_>)) {
        self.finish(take);
        self.skipping = true;
    }

    /// How long the unfinished line is by now.
    pub(super) fn unfinished_bytes(&self) -> u64 {
        self.partial.len() as u64 + self.cut
    }

    /// Every line before this offset was passed on.
    pub(super) fn handed_on(&self) -> u64 {
        if self.skipping { self.at } else { self.start }
    }

    /// Whether the stream is in the middle of a skipped line.
    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    fn extend(&mut self, piece: &[u8]) {
        let kept = piece.len().min(MAX_LINE - self.partial.len());
        self.partial.extend_from_slice(&piece[..kept]);
        self.cut += (piece.len() - kept) as u64;
    }
}

impl<'a> Line<'a> {
    fn of(bytes: &'a [u8], start: u64, cut: u64) -> Self {
        if bytes.len() > MAX_LINE {
            return Self { bytes: &bytes[..MAX_LINE], start, cut: cut + (bytes.len() - MAX_LINE) as u64 };
        }
        let bytes = if cut == 0 { bytes.strip_suffix(b"\r").unwrap_or(bytes) } else { bytes };
        Self { bytes, start, cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(chunks: &[&[u8]]) -> (Vec<(Vec<u8>, u64, u64)>, u64) {
        let mut cutter = LineCutter::new(0, false);
        let mut lines = Vec::new();
        for chunk in chunks {
            cutter.feed(chunk, |line| lines.push((line.bytes.to_vec(), line.start, line.cut)));
        }
        (lines, cutter.handed_on())
    }

    #[test]
    fn a_line_is_handed_on_when_its_end_has_come() {
        let (lines, handed_on) = cut(&[b"one\r\ntw", b"o\n\nthr", b"ee"]);
        assert_eq!(lines, [(b"one".to_vec(), 0, 0), (b"two".to_vec(), 5, 0), (Vec::new(), 9, 0)]);
        assert_eq!(handed_on, 10);
    }

    #[test]
    fn of_a_line_too_long_the_beginning_is_kept_and_the_rest_counted() {
        let long = vec![b'x'; MAX_LINE + 7];
        for chunk in [100_000, MAX_LINE, MAX_LINE + 1, MAX_LINE + 8] {
            let stream = [long.as_slice(), b"\nnext\n"].concat();
            let (lines, _) = cut(&stream.chunks(chunk).collect::<Vec<_>>());
            assert_eq!(
                lines.iter().map(|line| (line.0.len(), line.2)).collect::<Vec<_>>(),
                [(MAX_LINE, 7), (4, 0)]
            );
        }
    }

    #[test]
    fn what_is_left_of_a_skipped_line_is_not_handed_on() {
        let mut cutter = LineCutter::new(0, false);
        let mut lines = Vec::new();
        cutter.feed(b"endless", |_| unreachable!());
        cutter.finish_and_skip(|line| lines.push(line.bytes.to_vec()));
        cutter.feed(b" and on", |_| unreachable!());
        assert_eq!((cutter.handed_on(), cutter.is_skipping()), (14, true));
        cutter.feed(b" to here\nnext\n", |line| lines.push(line.bytes.to_vec()));
        assert_eq!(lines, [b"endless".to_vec(), b"next".to_vec()]);
    }

    proptest! {
        #[test]
        fn how_a_stream_is_chunked_changes_nothing(
            stream in prop::collection::vec(
                prop_oneof![3 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\r')],
                0..300,
            ),
            sizes in prop::collection::vec(1usize..40, 1..40),
        ) {
            let mut chunks = Vec::new();
            let (mut rest, mut turn) = (stream.as_slice(), 0);
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(sizes[turn % sizes.len()].min(rest.len()));
                chunks.push(chunk);
                (rest, turn) = (after, turn + 1);
            }
            let (lines, handed_on) = cut(&chunks);
            let end = stream.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
            prop_assert_eq!(handed_on, end as u64);
            let expected: Vec<_> = stream[..end]
                .split_inclusive(|&byte| byte == b'\n')
                .map(|line| &line[..line.len() - 1])
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
                .collect();
            prop_assert_eq!(lines.iter().map(|line| line.0.clone()).collect::<Vec<_>>(), expected);
            for (bytes, start, _) in &lines {
                let start = usize::try_from(*start).unwrap();
                prop_assert_eq!(&stream[start..start + bytes.len()], bytes.as_slice());
            }
        }
    }
}
