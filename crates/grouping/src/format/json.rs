//! A JSON object on one line.

use super::{ParsedLine, level_of, time_of};
use jiff::Timestamp;
use serde_json::{Map, Value};

const MESSAGES: [&str; 7] = ["message", "msg", "@message", "event", "log", "text", "body"];
const LEVELS: [&str; 8] =
    ["level", "severity", "lvl", "log.level", "levelname", "@level", "loglevel", "priority"];
const TIMES: [&str; 8] = ["timestamp", "time", "ts", "@timestamp", "@t", "datetime", "date", "asctime"];
const LOGGERS: [&str; 8] =
    ["logger", "logger_name", "name", "log.logger", "component", "module", "target", "category"];
const ERRORS: [&str; 6] =
    ["stack", "stack_trace", "stacktrace", "exception", "exc_info", "error.stack_trace"];

pub(super) fn parse(line: &str, reference: Timestamp) -> Option<ParsedLine<'_>> {
    let text = line.trim();
    if !text.starts_with('{') || !text.ends_with('}') {
        return None;
    }
    let mut object: Map<String, Value> = serde_json::from_str(text).ok()?;
    // The `fields` of tracing hold the message.
    if let Some(Value::Object(fields)) =
        object.get_mut("fields").filter(|fields| fields.get("message").is_some())
    {
        let message = fields.remove("message")?;
        object.entry("message").or_insert(message);
    }
    let level = take(&mut object, &LEVELS, |value| level_of(&plain_text(value)?));
    let timestamp = take(&mut object, &TIMES, |value| time_of(&plain_text(value)?, reference));
    let logger = take(&mut object, &LOGGERS, |value| value.as_str().map(str::to_owned));
    let message = take(&mut object, &MESSAGES, |value| value.as_str().map(|text| text.trim_end().to_owned()));
    let trace = take(&mut object, &ERRORS, |value| {
        value.as_str().filter(|text| text.contains('\n')).map(str::to_owned)
    });
    let message = match (message, trace) {
        (Some(message), Some(trace)) if !message.contains(&trace) => format!("{message}\n{trace}"),
        (Some(message), _) => message,
        (None, Some(trace)) => trace,
        (None, None) => text.to_owned(),
    };
    let attributes = object.into_iter().map(|(key, value)| (key.into(), value)).collect();
    Some(ParsedLine {
        message: message.into(),
        level,
        logger: logger.map(Into::into),
        timestamp,
        attributes,
        format: "json",
    })
}

/// The first of these members that can be read so, taken out of the object.
fn take<T>(object: &mut Map<String, Value>, names: &[&str], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    let (name, found) = names.iter().find_map(|name| Some((*name, read(object.get(*name)?)?)))?;
    object.remove(name);
    Some(found)
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
