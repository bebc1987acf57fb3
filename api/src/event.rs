//! The events of an issue, latest first.

use crate::{
    error::ApiError,
    page::{self, Page},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use squall_grouping::Level;
use utoipa::{IntoParams, ToSchema};

/// One log record.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event {
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

/// An exception with its stack trace.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Exception {
    /// The name of the exception's type.
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
    /// The stack, innermost frame last.
    #[serde(default)]
    frames: Vec<Frame>,
    /// The stack trace as sent, if it was sent as text.
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
    /// Whether the code belongs to the application rather than to a library.
    #[serde(default)]
    in_app: bool,
}

/// Which page to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
    /// 1 to 200; 50 if omitted.
    limit: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Position {
    occurred_at: DateTime<Utc>,
    id: i64,
}

pub async fn list(pool: &PgPool, issue_id: i64, paging: Paging) -> Result<Page<Event>, ApiError> {
    let limit = page::limit(paging.limit)?;
    let position = paging.cursor.as_deref().map(page::decode::<Position>).transpose()?;
    let rows = read(pool, issue_id, position, limit + 1).await?;
    let page = page::cut(rows, limit, |row| Position { occurred_at: row.occurred_at, id: row.id })?;
    let items = page.items.into_iter().map(Event::from).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// The latest event of an issue, unless retention has dropped all of them.
pub async fn latest(pool: &PgPool, issue_id: i64) -> Result<Option<Event>, ApiError> {
    Ok(read(pool, issue_id, None, 1).await?.pop().map(Event::from))
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
            // JavaScript cannot represent every 64-bit number.
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
    pool: &PgPool,
    issue_id: i64,
    before: Option<Position>,
    limit: i64,
) -> Result<Vec<EventRow>, ApiError> {
    // The issue's own times limit the partitions that can hold its events.
    let seen = sqlx::query!("select first_seen, last_seen from issues where id = $1", issue_id)
        .fetch_optional(pool)
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
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
