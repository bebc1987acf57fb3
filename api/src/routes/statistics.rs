//! What the overview shows.

use super::{
    issues::{self, Issue, Steps},
    projects,
};
use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::Query,
};
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use squall_grouping::Level;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which project, how far back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Scope {
    /// The slug of a project; all projects when it is left out.
    project: Option<String>,
    /// From 1 to 2160; 24 when it is left out.
    hours: Option<i64>,
}

/// The state of things.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statistics {
    /// Length of each step of `volume`.
    step_seconds: i64,
    /// Events over time by level, without gaps.
    volume: Vec<Volume>,
    totals: Totals,
    /// The window of the same length before this one.
    previous: Previous,
    /// Errors first, the most frequent first.
    top_issues: Vec<TopIssue>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Volume {
    /// When the step begins.
    at: DateTime<Utc>,
    /// Events by level; a level without events is left out.
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
    /// Batches in the inbox.
    inbox_waiting: i64,
    /// Batches that failed too often.
    set_aside: i64,
    /// Pieces that were no events, since yesterday.
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
    /// Its events in the window.
    events_in_window: i64,
}

/// Issues on the overview.
const TOP: i64 = 10;

/// Shows volume, totals and top issues.
#[utoipa::path(
    get, path = "/api/v1/statistics", tag = "statistics", operation_id = "show_statistics", params(Scope),
    responses((status = 200, body = Statistics), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Query(scope): Query<Scope>,
) -> Result<axum::Json<Statistics>, ApiError> {
    let project_id = projects::id_of(&state, scope.project.as_deref()).await?;
    let steps = Steps::of(scope.hours, Utc::now())?;
    let before = Steps { from: steps.from - (steps.until - steps.from), until: steps.from, ..steps };
    let top = issues::of_window(&state, project_id, steps, TOP).await?;
    let (events, errors, issues_new) = window(&state, project_id, steps).await?;
    let (events_before, errors_before, issues_before) = window(&state, project_id, before).await?;
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
    .fetch_one(&state.pool)
    .await?;
    Ok(axum::Json(Statistics {
        step_seconds: steps.seconds,
        volume: volume(&state, project_id, steps).await?,
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
        previous: Previous { events: events_before, errors: errors_before, issues_new: issues_before },
        top_issues: top
            .into_iter()
            .map(|(issue, events_in_window)| TopIssue { issue, events_in_window })
            .collect(),
    }))
}

async fn window(
    state: &AppState,
    project_id: Option<i64>,
    steps: Steps,
) -> Result<(i64, i64, i64), ApiError> {
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
    .fetch_one(&state.pool)
    .await?;
    Ok((row.events, row.errors, row.new))
}

async fn volume(state: &AppState, project_id: Option<i64>, steps: Steps) -> Result<Vec<Volume>, ApiError> {
    let rows = sqlx::query!(
        "select date_bin(make_interval(secs => $4), minute, $2) as \"at!\", level::smallint as \"level!\", sum(events)::bigint as \"events!\"
         from source_minutes where minute >= $2 and minute < $3 and ($1::bigint is null or project_id = $1)
         group by 1, 2",
        project_id,
        steps.from,
        steps.until,
        steps.seconds_f64(),
    )
    .fetch_all(&state.pool)
    .await?;
    let mut by_step: BTreeMap<DateTime<Utc>, BTreeMap<String, i64>> = BTreeMap::new();
    let mut at = steps.from;
    while at < steps.until {
        by_step.insert(at, BTreeMap::new());
        at += chrono::TimeDelta::seconds(steps.seconds);
    }
    for row in rows {
        let level = Level::from_severity(row.level).name().to_owned();
        *by_step.entry(row.at).or_default().entry(level).or_default() += row.events;
    }
    Ok(by_step.into_iter().map(|(at, levels)| Volume { at, levels }).collect())
}
