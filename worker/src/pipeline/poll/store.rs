//! Loading a source and saving what a poll read.
//!
//! Events and cursor are saved in one transaction, and only if the cursor in the database is still
//! the one that was read from. Even when several workers read the same source, an event is
//! therefore saved once.

use super::Trouble;
use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use squall_intake::{Batch, Origin, inbox};
use std::time::Duration;

/// A source in the database.
#[derive(Debug)]
pub(super) struct SavedSource {
    pub(super) project_id: i64,
    pub(super) settings: Value,
    pub(super) cursor: Value,
    pub(super) last_success_at: Option<DateTime<Utc>>,
    pub(super) last_error: Option<String>,
}

/// The result of a poll.
#[derive(Debug)]
pub(super) struct FinishedPoll<'a> {
    pub(super) origin: Origin,
    pub(super) started_at: DateTime<Utc>,
    pub(super) duration: Duration,
    pub(super) batches: &'a [Batch],
    pub(super) events: usize,
    pub(super) bytes: u64,
    pub(super) old_cursor: &'a Value,
    pub(super) new_cursor: &'a Value,
    pub(super) trouble: Option<&'a Trouble>,
    /// The trouble differs from the recorded one.
    pub(super) trouble_is_new: bool,
}

/// Reads a source; `None` when it was deleted or disabled.
pub(super) async fn load(pool: &PgPool, source_id: i64) -> Result<Option<SavedSource>> {
    sqlx::query_as!(
        SavedSource,
        "select project_id, settings, cursor, last_success_at, last_error
         from sources where id = $1 and enabled and kind = 'file'",
        source_id,
    )
    .fetch_optional(pool)
    .await
    .context("reading a source")
}

/// Saves what a poll read. `false`: nothing was saved, since the source was read by another worker
/// meanwhile, disabled or deleted.
pub(super) async fn save(pool: &PgPool, poll: &FinishedPoll<'_>) -> Result<bool> {
    let mut transaction = pool.begin().await.context("saving a poll")?;
    for batch in poll.batches {
        match inbox::insert(&mut transaction, poll.origin, batch).await {
            Ok(()) => {}
            Err(error) if inbox::is_origin_gone(&error) => return Ok(false),
            Err(error) => return Err(error).context("putting a poll's events into the inbox"),
        }
    }
    let failed = poll.trouble.is_some_and(|trouble| trouble.failed);
    let message = poll.trouble.map(|trouble| trouble.message.as_str());
    // Last, because the digest waits for the lock on this row.
    let updated = sqlx::query!(
        "update sources set
             cursor = $3,
             last_success_at = case when $5 and $8::bigint = 0 then last_success_at else $4 end,
             failures = case when not $5 then 0 when $6 then failures + 1 else failures end,
             last_error = $7,
             last_error_at = case when $6 then $4 else last_error_at end
         where id = $1 and enabled and cursor = $2",
        poll.origin.source_id,
        poll.old_cursor,
        poll.new_cursor,
        poll.started_at,
        failed,
        poll.trouble_is_new,
        message,
        i64::try_from(poll.events).unwrap_or(i64::MAX),
    )
    .execute(&mut *transaction)
    .await
    .context("saving the cursor")?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    let duration_ms = i32::try_from(poll.duration.as_millis()).unwrap_or(i32::MAX);
    if poll.events > 0 || (failed && poll.trouble_is_new) {
        sqlx::query!(
            "insert into polls (source_id, started_at, duration_ms, outcome, events, bytes, message)
             values ($1, $2, $3, case when $4 then 'failed' else 'read' end::poll_outcome, $5, $6, $7)",
            poll.origin.source_id,
            poll.started_at,
            duration_ms,
            failed && poll.trouble_is_new,
            i32::try_from(poll.events).unwrap_or(i32::MAX),
            i64::try_from(poll.bytes).unwrap_or(i64::MAX),
            message.filter(|_| poll.trouble_is_new),
        )
        .execute(&mut *transaction)
        .await
        .context("recording a poll")?;
    }
    transaction.commit().await.context("committing a poll")?;
    Ok(true)
}

/// Records that a poll could not read anything. The same message twice in a row makes one row of
/// history.
pub(super) async fn record_failure(
    pool: &PgPool,
    source_id: i64,
    at: DateTime<Utc>,
    duration: Duration,
    message: &str,
) -> Result<()> {
    sqlx::query!(
        "with before as (select id, last_error from sources where id = $1 for update),
         updated as (
             update sources set failures = failures + 1, last_error = $3, last_error_at = $2
             from before where sources.id = before.id
         )
         insert into polls (source_id, started_at, duration_ms, outcome, message)
         select id, $2, $4, 'failed', $3 from before where last_error is distinct from $3",
        source_id,
        at,
        message,
        i32::try_from(duration.as_millis()).unwrap_or(i32::MAX),
    )
    .execute(pool)
    .await
    .context("recording a failed poll")?;
    Ok(())
}
