//! Which rows of the inbox a turn works on, and what becomes of them.

use anyhow::{Context, Result};
use sqlx::{PgConnection, PgPool, Postgres, Transaction, types::chrono::DateTime};
use squall_boot::metrics;
use squall_intake::inbox;
use std::mem;

/// Rows locked to choose from in one turn. The commit unlocks those that are not chosen.
const CANDIDATES: i64 = 64;

/// Decompressed bytes of one turn: decoded events take about five times as much memory.
const CLAIM_BYTES: usize = 32 << 20;

/// Rows of the inbox, locked by the transaction that also deletes them.
pub(super) struct Claim {
    pub(super) transaction: Transaction<'static, Postgres>,
    pub(super) ids: Vec<i64>,
    batches: Vec<ClaimedBatch>,
}

/// One row of the inbox.
pub(super) struct ClaimedBatch {
    pub(super) id: i64,
    pub(super) project_id: i64,
    pub(super) source_id: i64,
    pub(super) received_at: DateTime<sqlx::types::chrono::Utc>,
    pub(super) codec: i16,
    pub(super) body: Vec<u8>,
}

impl Claim {
    /// The projects of the batches, each once, in order.
    pub(super) fn project_ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.batches.iter().map(|batch| batch.project_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Moves the batches out; the locks stay.
    pub(super) fn take_batches(&mut self) -> Vec<ClaimedBatch> {
        mem::take(&mut self.batches)
    }
}

struct ReadyRow {
    id: i64,
    events: i32,
    bytes: i32,
    attempts: i32,
}

/// Claims the oldest rows, about `limit` events; `None` when no row is ready. With `failed_first`,
/// a row that failed before comes first.
pub(super) async fn next(pool: &PgPool, limit: usize, failed_first: bool) -> Result<Option<Claim>> {
    let mut transaction = pool.begin().await.context("beginning a turn of the digest")?;
    let ready = sqlx::query_as!(
        ReadyRow,
        "select id, events, bytes, attempts from inbox
         where set_aside_at is null and (retry_at is null or retry_at <= now())
         order by (attempts > 0) = $2 desc, id limit $1 for update skip locked",
        CANDIDATES,
        failed_first,
    )
    .fetch_all(&mut *transaction)
    .await
    .context("selecting rows of the inbox")?;
    let ids = choose(&ready, limit);
    if ids.is_empty() {
        return Ok(None);
    }
    let batches = sqlx::query_as!(
        ClaimedBatch,
        "select id, project_id, source_id, received_at, codec, body from inbox where id = any($1) order by id",
        &ids,
    )
    .fetch_all(&mut *transaction)
    .await
    .context("reading the claimed batches")?;
    Ok(Some(Claim { transaction, ids, batches }))
}

/// The first rows, up to `limit` events or [`CLAIM_BYTES`]. A row that failed before is claimed
/// alone: if it fails again, the reason is its own.
fn choose(ready: &[ReadyRow], limit: usize) -> Vec<i64> {
    if let Some(first) = ready.first().filter(|first| first.attempts > 0) {
        return vec![first.id];
    }
    let (mut events, mut bytes) = (0, 0);
    let untried = ready.iter().filter(|row| row.attempts == 0);
    let taken = untried.take_while(|row| {
        let fits = events < limit && bytes < CLAIM_BYTES;
        events += usize::try_from(row.events).unwrap_or(0);
        bytes += usize::try_from(row.bytes).unwrap_or(0);
        fits
    });
    taken.map(|row| row.id).collect()
}

/// Deletes digested rows from the inbox.
pub(super) async fn release(connection: &mut PgConnection, ids: &[i64]) -> Result<()> {
    sqlx::query!("delete from inbox where id = any($1)", ids)
        .execute(connection)
        .await
        .context("deleting digested batches from the inbox")?;
    Ok(())
}

/// Records a failure on the rows: each is retried later and alone, or set aside when it failed too
/// often. A batch of several events that failed alone is halved instead, so that its good events
/// are not set aside with a bad one.
pub(super) async fn record_failure(
    pool: &PgPool,
    ids: &[i64],
    reason: &str,
    max_attempts: i32,
) -> Result<()> {
    if let [id] = ids
        && halve(pool, *id, reason).await?
    {
        return Ok(());
    }
    let set_aside = sqlx::query_scalar!(
        "update inbox set attempts = attempts + 1, last_error = left($2, 2000),
             retry_at = now() + interval '1 second' * power(2, attempts),
             set_aside_at = case when attempts + 1 >= $3 then now() end
         where id = any($1) returning case when set_aside_at is not null then events end as set_aside",
        ids,
        reason,
        max_attempts,
    )
    .fetch_all(pool)
    .await
    .context("recording a failure on the batches")?;
    let set_aside: Vec<i32> = set_aside.into_iter().flatten().collect();
    if !set_aside.is_empty() {
        let events = set_aside.iter().map(|events| u64::try_from(*events).unwrap_or(0)).sum();
        metrics::EVENTS_SET_ASIDE.add(&[], events);
        tracing::error!(batches = set_aside.len(), reason, "Set aside batches that failed too often.");
    }
    Ok(())
}

/// Replaces a batch that failed before by two with half its events each. They count as tried once,
/// so that each is claimed alone. Returns whether the batch could be halved.
async fn halve(pool: &PgPool, id: i64, reason: &str) -> Result<bool> {
    let mut transaction = pool.begin().await?;
    let found = sqlx::query!(
        "delete from inbox where id = $1 and attempts > 0 and events > 1 returning project_id, source_id, received_at, codec, body",
        id
    )
    .fetch_optional(&mut *transaction)
    .await
    .context("deleting a batch that failed")?;
    let Some(batch) = found else { return Ok(false) };
    // A body that cannot be decompressed cannot be halved; the transaction is rolled back.
    let Ok(lines) = inbox::unpack(batch.codec, &batch.body) else { return Ok(false) };
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &lines).map(|newline| newline + 1).collect();
    let Some(&middle) = ends.get((ends.len() / 2).wrapping_sub(1)) else { return Ok(false) };
    for (half, events) in
        [(&lines[..middle], ends.len() / 2), (&lines[middle..], ends.len() - ends.len() / 2)]
    {
        let (codec, body) = inbox::pack(half).context("compressing half a batch")?;
        sqlx::query!(
            "insert into inbox (project_id, source_id, received_at, events, bytes, codec, body, attempts, last_error)
             values ($1, $2, $3, $4, $5, $6, $7, 1, left($8, 2000))",
            batch.project_id,
            batch.source_id,
            batch.received_at,
            i32::try_from(events).unwrap_or(i32::MAX),
            i32::try_from(half.len()).unwrap_or(i32::MAX),
            codec,
            body,
            reason,
        )
        .execute(&mut *transaction)
        .await
        .context("inserting half a batch")?;
    }
    transaction.commit().await.context("committing the halves of a batch")?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::{ReadyRow, choose};

    fn row(id: i64, events: i32, attempts: i32) -> ReadyRow {
        ReadyRow { id, events, bytes: 20 << 20, attempts }
    }

    #[test]
    fn rows_are_claimed_up_to_the_limit_and_at_least_one_always() {
        let rows = [row(1, 60, 0), row(2, 60, 0), row(3, 60, 0)];
        assert_eq!(choose(&rows, 100), [1, 2]);
        assert_eq!(choose(&rows, 1000), [1, 2], "the third would exceed the bytes of a turn");
        assert_eq!(choose(&rows, 1), [1]);
        assert!(choose(&[], 100).is_empty());
    }

    #[test]
    fn a_row_that_failed_before_is_claimed_alone() {
        assert_eq!(choose(&[row(1, 5, 2), row(2, 5, 0)], 100), [1]);
        assert_eq!(choose(&[row(1, 5, 0), row(2, 5, 2), row(3, 5, 0)], 100), [1, 3]);
    }
}
