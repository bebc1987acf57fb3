//! A body cut into events: valid pieces are kept, the others are rejected by number and reason.
//!
//! The flow: cut the body into pieces (lines of NDJSON, items of an array, lines of text), read
//! each piece ([`incoming`]), write what was read in the format of the inbox. A bad piece never
//! affects its neighbours.

mod incoming;

use crate::{
    raw_event::RawEvent,
    rejection::{Rejection, Rejections},
};
use serde_json::value::RawValue;
use squall_grouping::multiline::Assembler;
use std::borrow::Cow;

/// A longer message is cut, and an attribute says by how much. As large as the largest line a
/// source reads.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// How the pieces of a body are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON value a line.
    Ndjson,
    /// One JSON array of values.
    Array,
    /// Log lines as a program wrote them, with stack traces over several lines.
    Lines,
}

/// Events of one origin in the format of the inbox, and what was rejected on the way.
#[derive(Debug, Default)]
pub struct Batch {
    /// One JSON [`RawEvent`] a line.
    pub(crate) lines: Vec<u8>,
    /// How many events `lines` holds.
    events: usize,
    rejections: Rejections,
}

impl Batch {
    /// Cuts `body` into events. Bytes that are not UTF-8 become replacement characters.
    ///
    /// # Errors
    /// A sentence for the sender, when the body as a whole is not of the shape it claims.
    pub fn parse(body: &[u8], shape: Shape) -> Result<Self, String> {
        let mut batch = Self { lines: Vec::with_capacity(body.len() + body.len() / 8), ..Self::default() };
        match shape {
            Shape::Ndjson => batch.take_lines(body, Self::take_json),
            Shape::Lines => batch.take_records(body),
            Shape::Array => {
                let text = String::from_utf8_lossy(body);
                let items: Vec<&RawValue> = serde_json::from_str(&text)
                    .map_err(|error| format!("The body is not a JSON array of events: {error}."))?;
                for (index, item) in items.into_iter().enumerate() {
                    batch.take_json(index + 1, Cow::Borrowed(item.get()));
                }
            }
        }
        Ok(batch)
    }

    /// Adds an event; a message that is too long is cut.
    pub fn push(&mut self, mut event: RawEvent<'_>) {
        incoming::make_storable(&mut event);
        // A RawEvent holds nothing that cannot be written as JSON, and a Vec takes every write.
        if serde_json::to_writer(&mut self.lines, &event).is_ok() {
            self.lines.push(b'\n');
            self.events += 1;
        }
    }

    /// How many events it holds.
    pub fn events(&self) -> usize {
        self.events
    }

