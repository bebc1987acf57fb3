//! The events of an issue, latest first.

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::{Path, Query},
    page::{self, Page},
};
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use squall_grouping::Level;
use utoipa::{IntoParams, ToSchema};

/// One log record.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Event {
    id: String,
    occurred_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    level: Level,
    logger: Option<String>,
    message: String,
    exception: Option<Exception>,
    #[schema(value_type = Object)]
    attributes: Value,
    source_id: i64,
}

/// What was thrown, and where.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Exception {
    /// The type's name.
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
    /// Innermost last.
    #[serde(default)]
    frames: Vec<Frame>,
    /// The stack trace as it was sent, when it was sent as text.
    #[serde(default)]
    stacktrace: Option<String>,
}

/// One call on the stack.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Frame {
    #[serde(default)]
    function: String,
    #[serde(default)]
    module: Option<String>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    /// Of the application rather than of a library.
    #[serde(default)]
    in_app: bool,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// From the answer before.
    cursor: Option<String>,
    /// From 1 to 200; 50 when it is left out.
    limit: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Position {
    occurred_at: DateTime<Utc>,
    id: i64,
}

/// Lists the events of an issue.
#[utoipa::path(
    get, path = "/api/v1/issues/{id}/events", tag = "issues", operation_id = "list_events", params(("id" = i64, Path), Paging),
    responses((status = 200, body = Page<Event>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn of_issue(
    State(state): State<AppState>,
    Path(id): Path<i64>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<Event>>, ApiError> {
    let limit = page::limit(paging.limit)?;
    let position = paging.cursor.as_deref().map(page::decode::<Position>).transpose()?;
    let rows = read(&state, id, position, limit + 1).await?;
    let page = page::cut(rows, limit, |row| Position { occurred_at: row.occurred_at, id: row.id })?;
    let items = page.items.into_iter().map(Event::from).collect();
    Ok(axum::Json(Page { items, next_cursor: page.next_cursor }))
}

/// The latest event of an issue, unless retention has dropped them all.
pub(super) async fn latest(state: &AppState, issue_id: i64) -> Result<Option<Event>, ApiError> {
    Ok(read(state, issue_id, None, 1).await?.pop().map(Event::from))
}

struct EventRow {
    id: i64,
    occurred_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    level: i16,
    logger: Option<String>,
    message: String,
    exception: Option<Value>,
    attributes: Option<Value>,
    source_id: i64,
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        Self {
            id: row.id.to_string(),
            occurred_at: row.occurred_at,
            received_at: row.received_at,
            level: Level::from_severity(row.level),
            logger: row.logger,
            message: row.message,
            exception: row.exception.and_then(|json| serde_json::from_value(json).ok()),
            attributes: row.attributes.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            source_id: row.source_id,
        }
    }
}

async fn read(
    state: &AppState,
    issue_id: i64,
    before: Option<Position>,
    limit: i64,
) -> Result<Vec<EventRow>, ApiError> {
    // The issue's own times say which partitions can hold its events.
    let seen = sqlx::query!("select first_seen, last_seen from issues where id = $1", issue_id)
        .fetch_optional(&state.pool)
        .await?
        .ok_or_else(|| ApiError::not_found("issue"))?;
    let (before_time, before_id) = before.map(|position| (position.occurred_at, position.id)).unzip();
    let rows = sqlx::query_as!(
        EventRow,
        "select id, occurred_at, received_at, level::smallint as \"level!\", logger, message, exception, attributes, source_id
         from events
         where issue_id = $1 and occurred_at between $2 and $3
           and ($4::timestamptz is null or (occurred_at, id) < ($4, $5))
         order by occurred_at desc, id desc limit $6",
        issue_id,
        seen.first_seen,
        before_time.unwrap_or(seen.last_seen),
        before_time,
        before_id,
        limit,
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(rows)
}
