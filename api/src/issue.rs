//! Issues: the groups that events belong to.

mod list;

pub use list::{Filter, IssuePage, one as find, page as list, top};

use crate::{
    audit,
    error::ApiError,
    event::{self, Event},
    steps::Steps,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use squall_grouping::Level;
use utoipa::ToSchema;

/// The events with one fingerprint.
#[derive(Debug, Serialize, ToSchema)]
pub struct Issue {
    id: i64,
    /// The slug of its project.
    project: String,
    /// The template of its messages, or its exception.
    title: String,
    /// Where in the program it comes from.
    culprit: Option<String>,
    /// The highest level seen.
    level: Level,
    status: Status,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
    /// Number of events ever seen.
    events: i64,
    source_ids: Vec<i64>,
    /// Events in each of the last 24 hours, oldest first.
    sparkline: Vec<i64>,
}

/// What a user decided about an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "issue_status", rename_all = "lowercase")]
pub enum Status {
    /// Not decided yet.
    Open,
    /// Fixed; the issue reopens if it happens again.
    Resolved,
    /// Not worth attention.
    Ignored,
}

/// An issue with its fingerprints, sources and latest event.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssueDetail {
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
    /// The version of the grouping method that computed it.
    version: i16,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceName {
    id: i64,
    name: String,
    kind: String,
}

/// Events over time, without gaps.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trend {
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

pub async fn detail(pool: &PgPool, id: i64) -> Result<IssueDetail, ApiError> {
    let issue = list::one(pool, id).await?;
    let fingerprints = sqlx::query_as!(
        FingerprintEntry,
        "select encode(fingerprint, 'hex') as \"fingerprint!\", template, version from fingerprints where issue_id = $1 order by id",
        id,
    )
    .fetch_all(pool)
    .await?;
    let sources = sqlx::query_as!(
        SourceName,
        "select id, name, kind::text as \"kind!\" from sources where id = any($1) order by name",
        &issue.source_ids,
    )
    .fetch_all(pool)
    .await?;
    let latest_event = event::latest(pool, id).await?;
    Ok(IssueDetail { issue, fingerprints, sources, latest_event })
}

pub async fn set_status(pool: &PgPool, actor_id: i64, id: i64, status: Status) -> Result<(), ApiError> {
    let mut transaction = pool.begin().await?;
    let updated =
        sqlx::query!("update issues set status = $2, status_at = now() where id = $1", id, status as Status)
            .execute(&mut *transaction)
            .await?;
    if updated.rows_affected() == 0 {
        return Err(ApiError::not_found("issue"));
    }
    let subject = format!("{id}: {status:?}").to_lowercase();
    audit::record(&mut transaction, actor_id, "issue.status", &subject).await?;
    transaction.commit().await?;
    Ok(())
}

pub async fn trend(pool: &PgPool, id: i64, steps: Steps) -> Result<Trend, ApiError> {
    list::one(pool, id).await?;
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
    .fetch_all(pool)
    .await?;
    Ok(Trend { step_seconds: steps.seconds, points })
}
