//! The header of a line, whatever wrote it: a walk along its words.
//!
//! The header ends with the last time among the first words, what follows it up to a level, and a name
//! with a colon. Each step takes only what looks like its kind, so that a sentence is never eaten.

mod clock;
mod special;

use super::ParsedLine;
use crate::level::Level;
use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Cow;

/// Words between a time and a level.
const WORDS_TO_LEVEL: usize = 5;

/// Bytes of a line that are looked at.
const HEADER_BYTES: usize = 400;

/// Reads a header; `None` when the line has none.
pub(super) fn read(line: &str, reference: Timestamp) -> Option<ParsedLine<'_>> {
    let (line, priority) = special::priority(line);
    if let Some(parsed) = special::rfc5424(line, priority, reference).or_else(|| special::glog(line, reference)) {
        return Some(parsed);
    }
    let mut parsed = ParsedLine { level: priority, format: "header", ..ParsedLine::plain(line) };
    let rest = match clock::time(line, reference) {
        Some((timestamp, rest)) => {
            parsed.timestamp = timestamp;
            rest
        }
        None => return leading_level(line).or(priority.map(|_| parsed)),
    };
    if let Some(access) = special::access(line, rest, parsed.timestamp) {
        return Some(access);
    }
    let rest = match level(rest) {
        Some((level, name, rest)) => {
            parsed.level = Some(level);
            parsed.logger = name.map(Cow::Borrowed);
            name_behind_level(&mut parsed, rest)
        }
        None => name_behind_time(&mut parsed, rest),
    };
    parsed.message = Cow::Borrowed(rest);
    Some(parsed)
}

/// Whether a line begins a record of its own: it carries a time or a level at its head.
pub(crate) fn begins_record(line: &str) -> bool {
    let (line, priority) = special::priority(line);
    let head = &line[..line.floor_char_boundary(HEADER_BYTES)];
    priority.is_some() || special::is_glog(line) || clock::words(head).is_some() || leading_level(head).is_some()
}

/// The word at the head of a text, with what stands behind it. A bracket is one word to its end.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() || text.starts_with(['\n', '\r']) {
        return None;
    }
    let bracket = if text.starts_with('[') { bracket_end(text) } else { None };
    let end = bracket.unwrap_or_else(|| match text.find([' ', '\t', '|', '\n', '\r']) {
        Some(0) => 1,
        Some(end) => end,
        None => text.len(),
    });
    Some((&text[..end], &text[end..]))
}

/// The end of a bracket that closes on its line, brackets within it counted.
fn bracket_end(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate().take(HEADER_BYTES) {
        match byte {
            b'[' => depth += 1,
            b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'\n' => return None,
            _ => {}
        }
    }
    None
}

/// A word without the marks round it.
fn bare(word: &str) -> &str {
    word.trim_start_matches(['[', '(', '<']).trim_end_matches([']', ')', '>', ',', ';', ':'])
}

/// Whether a word is nothing but a separator.
fn is_separator(word: &str) -> bool {
    word.bytes().all(|byte| matches!(byte, b'-' | b'|' | b':' | b'~'))
}

/// The level among the next words, when nothing before it looks like a sentence; with a logger before it.
fn level(text: &str) -> Option<(Level, Option<&str>, &str)> {
    let mut rest = text;
    let mut name = None;
    for index in 0..WORDS_TO_LEVEL {
        let (next, behind) = word(rest)?;
        let inner = bare(next);
        let found = Level::parse_word(inner).or_else(|| {
            // A single letter is a level only behind process numbers.
            let letter = next.len() == 1 && index > 0 && next.bytes().all(|byte| byte.is_ascii_uppercase());
            if letter { Level::parse(next) } else { None }
        });
        // A level is written large, or with a mark beside it; `error` in a sentence is neither.
        let marked = next.len() > inner.len() || inner.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
        if let Some(level) = found.filter(|_| marked) {
            return Some((level, name, behind));
        }
        // `name - LEVEL`: the name is parted from the level, as the words of a sentence are not.
        let parted = is_name(next) && word(behind).is_some_and(|(next, _)| is_separator(next));
        if !(parted || is_identifier(inner) || is_separator(next) || next.starts_with('[')) {
            return None;
        }
        if parted || is_dotted(next) && is_name(next) {
            name = Some(next);
        }
        rest = behind;
    }
    None
}

