//! From the bytes of the inbox to events with a level, a time and an exception.
//!
//! The only error is a batch that cannot be read at all: an odd message is data.

mod exception;

use super::{claim::ClaimedBatch, event::DecodedEvent, project::Projects};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use exception::ReadException;
use serde_json::value::RawValue;
use squall_grouping::{Level, format, infer_level};
use squall_intake::{RawEvent, inbox, storable};

/// An event further in the future gets the time of receipt: clocks differ, but not by more than
/// this.
const FUTURE_MICROS: i64 = 5 * 60 * 1_000_000;

const DAY_MICROS: i64 = 86_400_000_000;

/// Decodes every event of the batches, off the async threads.
pub(super) async fn decode(batches: Vec<ClaimedBatch>, projects: &Projects) -> Result<Vec<DecodedEvent>> {
    let kept_days: Vec<i32> = batches
        .iter()
        .map(|batch| projects.get(&batch.project_id).map_or(1, |project| project.retention_days))
        .collect();
    let decode_all = move || {
        let mut events = Vec::new();
        for (batch, kept_days) in batches.iter().zip(kept_days) {
            decode_batch(batch, i64::from(kept_days), &mut events)
                .map_err(anyhow::Error::msg)
                .with_context(|| format!("decoding batch {} of the inbox", batch.id))?;
        }
        Ok(events)
    };
    tokio::task::spawn_blocking(decode_all).await.context("decoding batches of the inbox")?
}

fn decode_batch(batch: &ClaimedBatch, kept_days: i64, events: &mut Vec<DecodedEvent>) -> Result<(), String> {
    let lines = inbox::unpack(batch.codec, &batch.body)?;
    let reference = jiff::Timestamp::from_microsecond(batch.received_at.timestamp_micros())
        .map_err(|error| format!("the time of receipt is out of range: {error}"))?;
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let raw: RawEvent<'_> =
            serde_json::from_slice(line).map_err(|error| format!("an event cannot be read: {error}"))?;
        events.push(decode_event(batch, raw, reference, kept_days));
    }
    Ok(())
}

fn decode_event(
    batch: &ClaimedBatch,
    raw: RawEvent<'_>,
    reference: jiff::Timestamp,
    kept_days: i64,
) -> DecodedEvent {
    let received_at = batch.received_at.timestamp_micros();
    let mut attributes = Attributes::new(raw.attributes.as_deref().map(|json| json.get()));
    let (mut level, mut time) = (None, raw.occurred_at_ms.map(|ms| ms.saturating_mul(1000)));
    if let Some(spelt) = &raw.level {
        level = Level::parse(spelt.as_str());
        if level.is_none() {
            attributes.add_text("level", spelt.as_str());
        }
    }
    let mut logger = raw.logger.map(|logger| logger.0.into_owned());
    let message = if raw.raw {
        let line = format::parse_line(&raw.message, reference);
        level = level.or(line.level);
        time = time.or(line.timestamp.map(jiff::Timestamp::as_microsecond));
        // A format has its own escapes: the characters behind them appear only here.
        logger = logger.or(line.logger.map(|logger| storable::text(logger).into_owned()));
        for (name, value) in line.attributes {
            attributes.add_storable(&name, &value);
        }
        storable::text(line.message).into_owned()
    } else {
        raw.message.into_owned()
    };
    let ReadException { exception, json, message } = exception::read(raw.exception.as_deref(), message);
    let level =
        level.unwrap_or_else(|| if exception.is_some() { Level::Error } else { infer_level(&message) });
    let occurred_at = match time {
        Some(time) if time > received_at + FUTURE_MICROS || time < received_at - kept_days * DAY_MICROS => {
            let original = DateTime::<Utc>::from_timestamp_micros(time);
            attributes.add_text(
                "squall.original_time",
                &original.map_or_else(|| time.to_string(), |time| time.to_rfc3339()),
            );
            received_at
        }
        time => time.unwrap_or(received_at),
    };
    DecodedEvent {
        project_id: batch.project_id,
        source_id: batch.source_id,
        received_at,
        occurred_at,
        level,
        logger,
        message,
        exception,
        exception_json: json,
        attributes: attributes.finish(),
    }
}

/// A JSON object with members added to it, still as text.
struct Attributes(String);

impl Attributes {
    fn new(object: Option<&str>) -> Self {
        Self(object.and_then(|json| json.trim_end().strip_suffix('}')).unwrap_or_default().to_owned())
    }

    fn add(&mut self, name: &str, json: &str) {
        let separator = if self.0.is_empty() || self.0 == "{" { "{" } else { "," };
        if self.0 == "{" {
            self.0.clear();
        }
        self.0.push_str(separator);
        self.0.push_str(&serde_json::Value::from(name).to_string());
        self.0.push(':');
        self.0.push_str(json);
    }

    fn add_storable(&mut self, name: &str, value: &serde_json::Value) {
        let json = RawValue::from_string(value.to_string());
        let storable =
            json.ok().and_then(|json| storable::json(&json).ok().map(|json| json.get().to_owned()));
        if let Some(storable) = storable {
            self.add(&storable::text(name.into()), &storable);
        }
    }

    fn add_text(&mut self, name: &str, text: &str) {
        self.add(name, &serde_json::Value::from(text).to_string());
    }

    fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push('}');
        Some(self.0)
    }
}
