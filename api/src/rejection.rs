//! Input of a source that could not be read as events, counted by reason.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use std::collections::HashMap;
use utoipa::ToSchema;

/// The rejected pieces of a source with one reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectionCount {
    /// `not_json` or `no_message`, the name in responses and metrics.
    reason: String,
    /// Number of rejected pieces.
    pub pieces: i64,
    last_at: DateTime<Utc>,
    /// The latest rejected piece, with its line number.
    example: Option<String>,
}

/// The rejections of sources, most frequent reason first.
pub async fn by_source(pool: &PgPool, source_ids: &[i64]) -> sqlx::Result<HashMap<i64, Vec<RejectionCount>>> {
    let rows = sqlx::query!(
        "select source_id, reason, sum(events)::bigint as \"pieces!\", max(last_at) as \"last_at!\",
                (array_agg(example order by last_at desc))[1] as example
         from rejections where source_id = any($1)
         group by source_id, reason order by source_id, 3 desc, reason",
        source_ids,
    )
    .fetch_all(pool)
    .await?;
    let mut counts: HashMap<i64, Vec<RejectionCount>> = HashMap::new();
    for row in rows {
        let count = RejectionCount {
            reason: row.reason,
            pieces: row.pieces,
            last_at: row.last_at,
            example: row.example,
        };
        counts.entry(row.source_id).or_default().push(count);
    }
    Ok(counts)
}
