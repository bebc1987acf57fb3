//! One event as a sender writes it, read leniently.
//!
//! Only a message or an exception is required. The field names of common loggers are known; every
//! other field becomes an attribute, and so does a time or a level that cannot be read: an odd
//! value is data, not an error.

use super::MAX_MESSAGE_BYTES;
use crate::{
    RejectionReason,
    raw_event::{RawEvent, Text},
    storable,
};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// Reads one JSON value: an object is an event, a string is a log line.
///
/// # Errors
/// The reason, and a clause for the sender.
pub(super) fn read(json: &str) -> Result<RawEvent<'_>, (RejectionReason, String)> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let event = reader.deserialize_any(EventVisitor).and_then(|event| reader.end().map(|()| event));
    let event = event.map_err(|error| (RejectionReason::NotJson, format!("not a JSON event: {error}")))?;
    if event.message.is_empty() && event.exception.is_none() {
        let message =
            "no message: an event needs the field \"message\" (text that is not empty), or \"exception\"";
        return Err((RejectionReason::NoMessage, message.into()));
    }
    Ok(event)
}

/// Cuts an event to its limits and makes it storable, in place.
pub(super) fn make_storable(event: &mut RawEvent<'_>) {
    let cut = event.message.len().saturating_sub(MAX_MESSAGE_BYTES);
    if cut > 0 {
        let end = event.message.floor_char_boundary(MAX_MESSAGE_BYTES);
        let cut = event.message.len() - end;
        event.message = Cow::Owned(event.message[..end].to_owned());
        let mut attributes = Attributes::from(event.attributes.take());
        attributes.add("squall.cut_bytes", &cut.to_string());
        event.attributes = attributes.finish();
    }
    let message = std::mem::take(&mut event.message);
    event.message = storable::text(message);
    for text in [&mut event.level, &mut event.logger].into_iter().flatten() {
        text.0 = storable::text(std::mem::take(&mut text.0));
    }
    for json in [&mut event.exception, &mut event.attributes] {
        *json = json.take().and_then(|json| match json {
            Cow::Borrowed(json) => storable::json(json).ok(),
            Cow::Owned(json) => storable::json(&json).ok().map(|json| Cow::Owned(json.into_owned())),
        });
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = RawEvent<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a \"message\", or a string that is a log line")
    }

    fn visit_borrowed_str<E>(self, line: &'de str) -> Result<RawEvent<'de>, E> {
        Ok(RawEvent::line(line))
    }

    fn visit_str<E>(self, line: &str) -> Result<RawEvent<'de>, E> {
        Ok(RawEvent::line(line.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawEvent<'de>, A::Error> {
        let mut event = RawEvent { raw: false, ..RawEvent::line("") };
        let mut attributes = Attributes::default();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            match name.as_ref() {
                "message" | "msg" => {
                    let value: &'de RawValue = map.next_value()?;
                    event.message = text(value).unwrap_or_else(|| Cow::Borrowed(value.get()));
                }
                "level" | "severity" | "lvl" => {
                    let value: &'de RawValue = map.next_value()?;
                    event.level = Some(Text(text(value).unwrap_or_else(|| Cow::Borrowed(value.get()))));
                }
                "timestamp" | "@timestamp" | "time" | "ts" => {
                    let value: &'de RawValue = map.next_value()?;
                    event.occurred_at_ms = time(value);
                    if event.occurred_at_ms.is_none() && value.get() != "null" {
                        attributes.add(&name, value.get());
                    }
                }
                "logger" => {
                    let value: &'de RawValue = map.next_value()?;
                    match text(value) {
                        Some(logger) => event.logger = Some(Text(logger)),
                        None => attributes.add("logger", value.get()),
                    }
                }
                "exception" => {
                    let value: &'de RawValue = map.next_value()?;
                    event.exception = (value.get() != "null").then_some(Cow::Borrowed(value));
                }
                "service" => attributes.add("service.name", map.next_value::<&RawValue>()?.get()),
                "environment" => {
                    attributes.add("deployment.environment.name", map.next_value::<&RawValue>()?.get())
                }
                "release" => attributes.add("service.version", map.next_value::<&RawValue>()?.get()),
                "host" | "hostname" => attributes.add("host.name", map.next_value::<&RawValue>()?.get()),
                "attributes" => attributes.add_all(map.next_value()?),
                _ => attributes.add(&name, map.next_value::<&RawValue>()?.get()),
            }
        }
        event.attributes = attributes.finish();
        Ok(event)
    }
}

