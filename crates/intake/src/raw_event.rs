//! One event in the inbox: valid and bounded, not yet decoded.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Text that borrows from the JSON it was read from whenever it holds no escape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl Text<'_> {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One event of a batch. Its JSON is what codec 1 of the inbox holds, one object a line; a field
/// that a later version adds must be optional, since rows outlive a deploy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RawEvent<'a> {
    /// The message, or the whole line as it was written when `raw` is set. Never empty without an
    /// exception; at most [`crate::batch::MAX_MESSAGE_BYTES`].
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// The message is a log line that still carries its time, level and logger.
    #[serde(default, skip_serializing_if = "is_false")]
    pub raw: bool,
    /// The level as the sender spelt it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Text<'a>>,
    /// When it happened, in milliseconds since 1970 UTC, if the sender said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at_ms: Option<i64>,
    /// The logger's name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub logger: Option<Text<'a>>,
    /// The exception as the sender described it: `{type, message, stacktrace, frames}`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Cow<'a, RawValue>>,
    /// A JSON object that PostgreSQL can store as `jsonb`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Cow<'a, RawValue>>,
}

impl<'a> RawEvent<'a> {
    /// A log line as it was written; the worker reads its format.
    pub fn line(line: impl Into<Cow<'a, str>>) -> Self {
        Self {
            message: line.into(),
            raw: true,
            level: None,
            occurred_at_ms: None,
            logger: None,
            exception: None,
            attributes: None,
        }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}
