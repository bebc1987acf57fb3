//! Issues: what is wrong, how often, since when.

mod listing;

use super::{events::Event, users::audit};
use crate::{
    AppState,
    access::SignedIn,
    error::{ApiError, ErrorBody},
    extract::{Json, Path, Query},
};
use axum::{Extension, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use listing::{Filter, IssuePage};
use serde::{Deserialize, Serialize};
use squall_grouping::Level;
use utoipa::{IntoParams, ToSchema};

/// The events with one fingerprint.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Issue {
    pub(super) id: i64,
    /// The slug of its project.
    project: String,
    /// Its template, or its exception.
    title: String,
    /// The place it comes from.
    culprit: Option<String>,
    /// The highest level seen.
    level: Level,
    status: Status,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    /// All its events.
    events: i64,
    source_ids: Vec<i64>,
    /// Events in each of the last 24 hours, oldest first.
    sparkline: Vec<i64>,
}

/// What a person decided about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "issue_status", rename_all = "lowercase")]
pub(crate) enum Status {
    /// Nothing yet.
    Open,
    /// It was mended; it opens again when it happens again.
    Resolved,
    /// Nobody wants to hear of it.
    Ignored,
}

/// An issue with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IssueDetail {
    #[serde(flatten)]
    issue: Issue,
    fingerprints: Vec<FingerprintEntry>,
    sources: Vec<SourceName>,
    latest_event: Option<Event>,
}

/// A fingerprint that leads to an issue.
#[derive(Debug, Serialize, ToSchema)]
struct FingerprintEntry {
    /// 32 hexadecimal digits.
    fingerprint: String,
    template: String,
    /// The version of the grouping that made it.
    version: i16,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceName {
    id: i64,
    name: String,
    kind: String,
}

/// What changes.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeIssue {
    status: Status,
}

/// Events over time, without gaps.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trend {
    /// Length of each step.
    step_seconds: i64,
    points: Vec<Point>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Point {
    /// When the step begins.
    at: DateTime<Utc>,
    events: i64,
}

/// How far back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Range {
    /// From 1 to 2160; 24 when it is left out.
    hours: Option<i64>,
}

/// Lists issues.
#[utoipa::path(
    get, path = "/api/v1/issues", tag = "issues", operation_id = "list_issues", params(Filter),
    responses((status = 200, body = IssuePage), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(filter): Query<Filter>,
) -> Result<axum::Json<IssuePage>, ApiError> {
    Ok(axum::Json(listing::page(&state, filter).await?))
}

/// Shows an issue.
#[utoipa::path(
    get, path = "/api/v1/issues/{id}", tag = "issues", operation_id = "show_issue", params(("id" = i64, Path)),
    responses((status = 200, body = IssueDetail), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<i64>,
) -> Result<axum::Json<IssueDetail>, ApiError> {
    let issue = listing::one(&state, id).await?;
    let fingerprints = sqlx::query_as!(
        FingerprintEntry,
        "select encode(fingerprint, 'hex') as \"fingerprint!\", template, version from fingerprints where issue_id = $1 order by id",
        id,
    )
    .fetch_all(&state.pool)
    .await?;
    let sources = sqlx::query_as!(
        SourceName,
        "select id, name, kind::text as \"kind!\" from sources where id = any($1) order by name",
        &issue.source_ids,
    )
    .fetch_all(&state.pool)
    .await?;
    let latest_event = super::events::latest(&state, id).await?;
    Ok(axum::Json(IssueDetail { issue, fingerprints, sources, latest_event }))
}

/// Resolves, ignores or opens an issue.
#[utoipa::path(
    patch, path = "/api/v1/issues/{id}", tag = "issues", operation_id = "change_issue", params(("id" = i64, Path)),
    request_body = ChangeIssue,
    responses((status = 200, body = Issue), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Path(id): Path<i64>,
    Json(asked): Json<ChangeIssue>,
) -> Result<axum::Json<Issue>, ApiError> {
    let mut transaction = state.pool.begin().await?;
    let changed = sqlx::query!(
        "update issues set status = $2, status_at = now() where id = $1",
        id,
        asked.status as Status
    )
    .execute(&mut *transaction)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(ApiError::not_found("issue"));
    }
    audit(&mut transaction, by.id, "issue.status", &format!("{id}: {:?}", asked.status).to_lowercase())
        .await?;
    transaction.commit().await?;
    state.live.issue_changed(id);
    Ok(axum::Json(listing::one(&state, id).await?))
}

/// Shows how often an issue happened over time.
#[utoipa::path(
    get, path = "/api/v1/issues/{id}/trend", tag = "issues", operation_id = "issue_trend", params(("id" = i64, Path), Range),
    responses((status = 200, body = Trend), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn trend(
    State(state): State<AppState>,
    Path(id): Path<i64>,
    Query(range): Query<Range>,
) -> Result<axum::Json<Trend>, ApiError> {
    listing::one(&state, id).await?;
    let steps = Steps::of(range.hours, Utc::now())?;
    let points = sqlx::query_as!(
        Point,
        "select g.at as \"at!\", coalesce(m.events, 0) as \"events!\"
         from generate_series($2::timestamptz, $3::timestamptz - interval '1 second', make_interval(secs => $4)) as g(at)
         left join (
             select date_bin(make_interval(secs => $4), minute, $2) as at, sum(events)::bigint as events
             from issue_minutes where issue_id = $1 and minute >= $2 and minute < $3 group by 1
         ) m on m.at = g.at
         order by 1",
        id,
        steps.from,
        steps.until,
        steps.seconds_f64(),
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(Trend { step_seconds: steps.seconds, points }))
}

/// A stretch of time cut into equal steps, at most [`Steps::MOST`] of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
    pub(super) seconds: i64,
}

impl Steps {
    const MOST: i64 = 120;

    /// The last `hours` before the end of the step that `now` lies in.
    ///
    /// # Errors
    /// When the hours are out of range.
    pub(super) fn of(hours: Option<i64>, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let hours = hours.unwrap_or(24);
        if !(1..=2160).contains(&hours) {
            return Err(ApiError::invalid(format!("hours is {hours}. It must be from 1 to 2160.")));
        }
        // Steps that people read easily, in seconds.
        let readable = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
        let seconds = readable.into_iter().find(|step| hours * 3600 <= step * Self::MOST).unwrap_or(86_400);
        let until = (now.timestamp().div_euclid(seconds) + 1) * seconds;
        let until = DateTime::from_timestamp(until, 0).unwrap_or(now);
        let count = (hours * 3600 + seconds - 1) / seconds;
        Ok(Self { from: until - TimeDelta::seconds(count * seconds), until, seconds })
    }

    #[expect(clippy::cast_precision_loss, reason = "a step has at most 86,400 seconds")]
    pub(super) fn seconds_f64(self) -> f64 {
        self.seconds as f64
    }
}

pub(super) use listing::of_window;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_cut_into_readable_steps_that_end_with_now() {
        let now = DateTime::from_timestamp(1_795_178_096, 0).unwrap();
        for (hours, seconds, count) in
            [(1, 60, 60), (6, 300, 72), (24, 900, 96), (168, 7200, 84), (2160, 86_400, 90)]
        {
            let steps = Steps::of(Some(hours), now).unwrap();
            assert_eq!(steps.seconds, seconds, "{hours} hours");
            assert_eq!((steps.until - steps.from).num_seconds() / seconds, count, "{hours} hours");
            assert!(steps.until > now && steps.until - TimeDelta::seconds(seconds) <= now);
        }
        assert!(Steps::of(Some(0), now).is_err());
    }
}
