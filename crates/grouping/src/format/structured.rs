//! Lines that say themselves what is what: JSON and logfmt.

use super::{ParsedLine, time};
use crate::level::Level;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::borrow::Cow;

const MESSAGE: [&str; 7] = ["message", "msg", "log", "@m", "MESSAGE", "textPayload", "event"];
const LEVEL: [&str; 8] = ["level", "severity", "lvl", "log.level", "loglevel", "@l", "levelname", "PRIORITY"];
const TIME: [&str; 8] = ["timestamp", "@timestamp", "time", "ts", "@t", "date", "datetime", "asctime"];
const LOGGER: [&str; 6] = ["logger", "logger_name", "log.logger", "loggerName", "name", "component"];
const STACK: [&str; 7] = ["stack_trace", "stacktrace", "stack", "exception", "exc_info", "error.stack_trace", "traceback"];

/// One JSON object a line, with the names that loggers use.
pub(super) fn json(line: &str, reference: Timestamp) -> Option<ParsedLine<'static>> {
    if !line.starts_with('{') {
        return None;
    }
    let Ok(Value::Object(mut members)) = serde_json::from_str(line) else { return None };
    let mut message = take(&mut members, &MESSAGE).map(text)?;
    let level = take(&mut members, &LEVEL).map(text).and_then(|level| Level::parse(&level));
    let timestamp = take(&mut members, &TIME).and_then(|value| read_time(&value, reference));
    let logger = take(&mut members, &LOGGER).map(text).map(Cow::Owned);
    // A stack trace in a member of its own is read with the message, as if it stood below it.
    let error = members.get("err").or(members.get("error")).and_then(|error| error.get("stack")).cloned();
    let stack = take(&mut members, &STACK).or(error).and_then(|stack| stack.as_str().map(str::to_owned));
    if let Some(stack) = stack.filter(|stack| stack.contains('\n')) {
        message = format!("{message}\n{stack}");
    }
    let attributes = members.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
    Some(ParsedLine { message: Cow::Owned(message), level, logger, timestamp, attributes, format: "json" })
}

fn take(members: &mut Map<String, Value>, names: &[&str]) -> Option<Value> {
    let usable = |name: &&&str| members.get(**name).is_some_and(|value| !value.is_null() && !value.is_object());
    let name = names.iter().find(usable)?;
    members.remove(*name)
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn read_time(value: &Value, reference: Timestamp) -> Option<Timestamp> {
    match value {
        Value::String(text) => time::interpret(text, reference),
        Value::Number(number) => {
            let number = number.as_f64()?;
            let seconds = match number {
                1e8..1e11 => number,
                1e11..1e14 => number / 1e3,
                1e14..1e17 => number / 1e6,
                1e17..1e20 => number / 1e9,
                _ => return None,
            };
            #[expect(clippy::cast_possible_truncation, reason = "the ranges above stay far below 2^53")]
            Timestamp::from_microsecond((seconds * 1e6) as i64).ok()
        }
        _ => None,
    }
}

/// `key=value key="quoted value"`; it needs a message and a level or a time, else it is a sentence.
pub(super) fn logfmt(line: &str, reference: Timestamp) -> Option<ParsedLine<'static>> {
    let first = line.find('=')?;
    if first == 0 || !line[..first].bytes().all(is_key_byte) {
        return None;
    }
    let (mut message, mut level, mut timestamp, mut logger) = (None, None, None, None);
    let mut attributes = Vec::new();
    let (head, below) = line.split_once('\n').map_or((line, None), |(head, below)| (head, Some(below)));
    let mut rest = head.trim();
    while !rest.is_empty() {
        let (key, value, behind) = pair(rest)?;
        match key {
            _ if MESSAGE.contains(&key) && message.is_none() => message = Some(value),
            _ if LEVEL.contains(&key) && level.is_none() => level = Level::parse(&value),
            _ if TIME.contains(&key) && timestamp.is_none() => timestamp = time::interpret(&value, reference),
            _ if LOGGER.contains(&key) && logger.is_none() => logger = Some(Cow::Owned(value)),
            _ => attributes.push((Cow::Owned(key.to_owned()), Value::from(value))),
        }
        rest = behind;
    }
    let mut message = message?;
    if level.is_none() && timestamp.is_none() {
        return None;
    }
    if let Some(below) = below {
        message = format!("{message}\n{below}");
    }
    Some(ParsedLine { message: Cow::Owned(message), level, logger, timestamp, attributes, format: "logfmt" })
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-@".contains(&byte)
}

/// The first pair of a text, and what stands behind it.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (key, rest) = text.split_once('=')?;
    if key.is_empty() || !key.bytes().all(is_key_byte) {
        return None;
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find(' ').unwrap_or(rest.len());
        return Some((key, rest[..end].to_owned(), rest[end..].trim_start()));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((key, value, quoted[at + 1..].trim_start())),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}
