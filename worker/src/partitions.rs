//! The partitions of `events`: one per UTC day, created before the first event of that day is
//! stored.

use anyhow::{Context, Result};
use chrono::{DateTime, Days, NaiveDate, Utc};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::HashSet;

/// Creates partitions, and remembers which exist.
pub struct Partitions {
    pool: PgPool,
    known: HashSet<NaiveDate>,
}

impl Partitions {
    /// Remembers none yet.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, known: HashSet::new() }
    }

    /// Creates the partitions for events of these times (microseconds since 1970), outside the
    /// caller's transaction: an empty partition is harmless when that one fails.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn ensure(&mut self, times: &[i64]) -> Result<()> {
        let mut last = i64::MIN;
        for &micros in times {
            // Most events are in order: comparing day numbers avoids the calendar.
            let day_number = micros.div_euclid(86_400_000_000);
            if day_number == last {
                continue;
            }
            last = day_number;
            let Some(day) = DateTime::from_timestamp_micros(micros).map(|time| time.date_naive()) else {
                continue;
            };
            self.ensure_day(day).await?;
        }
        Ok(())
    }

    /// Creates the partition of one day, unless it is known to exist.
    ///
    /// # Errors
    /// What the database answers.
    pub async fn ensure_day(&mut self, day: NaiveDate) -> Result<()> {
        if self.known.contains(&day) {
            return Ok(());
        }
        let until = day.checked_add_days(Days::new(1)).context("a day after the end of the calendar")?;
        let name = name(day);
        let mut transaction = self.pool.begin().await?;
        // Without this lock, two workers that create the same partition would deadlock on the
        // parent.
        sqlx::query!("select pg_advisory_xact_lock(hashtext('squall partitions'))")
            .execute(&mut *transaction)
            .await?;
        let create = format!(
            "create table if not exists {name} partition of events
             for values from ('{day} 00:00:00+00') to ('{until} 00:00:00+00')"
        );
        sqlx::query(AssertSqlSafe(create))
            .execute(&mut *transaction)
            .await
            .with_context(|| format!("creating the partition {name}"))?;
        transaction.commit().await?;
        self.known.insert(day);
        Ok(())
    }

    /// Forgets a day whose partition was dropped.
    pub fn forget(&mut self, day: NaiveDate) {
        self.known.remove(&day);
    }

    /// Forgets all days: another process may have dropped one.
    pub fn forget_all(&mut self) {
        self.known.clear();
    }
}

/// The days that have a partition, oldest first.
///
/// # Errors
/// What the database answers.
pub async fn existing(pool: &PgPool) -> Result<Vec<NaiveDate>> {
    let names = sqlx::query_scalar!(
        "select c.relname::text as \"name!\" from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'events'::regclass order by 1"
    )
    .fetch_all(pool)
    .await
    .context("listing the partitions of events")?;
    Ok(names.iter().filter_map(|name| NaiveDate::parse_from_str(name, "events_%Y%m%d").ok()).collect())
}

/// The name of a day's partition.
pub fn name(day: NaiveDate) -> String {
    format!("events_{}", day.format("%Y%m%d"))
}

/// Midnight that begins a day.
pub fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}
