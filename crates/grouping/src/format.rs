//! One raw log line, taken apart.
//!
//! Formats that say what they are come first: JSON, logfmt, access logs, the envelope of a
//! container runtime. Everything else is text with a header, [`header`], or without.

mod access;
mod header;
mod json;
mod logfmt;
mod timestamp;

use crate::level::Level;
use jiff::Timestamp;
use std::borrow::Cow;

/// A line's parts.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedLine<'a> {
    /// What it says, without its header.
    pub message: Cow<'a, str>,
    /// Its level.
    pub level: Option<Level>,
    /// Its logger, or the program that wrote it.
    pub logger: Option<Cow<'a, str>>,
    /// Its time.
    pub timestamp: Option<Timestamp>,
    /// What else it carries.
    pub attributes: Vec<(Cow<'a, str>, serde_json::Value)>,
    /// How it is written: `json`, `logfmt`, `access`, `text` or `plain`.
    pub format: &'static str,
}

/// Takes a line apart. What the line's time leaves out, such as the year, comes from the reference,
/// the time of receipt. Lines below the first, such as a stack trace, stay in the message.
#[must_use]
pub fn parse_line(line: &str, reference: Timestamp) -> ParsedLine<'_> {
    if let Some((time, inner)) = container(line, reference) {
        let parsed = written(inner, reference);
        return ParsedLine { timestamp: parsed.timestamp.or(Some(time)), ..parsed };
    }
    written(line, reference)
}

fn written(line: &str, reference: Timestamp) -> ParsedLine<'_> {
    json::parse(line, reference)
        .or_else(|| logfmt::parse(line, reference))
        .or_else(|| access::parse(line, reference))
        .or_else(|| header::parse(line, reference))
        .unwrap_or_else(|| plain(line))
}

fn plain(line: &str) -> ParsedLine<'_> {
    ParsedLine {
        message: line.trim().into(),
        level: None,
        logger: None,
        timestamp: None,
        attributes: Vec::new(),
        format: "plain",
    }
}

/// Whether the text begins with a time, in any format.
pub(crate) fn begins_with_time(text: &str) -> bool {
    timestamp::read(text, Timestamp::UNIX_EPOCH).is_some_and(|(length, _)| length >= 8)
}

/// Kubernetes puts `time stdout F ` before what the container wrote.
fn container(line: &str, reference: Timestamp) -> Option<(Timestamp, &str)> {
    let mut parts = line.splitn(4, ' ');
    let (time, stream, _flag, inner) = (
        parts.next()?,
        parts.next()?,
        parts.next().filter(|flag| matches!(*flag, "F" | "P"))?,
        parts.next()?,
    );
    if !matches!(stream, "stdout" | "stderr") {
        return None;
    }
    let (_, time) = timestamp::read(time, reference)?;
    Some((time, inner))
}

/// A level as a JSON or logfmt field holds it: a word, or the number of pino and bunyan.
fn level_of(text: &str) -> Option<Level> {
    Level::parse(text)
}

/// A time as a field holds it; a number may be of seconds, milli-, micro- or nanoseconds.
fn time_of(text: &str, reference: Timestamp) -> Option<Timestamp> {
    timestamp::read(text, reference).map(|(_, time)| time)
}