/// A word that a header has and a sentence rarely: with a digit or a mark inside, or all capitals.
fn is_identifier(word: &str) -> bool {
    let inner = word.as_bytes().get(1..).unwrap_or_default();
    word.bytes().any(|byte| byte.is_ascii_digit())
        || inner.iter().any(|byte| matches!(byte, b'.' | b'_' | b'-' | b'/' | b'$' | b'@'))
        || (word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Reads threads and a logger behind a level; what stands behind them.
fn name_behind_level<'a>(parsed: &mut ParsedLine<'a>, text: &'a str) -> &'a str {
    let mut rest = skip_separators(text);
    for _ in 0..4 {
        let Some((next, behind)) = word(rest) else { break };
        let after = skip_separators(behind);
        let separated = after.len() < behind.trim_start_matches([' ', '\t']).len();
        if next.starts_with('[') && next.ends_with(']') {
            // A bracket is a thread when more of a header follows it.
            let named = word(after).is_some_and(|(word, _)| colon_name(word).is_some() || is_dotted(word));
            if !(separated || named) {
                break;
            }
            rest = after;
        } else if let Some(name) = colon_name(next) {
            if !is_process(name) {
                parsed.logger.get_or_insert(Cow::Borrowed(name));
            }
            return after;
        } else if is_process(next) {
            rest = after;
        } else if is_name(next) && (separated || is_wide(behind) || is_dotted(next)) && parsed.logger.is_none() {
            parsed.logger = Some(Cow::Borrowed(next));
            rest = after;
        } else {
            break;
        }
    }
    rest.trim_start_matches([' ', '\t'])
}

/// Two blanks or more: columns rather than words of a sentence.
fn is_wide(behind: &str) -> bool {
    behind.starts_with("  ") && !behind.trim().is_empty()
}

/// Reads host and program behind a time without a level, as syslog writes; what stands behind them.
fn name_behind_time<'a>(parsed: &mut ParsedLine<'a>, text: &'a str) -> &'a str {
    let start = text.trim_start_matches([' ', '\t']);
    if start.starts_with('|') {
        return behind_bars(start);
    }
    let start = skip_separators(start);
    let mut rest = start;
    let mut host = None;
    for index in 0..3 {
        let Some((next, behind)) = word(rest) else { return start };
        if let Some(name) = colon_name(next) {
            parsed.logger = (!is_process(name)).then_some(Cow::Borrowed(name));
            if let Some(host) = host {
                parsed.attributes.push((Cow::Borrowed("host.name"), Value::from(host)));
            }
            return behind.trim_start_matches([' ', '\t']);
        }
        // `program - message`, and with identifiers behind the program: `program *64 - message`
        let program = if index == 0 { is_name(next) } else { host.is_some_and(is_name) && is_identifier(next) };
        if program && behind.starts_with(" - ") {
            parsed.logger = Some(Cow::Borrowed(host.unwrap_or(next)));
            return &behind[3..];
        }
        host = host.or(Some(next));
        rest = behind;
    }
    start
}

/// `|part|part|message`: the message stands behind the last bar that parts the header.
fn behind_bars(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..4 {
        let Some(inner) = rest.strip_prefix('|') else { break };
        let Some(end) = inner.find('|').filter(|end| !inner[..*end].contains(' ')) else {
            return inner.trim_start();
        };
        rest = &inner[end..];
    }
    rest.trim_start_matches('|').trim_start()
}

/// `name:`, `name[7]:`, `name(x)[7]:`, `31#31:`; the name, or the number.
fn colon_name(word: &str) -> Option<&str> {
    let name = word.strip_suffix(':')?;
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    (is_process(name) || is_name(name)).then_some(name)
}

fn is_name(word: &str) -> bool {
    word.len() <= 120
        && word.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'/'))
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-$/()@#+*".contains(&byte))
}

fn is_dotted(word: &str) -> bool {
    let word = word.strip_suffix(':').unwrap_or(word);
    is_name(word) && word.contains('.') && !word.ends_with('.')
}

/// A process number: `4711`, `31#31`.
fn is_process(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'#')
}

fn skip_separators(text: &str) -> &str {
    let mut rest = text.trim_start_matches([' ', '\t']);
    while let Some((next, behind)) = word(rest) {
        if !is_separator(next) {
            break;
        }
        rest = behind.trim_start_matches([' ', '\t']);
    }
    rest
}

/// `ERROR: message`, `[ERROR] message`, `ERROR:root:message`, without a time.
fn leading_level(line: &str) -> Option<ParsedLine<'_>> {
    let (next, behind) = word(line)?;
    let (head, tail) = match next.split_once(':') {
        Some((head, tail)) if !next.starts_with('[') && !tail.is_empty() => (head, Some(tail)),
        _ => (next, None),
    };
    let inner = bare(head);
    let level = Level::parse_word(inner)?;
    let capital = inner.bytes().all(|byte| byte.is_ascii_uppercase());
    let marked = head.len() > inner.len() || tail.is_some();
    if !(capital || marked) || (behind.trim().is_empty() && tail.is_none()) {
        return None;
    }
    let mut parsed = ParsedLine { level: Some(level), format: "header", ..ParsedLine::plain(line) };
    let rest = match tail {
        None => name_behind_level(&mut parsed, behind),
        Some(tail) => {
            let rest = &line[line.len() - behind.len() - tail.len()..];
            match tail.split_once(':').filter(|(name, _)| is_name(name)) {
                Some((name, _)) => {
                    parsed.logger = Some(Cow::Borrowed(name));
                    &rest[name.len() + 1..]
                }
                None => rest,
            }
        }
    };
    parsed.message = Cow::Borrowed(rest.trim_start_matches([' ', '\t']));
    Some(parsed)
}
