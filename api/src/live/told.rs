//! What clients are told: the events of the stream.

use crate::routes::Status;
use chrono::{DateTime, Utc};
use serde::Serialize;
use squall_grouping::Level;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One event of the stream: its type stands in `event`, this in `data`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum StreamEvent {
    /// `issue.new` and `issue.changed`: the issue as it is now. Each is told at most once a second.
    Issue(LiveIssue),
    /// `counts`: events counted since the last time, by minute.
    Counts(LiveCounts),
    /// `resync`: something may have been missed. Read anew what is shown.
    Resync(Resync),
}

/// An issue as it is now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveIssue {
    /// `issues.id`
    pub(crate) id: i64,
    /// The slug of its project.
    pub(crate) project: String,
    /// Its template, or its exception.
    pub(crate) title: String,
    /// The place it comes from.
    pub(crate) culprit: Option<String>,
    /// The highest level seen.
    pub(crate) level: Level,
    /// What a person decided.
    pub(crate) status: Status,
    /// When it happened first.
    pub(crate) first_seen: DateTime<Utc>,
    /// When it happened last.
    pub(crate) last_seen: DateTime<Utc>,
    /// All its events.
    pub(crate) events: i64,
    /// The sources that sent it.
    pub(crate) source_ids: Vec<i64>,
}

/// Events of one project that were counted since the last time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveCounts {
    /// The slug of the project.
    pub(crate) project: String,
    /// What came in addition, by the minute it happened in.
    pub(crate) minutes: Vec<LiveMinute>,
}

/// What came in addition for one minute.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveMinute {
    /// When the minute begins.
    pub(crate) at: DateTime<Utc>,
    /// Events by level; a level without events is left out.
    pub(crate) levels: BTreeMap<String, i64>,
}

/// Something may have been missed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resync {
    /// Why, in a word: `began`, `overflow` or `interrupted`.
    pub(crate) reason: Missed,
}

/// Why something may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Missed {
    /// The place where the client left off is not known here any more.
    Began,
    /// More changed than is told one by one, or the client was too slow to hear it.
    Overflow,
    /// What changes could not be heard for a while.
    Interrupted,
}

/// An event that is ready to be sent, the same for everybody who may see it.
#[derive(Debug)]
pub(crate) struct Told {
    /// Whose it is; everybody's without one.
    pub(crate) project_id: Option<i64>,
    /// `event` of the stream.
    pub(crate) kind: &'static str,
    /// `data` of the stream: JSON in one line.
    pub(crate) data: String,
}

impl Told {
    /// An issue, new or changed.
    pub(crate) fn issue(project_id: i64, is_new: bool, issue: LiveIssue) -> Self {
        let kind = if is_new { "issue.new" } else { "issue.changed" };
        Self::of(Some(project_id), kind, &StreamEvent::Issue(issue))
    }

    /// Counts of a project.
    pub(crate) fn counts(project_id: i64, counts: LiveCounts) -> Self {
        Self::of(Some(project_id), "counts", &StreamEvent::Counts(counts))
    }

    /// Something may have been missed.
    pub(crate) fn resync(reason: Missed) -> Self {
        Self::of(None, "resync", &StreamEvent::Resync(Resync { reason }))
    }

    fn of(project_id: Option<i64>, kind: &'static str, event: &StreamEvent) -> Self {
        // These types are plain: writing them as JSON cannot fail.
        let data = serde_json::to_string(event).unwrap_or_else(|_| "{}".into());
        Self { project_id, kind, data }
    }
}
