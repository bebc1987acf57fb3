//! Backups as far as they are proven: a backup counts once a drill has restored it.

use crate::error::ApiError;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

/// A day, and two hours to create and drill the next backup: more grace would hide a missed one.
/// The alert SquallBackupNotProven has the same limit.
const STALE_AFTER_SECONDS: i64 = 26 * 3600;

/// Two weeks of daily drills.
const SHOWN_DRILLS: i64 = 14;

/// The state of the backups, as shown by the latest drills.
#[derive(Debug, Serialize, ToSchema)]
pub struct Backups {
    /// Whether a backup from the last 26 hours has been proven.
    ok: bool,
    /// The state in a sentence, with the next step if it is not ok.
    message: String,
    /// The age of the newest proven backup; null if none has been proven.
    newest_proven_age_seconds: Option<i64>,
    /// The latest drills, newest first.
    drills: Vec<Drill>,
}

/// One restore into a scratch database.
#[derive(Debug, Serialize, ToSchema)]
struct Drill {
    backup_id: String,
    /// The folder or bucket that holds the backup.
    location: String,
    /// When the backup was created.
    made_at: DateTime<Utc>,
    proven_at: DateTime<Utc>,
    ok: bool,
    /// Duration of the whole drill, in milliseconds.
    duration_ms: i64,
    /// Size of the backup.
    bytes: i64,
    /// Rows restored and counted.
    rows: i64,
}

pub async fn status(pool: &PgPool) -> Result<Backups, ApiError> {
    let drills = sqlx::query_as!(
        Drill,
        "select backup_id, location, made_at, proven_at, ok, duration_ms, bytes, rows
         from backup_drills order by proven_at desc limit $1",
        SHOWN_DRILLS
    )
    .fetch_all(pool)
    .await?;
    let age = newest_proven_age(pool).await?;
    let ok = age.is_some_and(|age| age < STALE_AFTER_SECONDS);
    let message = match age {
        None => {
            "No backup has been proven yet. Create one and restore it: cargo xtask backup create, then cargo xtask backup drill."
        }
        Some(_) if ok => "A backup from the last 26 hours has been restored and compared.",
        Some(_) => {
            "The newest proven backup is older than 26 hours. Find out why the scheduled one failed, or run cargo xtask backup create and cargo xtask backup drill."
        }
    };
    Ok(Backups { ok, message: message.into(), newest_proven_age_seconds: age, drills })
}

/// Seconds since the newest proven backup was created.
pub async fn newest_proven_age(pool: &PgPool) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!("select extract(epoch from now() - max(made_at))::bigint from backup_drills where ok")
        .fetch_one(pool)
        .await
}
