//! Retention: drops old events by partition and deletes old counts in slices; issues and their
//! history stay.
//!
//! It also creates the partitions of today and tomorrow, so that they exist before midnight.

use super::{Context, Progress, Stage};
use crate::partitions::{self, Partitions, midnight};
use anyhow::{Context as _, Result};
use chrono::{DateTime, Days, NaiveDate, Utc};
use sqlx::{AssertSqlSafe, PgPool};
use squall_boot::{metrics, telemetry::trace};
use std::time::Duration;

/// Rows deleted in one statement: about 100 ms, so that no other query waits long.
const SLICE: i64 = 20_000;

/// Polls kept for each source.
const POLLS_KEPT: i64 = 1000;

/// The stage that deletes what no project keeps.
pub struct Retain {
    context: Context,
    partitions: Partitions,
    clock: fn() -> DateTime<Utc>,
}

impl Retain {
    /// Retention by the real clock.
    pub fn new(context: Context) -> Self {
        Self::at(context, Utc::now)
    }

    /// Retention by the given clock.
    pub fn at(context: Context, clock: fn() -> DateTime<Utc>) -> Self {
        let partitions = Partitions::new(context.pool.clone());
        Self { context, partitions, clock }
    }
}

impl Stage for Retain {
    const PAUSE: Duration = Duration::from_secs(600);

    async fn run_once(&mut self) -> Result<Progress> {
        let now = (self.clock)();
        let today = now.date_naive();
        for ahead in 0..=1 {
            self.partitions.ensure_day(today + Days::new(ahead)).await?;
        }
        let pool = &self.context.pool;
        for day in drop_partitions(pool, today).await? {
            self.partitions.forget(day);
        }
        purge_short_retentions(pool, today).await?;
        let counts_end = midnight(today - Days::new(self.context.config.counts_days.into()));
        let mut deleted = delete_counts(pool, counts_end).await?;
        deleted += delete_polls(pool).await?;
        deleted += sqlx::query!("delete from sessions where expires_at < $1", now)
            .execute(pool)
            .await?
            .rows_affected();
        deleted += sqlx::query!("delete from setup_tokens where expires_at < $1", now)
            .execute(pool)
            .await?
            .rows_affected();
        if deleted > 0 {
            trace::count("squall.rows", usize::try_from(deleted).unwrap_or(usize::MAX));
        }
        Ok(if deleted >= u64::try_from(SLICE).unwrap_or(u64::MAX) {
            Progress::Did(1)
        } else {
            Progress::Idle
        })
    }
}

/// Drops the partitions that no project keeps any more, and returns their days.
async fn drop_partitions(pool: &PgPool, today: NaiveDate) -> Result<Vec<NaiveDate>> {
    let longest = sqlx::query_scalar!("select max(retention_days) from projects").fetch_one(pool).await?;
    let Some(longest) = longest.and_then(|days| u64::try_from(days).ok()) else { return Ok(Vec::new()) };
    let first_kept = today - Days::new(longest);
    let old: Vec<_> = partitions::existing(pool).await?.into_iter().filter(|day| *day < first_kept).collect();
    for day in &old {
        let name = partitions::name(*day);
        let mut transaction = pool.begin().await?;
        // Dropping locks the parent: behind a long query it gives up instead of blocking everyone.
        sqlx::query!("set local lock_timeout = '5s'").execute(&mut *transaction).await?;
        sqlx::query(AssertSqlSafe(format!("drop table if exists {name}")))
            .execute(&mut *transaction)
            .await
            .with_context(|| format!("dropping the partition {name}"))?;
        transaction.commit().await?;
        metrics::PARTITIONS_DROPPED.add(&[], 1);
        trace::count("squall.partitions", old.len());
        tracing::info!(partition = name, "Dropped a day of events that no project keeps any longer.");
    }
    Ok(old)
}

/// Deletes the events of projects that keep fewer days than others, each day once.
async fn purge_short_retentions(pool: &PgPool, today: NaiveDate) -> Result<()> {
    let projects =
        sqlx::query!("select id, retention_days, purged_before from projects").fetch_all(pool).await?;
    let days = partitions::existing(pool).await?;
    for project in projects {
        let first_kept = today - Days::new(u64::try_from(project.retention_days).unwrap_or(0));
        if project.purged_before.is_some_and(|purged| purged >= first_kept) {
            continue;
        }
        let aged = days
            .iter()
            .filter(|day| **day < first_kept && project.purged_before.is_none_or(|done| **day >= done));
        for day in aged {
            sqlx::query(AssertSqlSafe(format!(
                "delete from {} where project_id = $1",
                partitions::name(*day)
            )))
            .bind(project.id)
            .execute(pool)
            .await
            .with_context(|| {
                format!("deleting the events of {day} that project {} keeps no longer", project.id)
            })?;
        }
        sqlx::query!("update projects set purged_before = $2 where id = $1", project.id, first_kept)
            .execute(pool)
            .await?;
    }
    Ok(())
}

async fn delete_counts(pool: &PgPool, before: DateTime<Utc>) -> Result<u64> {
    let issues = sqlx::query!(
        "delete from issue_minutes where (issue_id, minute) in
         (select issue_id, minute from issue_minutes where minute < $1 limit $2)",
        before,
        SLICE,
    );
    let sources = sqlx::query!(
        "delete from source_minutes where (source_id, minute, level) in
         (select source_id, minute, level from source_minutes where minute < $1 limit $2)",
        before,
        SLICE,
    );
    Ok(issues.execute(pool).await?.rows_affected() + sources.execute(pool).await?.rows_affected())
}

async fn delete_polls(pool: &PgPool) -> Result<u64> {
    let old = sqlx::query!(
        "delete from polls where id in (
             select id from (select id, row_number() over (partition by source_id order by id desc) as nth from polls) t
             where nth > $1 limit $2)",
        POLLS_KEPT,
        SLICE,
    );
    Ok(old.execute(pool).await?.rows_affected())
}