    /// How many bytes the events take in the format of the inbox, before compression.
    pub fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// What was rejected.
    pub fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    fn take_lines<'a>(&mut self, body: &'a [u8], take: impl Fn(&mut Self, usize, Cow<'a, str>)) {
        let body = body.strip_suffix(b"\n").unwrap_or(body);
        if body.is_empty() {
            return;
        }
        for (index, line) in body.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            take(self, index + 1, String::from_utf8_lossy(line));
        }
    }

    /// Lines as a program wrote them: those of a stack trace are one event with the line they
    /// belong to.
    fn take_records(&mut self, body: &[u8]) {
        let mut assembler = Assembler::new();
        for line in body.split(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if let Some(record) = assembler.push(&line) {
                self.push(RawEvent::line(record));
            }
        }
        if let Some(record) = assembler.flush() {
            self.push(RawEvent::line(record));
        }
    }

    fn take_json(&mut self, line: usize, json: Cow<'_, str>) {
        if json.trim().is_empty() {
            return;
        }
        match incoming::read(&json) {
            Ok(event) => self.push(event),
            Err((reason, message)) => self.rejections.add(Rejection { line, reason, message }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RejectionReason;
    use proptest::prelude::*;

    #[test]
    fn a_malformed_line_is_rejected_by_number_and_the_rest_is_kept() {
        let body =
            b"{\"message\":\"first\"}\n{\"message\":\n\n{\"level\":\"info\"}\n{\"message\":\"last\"}\n";
        let batch = Batch::parse(body, Shape::Ndjson).unwrap();
        assert_eq!((batch.events(), batch.rejections().total()), (2, 2));
        let [first, second] = batch.rejections().first() else { panic!("{batch:?}") };
        assert_eq!((first.line, first.reason), (2, RejectionReason::NotJson));
        assert!(first.message.starts_with("not a JSON event"), "{first:?}");
        assert_eq!((second.line, second.reason), (4, RejectionReason::NoMessage));
    }

    #[test]
    fn an_array_is_cut_into_items_and_a_torn_one_is_refused_whole() {
        let batch = Batch::parse(br#"[{"message":"a"}, 7, "a raw line"]"#, Shape::Array).unwrap();
        assert_eq!((batch.events(), batch.rejections().first()[0].line), (2, 2));
        assert!(Batch::parse(br#"[{"message":"a"}"#, Shape::Array).is_err());
    }

    #[test]
    fn the_lines_of_a_stack_trace_are_one_event_with_the_line_above_them() {
        let body = b"2026-11-21 10:00:00 ERROR shop - cannot pay\njava.lang.IllegalStateException: no card\n\tat shop.Pay.run(Pay.java:7)\n2026-11-21 10:00:01 INFO shop - next\n";
        let batch = Batch::parse(body, Shape::Lines).unwrap();
        assert_eq!(batch.events(), 2);
        let first: RawEvent<'_> =
            serde_json::from_slice(batch.lines.split(|&b| b == b'\n').next().unwrap()).unwrap();
        assert!(first.message.ends_with("at shop.Pay.run(Pay.java:7)"), "{}", first.message);
    }

    #[test]
    fn lines_of_text_keep_odd_bytes_in_a_readable_form() {
        let batch = Batch::parse(b"caf\xe9 down\r\n\r\nwith \0 inside", Shape::Lines).unwrap();
        assert_eq!(batch.events(), 2);
        let stored = String::from_utf8(batch.lines).unwrap();
        assert!(stored.contains("caf\u{fffd} down\"") && stored.contains("with \u{fffd} inside"), "{stored}");
    }

    #[test]
    fn a_message_beyond_the_limit_is_cut_and_says_by_how_much() {
        let line = "é".repeat(MAX_MESSAGE_BYTES);
        let batch = Batch::parse(line.as_bytes(), Shape::Lines).unwrap();
        let event: RawEvent<'_> = serde_json::from_slice(&batch.lines).unwrap();
        assert_eq!(event.message.len(), MAX_MESSAGE_BYTES);
        assert!(event.attributes.unwrap().get().contains("\"squall.cut_bytes\":1048576"));
    }

    proptest! {
        #[test]
        fn every_line_is_taken_or_rejected_and_nothing_panics(lines in prop::collection::vec("[^\r\n]{0,40}", 0..20)) {
            let body = lines.join("\n");
            let filled = lines.iter().filter(|line| !line.trim().is_empty()).count();
            let json = Batch::parse(body.as_bytes(), Shape::Ndjson).unwrap();
            prop_assert_eq!(json.events() + json.rejections().total(), filled);
            let text = Batch::parse(body.as_bytes(), Shape::Lines).unwrap();
            let records = text.lines.split(|&byte| byte == b'\n').filter(|record| !record.is_empty());
            let messages: Vec<String> = records
                .map(|record| serde_json::from_slice::<RawEvent<'_>>(record).unwrap().message.into_owned())
                .collect();
            let kept = messages.iter().flat_map(|message| message.lines()).filter(|line| !line.trim().is_empty());
            prop_assert_eq!(kept.count(), filled);
        }

        #[test]
        fn what_a_batch_holds_can_be_read_back(message in "\\PC{1,60}", level in "[a-zA-Z]{0,9}") {
            let sent = serde_json::json!({ "message": message, "level": level, "shop": { "id": 7 } }).to_string();
            let batch = Batch::parse(sent.as_bytes(), Shape::Ndjson).unwrap();
            let event: RawEvent<'_> = serde_json::from_slice(&batch.lines).unwrap();
            prop_assert_eq!(event.message.as_ref(), message.as_str());
            let attributes = event.attributes.unwrap();
            prop_assert_eq!(attributes.get(), "{\"shop\":{\"id\":7}}");
        }
    }
}
