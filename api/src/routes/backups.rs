//! Which backups have been proved: a backup counts when a drill has restored it.

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
};
use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// What the drills say.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Backups {
    /// Whether a backup made within the last day has been proved.
    ok: bool,
    /// In a sentence, with what to do when it is not.
    message: String,
    /// The age of the newest proven backup; null when none has been proved.
    newest_proven_age_seconds: Option<i64>,
    /// The newest first.
    drills: Vec<Drill>,
}

/// One restore into a scratch database.
#[derive(Debug, Serialize, ToSchema)]
struct Drill {
    backup_id: String,
    /// The folder or bucket that holds it.
    location: String,
    /// When the backup was made.
    made_at: DateTime<Utc>,
    proven_at: DateTime<Utc>,
    ok: bool,
    /// The whole drill, in milliseconds.
    duration_ms: i64,
    /// Size of the backup.
    bytes: i64,
    /// Rows that were restored and counted.
    rows: i64,
}

/// Drills shown.
const SHOWN: i64 = 14;

/// Lists the last drills, and says whether the newest proven backup is fresh enough.
#[utoipa::path(
    get, path = "/api/v1/backups", tag = "backups", operation_id = "list_backup_drills",
    responses((status = 200, body = Backups), (status = 401, body = ErrorBody))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<Backups>, ApiError> {
    let drills = sqlx::query_as!(
        Drill,
        "select backup_id, location, made_at, proven_at, ok, duration_ms, bytes, rows
         from backup_drills order by proven_at desc limit $1",
        SHOWN
    )
    .fetch_all(&state.pool)
    .await?;
    let age = newest_proven_age(&state).await?;
    let ok = age.is_some_and(|age| age < crate::metrics::STALE_AFTER_SECONDS);
    let message = match age {
        None => {
            "No backup has been proved yet. Make one and restore it: cargo xtask backup create, then cargo xtask backup drill."
        }
        Some(_) if ok => "A backup made within the last day has been restored and compared.",
        Some(_) => {
            "The newest proven backup is older than a day. See why the scheduled one failed, or run cargo xtask backup create and cargo xtask backup drill."
        }
    };
    Ok(Json(Backups { ok, message: message.into(), newest_proven_age_seconds: age, drills }))
}

/// Seconds since the newest backup was made that a drill has proved.
pub(crate) async fn newest_proven_age(state: &AppState) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("select extract(epoch from now() - max(made_at))::bigint from backup_drills where ok")
        .fetch_one(&state.pool)
        .await
}
