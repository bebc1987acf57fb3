//! The messages of the stream.

use crate::issue::Status;
use chrono::{DateTime, Utc};
use serde::Serialize;
use squall_grouping::Level;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The `data` of a message; its `event` names the type.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StreamData {
    /// `issue.new` and `issue.changed`: the current state of the issue, at most once a second.
    Issue(LiveIssue),
    /// `counts`: events counted since the last message, by minute.
    Counts(LiveCounts),
    /// `resync`: messages may have been missed; reload what is shown.
    Resync(Resync),
}

/// The current state of an issue.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveIssue {
    pub id: i64,
    /// The slug of its project.
    pub project: String,
    /// The template of its messages, or its exception.
    pub title: String,
    /// Where in the program it comes from.
    pub culprit: Option<String>,
    /// The highest level seen.
    pub level: Level,
    pub status: Status,
    pub first_seen: DateTime<Utc>,
    pub last_seen: DateTime<Utc>,
    /// Number of events ever seen.
    pub events: i64,
    pub source_ids: Vec<i64>,
}

/// Events of one project that were counted since the last message.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveCounts {
    /// The slug of the project.
    pub project: String,
    /// The increments, by the minute in which the events occurred.
    pub minutes: Vec<LiveMinute>,
}

/// The increments of one minute.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveMinute {
    /// When the minute begins.
    pub at: DateTime<Utc>,
    /// Events by level; levels without events are omitted.
    pub levels: BTreeMap<String, i64>,
}

/// Messages may have been missed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Resync {
    pub reason: ResyncReason,
}

/// Why messages may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResyncReason {
    /// The stream could not continue where the client left off.
    Began,
    /// More changed than is sent one by one, or the client was too slow.
    Overflow,
    /// Changes could not be received for a while.
    Interrupted,
}

/// A message that is ready to be sent, the same for every subscriber that may see it.
#[derive(Debug)]
pub struct StreamMessage {
    /// The project it belongs to; without one it is for everyone.
    pub project_id: Option<i64>,
    /// `event` of the stream.
    pub kind: &'static str,
    /// `data` of the stream: JSON in one line.
    pub data: String,
}

impl StreamMessage {
    pub fn issue(project_id: i64, is_new: bool, issue: LiveIssue) -> Self {
        let kind = if is_new { "issue.new" } else { "issue.changed" };
        Self::new(Some(project_id), kind, &StreamData::Issue(issue))
    }

    pub fn counts(project_id: i64, counts: LiveCounts) -> Self {
        Self::new(Some(project_id), "counts", &StreamData::Counts(counts))
    }

    pub fn resync(reason: ResyncReason) -> Self {
        Self::new(None, "resync", &StreamData::Resync(Resync { reason }))
    }

    fn new(project_id: Option<i64>, kind: &'static str, data: &StreamData) -> Self {
        // These types are plain: they can always be written as JSON.
        let data = serde_json::to_string(data).unwrap_or_else(|_| "{}".into());
        Self { project_id, kind, data }
    }
}
