//! The numbers of the overview: volume, totals and top issues in a window.

use crate::{
    error::ApiError,
    issue::{self, Issue},
    project,
    steps::Steps,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgPool;
use squall_grouping::Level;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// As many as fit on the overview without scrolling.
const TOP_ISSUES: i64 = 10;

/// Volume, totals and top issues of a window.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statistics {
    /// Length of each step of `volume`.
    step_seconds: i64,
    /// Events over time by level, without gaps.
    volume: Vec<Volume>,
    totals: Totals,
    /// The window of the same length before this one.
    previous: Previous,
    /// Errors first, then most frequent first.
    top_issues: Vec<TopIssue>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Volume {
    /// When the step begins.
    at: DateTime<Utc>,
    /// Events by level; levels without events are omitted.
    levels: BTreeMap<String, i64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Totals {
    events: i64,
    /// Events of level error and fatal.
    errors: i64,
    issues_open: i64,
    /// Issues first seen in the window.
    issues_new: i64,
    sources: i64,
    sources_failing: i64,
    /// Batches waiting in the inbox.
    inbox_waiting: i64,
    /// Batches that failed too often.
    set_aside: i64,
    /// Pieces rejected since yesterday because they could not be read as events.
    rejected: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Previous {
    events: i64,
    errors: i64,
    issues_new: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct TopIssue {
    #[serde(flatten)]
    issue: Issue,
    /// The issue's events in the window.
    events_in_window: i64,
}

pub async fn overview(pool: &PgPool, project: Option<&str>, steps: Steps) -> Result<Statistics, ApiError> {
    let project_id = project::optional_id(pool, project).await?;
    let top_issues = issue::top(pool, project_id, steps, TOP_ISSUES).await?;
    let (events, errors, issues_new) = window(pool, project_id, steps).await?;
    let (events_before, errors_before, new_before) = window(pool, project_id, steps.previous()).await?;
    let now = sqlx::query!(
        "select (select count(*) from issues where status = 'open' and ($1::bigint is null or project_id = $1)) as \"open!\",
                (select count(*) from sources where $1::bigint is null or project_id = $1) as \"sources!\",
                (select count(*) from sources where enabled and failures > 0
                    and ($1::bigint is null or project_id = $1)) as \"failing!\",
                (select count(*) from inbox where set_aside_at is null and ($1::bigint is null or project_id = $1)) as \"waiting!\",
                (select count(*) from inbox where set_aside_at is not null and ($1::bigint is null or project_id = $1)) as \"set_aside!\",
                (select coalesce(sum(events), 0)::bigint from rejections
                    where day >= current_date - 1 and ($1::bigint is null or project_id = $1)) as \"rejected!\"",
        project_id,
    )
    .fetch_one(pool)
    .await?;
    Ok(Statistics {
        step_seconds: steps.seconds,
        volume: volume(pool, project_id, steps).await?,
        totals: Totals {
            events,
            errors,
            issues_open: now.open,
            issues_new,
            sources: now.sources,
            sources_failing: now.failing,
            inbox_waiting: now.waiting,
            set_aside: now.set_aside,
            rejected: now.rejected,
        },
        previous: Previous { events: events_before, errors: errors_before, issues_new: new_before },
        top_issues: top_issues
            .into_iter()
            .map(|(issue, events_in_window)| TopIssue { issue, events_in_window })
            .collect(),
    })
}

/// Events, errors and new issues of a window.
async fn window(pool: &PgPool, project_id: Option<i64>, steps: Steps) -> sqlx::Result<(i64, i64, i64)> {
    let row = sqlx::query!(
        "select coalesce(sum(events), 0)::bigint as \"events!\",
                coalesce(sum(events) filter (where level >= 4), 0)::bigint as \"errors!\",
                (select count(*) from issues where first_seen >= $2 and first_seen < $3
                    and ($1::bigint is null or project_id = $1)) as \"new!\"
         from source_minutes where minute >= $2 and minute < $3 and ($1::bigint is null or project_id = $1)",
        project_id,
        steps.from,
        steps.until,
    )
    .fetch_one(pool)
    .await?;
    Ok((row.events, row.errors, row.new))
}

async fn volume(pool: &PgPool, project_id: Option<i64>, steps: Steps) -> sqlx::Result<Vec<Volume>> {
    let rows = sqlx::query!(
        "select date_bin(make_interval(secs => $4), minute, $2) as \"at!\", level::smallint as \"level!\", sum(events)::bigint as \"events!\"
         from source_minutes where minute >= $2 and minute < $3 and ($1::bigint is null or project_id = $1)
         group by 1, 2",
        project_id,
        steps.from,
        steps.until,
        steps.seconds_f64(),
    )
    .fetch_all(pool)
    .await?;
    let mut by_step: BTreeMap<DateTime<Utc>, BTreeMap<String, i64>> = BTreeMap::new();
    let mut at = steps.from;
    while at < steps.until {
        by_step.insert(at, BTreeMap::new());
        at += TimeDelta::seconds(steps.seconds);
    }
    for row in rows {
        let level = Level::from_severity(row.level).name().to_owned();
        *by_step.entry(row.at).or_default().entry(level).or_default() += row.events;
    }
    Ok(by_step.into_iter().map(|(at, levels)| Volume { at, levels }).collect())
}