/// A JSON object being put together from pieces of JSON text.
#[derive(Default)]
struct Attributes(String);

impl From<Option<Cow<'_, RawValue>>> for Attributes {
    fn from(json: Option<Cow<'_, RawValue>>) -> Self {
        let mut attributes = Self::default();
        if let Some(json) = json {
            attributes.add_all(&json);
        }
        attributes
    }
}

impl Attributes {
    fn add(&mut self, name: &str, json: &str) {
        if json == "null" {
            return;
        }
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        match serde_json::to_string(name) {
            Ok(name) => self.0.push_str(&name),
            Err(_) => self.0.push_str("\"\""),
        }
        self.0.push(':');
        self.0.push_str(json);
    }

    /// Adds the members of an object; anything else is kept under its own name.
    fn add_all(&mut self, json: &RawValue) {
        let inner = json.get().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map(str::trim);
        match inner {
            None => self.add("attributes", json.get()),
            Some("") => {}
            Some(members) => {
                self.0.push(if self.0.is_empty() { '{' } else { ',' });
                self.0.push_str(members);
            }
        }
    }

    fn finish(mut self) -> Option<Cow<'static, RawValue>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        RawValue::from_string(self.0).ok().map(Cow::Owned)
    }
}

/// The text of a JSON string; `None` for any other value.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|text| text.0)
}

/// Milliseconds since 1970 from RFC 3339 text, or from a number of seconds, milliseconds, micro- or
/// nanoseconds: each unit has its own range for all times from 1973 to 5138.
fn time(value: &RawValue) -> Option<i64> {
    if let Some(text) = text(value) {
        return text.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    }
    let number: f64 = value.get().parse().ok()?;
    let milliseconds = match number {
        1e8..1e11 => number * 1e3,
        1e11..1e14 => number,
        1e14..1e17 => number / 1e3,
        1e17..1e20 => number / 1e6,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the ranges above stay far below 2^53")]
    Some(milliseconds as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_units_senders_use() {
        for (json, expected) in [
            ("\"2026-11-20T12:34:56Z\"", Some(1_795_178_096_000)),
            ("\"2026-11-20T13:34:56.5+01:00\"", Some(1_795_178_096_500)),
            ("1795178096", Some(1_795_178_096_000)),
            ("1795178096.25", Some(1_795_178_096_250)),
            ("1795178096000", Some(1_795_178_096_000)),
            ("1795178096000000", Some(1_795_178_096_000)),
            ("1795178096000000000", Some(1_795_178_096_000)),
            ("\"yesterday\"", None),
            ("7", None),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            assert_eq!(time(&raw), expected, "{json}");
        }
    }

    #[test]
    fn a_field_that_is_not_known_is_kept_as_an_attribute() {
        let event = read(
            r#"{"message":"m","service":"shop","user":{"id":1},"attributes":{"k":"v"},"time":"noon","level":30,"empty":null}"#,
        )
        .unwrap();
        assert_eq!(
            event.attributes.unwrap().get(),
            r#"{"service.name":"shop","user":{"id":1},"k":"v","time":"noon"}"#
        );
        assert_eq!(event.level.unwrap().as_str(), "30");
    }

    #[test]
    fn a_message_that_is_not_text_is_kept_as_json() {
        assert_eq!(read(r#"{"message":{"code":7}}"#).unwrap().message, r#"{"code":7}"#);
    }

    #[test]
    fn an_event_without_message_needs_an_exception() {
        assert!(read(r#"{"exception":{"type":"KeyError"}}"#).is_ok());
        for json in
            [r#"{"message":""}"#, "{}", "7", "null", r#"{"message":"a"} trailing"#, "{\"message\":\"a\""]
        {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
