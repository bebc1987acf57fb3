//! One task per source, and one worker per source.
//!
//! The worker that has an advisory lock on a source polls it. All locks of a worker are held by one
//! separate connection: when the worker dies, the database releases them and another worker takes
//! over. The locks only avoid reading the same files twice; that no event is duplicated does not
//! depend on them.

use super::Poll;
use crate::pipeline::{Context, Progress};
use anyhow::{Context as _, Result};
use chrono::Utc;
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use squall_boot::telemetry::trace;
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    time::Duration,
};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// How often the list of sources is read: a new source is polled within a second.
const SOURCES_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait after a failed poll, at first and at most; doubled after each in between.
const FAILURE_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How long a poll may continue after it was asked to stop. Dropping it only loses its work.
const GRACE: Duration = Duration::from_secs(5);

/// Polls every enabled source until `stop` is cancelled.
pub(crate) async fn supervise(context: Context, stop: CancellationToken) {
    let mut claims = Claims::default();
    let mut tasks: HashMap<i64, SourceTask> = HashMap::new();
    let mut is_failing = false;
    while !stop.is_cancelled() {
        match read_sources(&context.pool).await {
            Ok(sources) => {
                stop_changed(&mut tasks, &sources).await;
                match claims.update(&context.pool, sources.keys().copied().collect()).await {
                    Ok(()) => is_failing = false,
                    Err(error) => log_failure(&error, &mut is_failing),
                }
                stop_unless(&mut tasks, |source_id, _| claims.may_run(source_id)).await;
                for (source_id, settings) in sources {
                    if claims.has(source_id) {
                        tasks
                            .entry(source_id)
                            .or_insert_with(|| SourceTask::start(&context, source_id, settings, &stop));
                    }
                }
            }
            Err(error) => log_failure(&error, &mut is_failing),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SOURCES_PAUSE) => {}
        }
    }
    stop_unless(&mut tasks, |_, _| false).await;
    claims.release().await;
    tracing::info!("Polling stopped.");
}

fn log_failure(error: &anyhow::Error, is_failing: &mut bool) {
    if !std::mem::replace(is_failing, true) {
        tracing::error!(
            error = format!("{error:#}"),
            "Reading the sources from the database failed; retrying."
        );
    }
}

/// Stops the tasks of sources that were deleted, disabled or changed, and removes those that ended.
async fn stop_changed(tasks: &mut HashMap<i64, SourceTask>, sources: &HashMap<i64, Value>) {
    stop_unless(tasks, |source_id, task| {
        sources.get(&source_id) == Some(&task.settings) && !task.running.is_finished()
    })
    .await;
}

async fn stop_unless(tasks: &mut HashMap<i64, SourceTask>, keep: impl Fn(i64, &SourceTask) -> bool) {
    let dismissed: Vec<_> = tasks.extract_if(|source_id, task| !keep(*source_id, task)).collect();
    for (_, task) in &dismissed {
        task.stop.cancel();
    }
    for (source_id, task) in dismissed {
        if let Err(error) = task.running.await {
            tracing::error!(source_id, error = %error, "The task of a source panicked; restarting it.");
        }
    }
}

/// A source that is being polled.
struct SourceTask {
    settings: Value,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl SourceTask {
    fn start(context: &Context, source_id: i64, settings: Value, stop: &CancellationToken) -> Self {
        let stop = stop.child_token();
        let running = tokio::spawn(run(
            Poll::new(context.clone(), source_id),
            context.clone(),
            source_id,
            stop.clone(),
        ));
        Self { settings, stop, running }
    }
}

async fn run(mut poll: Poll, context: Context, source_id: i64, stop: CancellationToken) {
    let mut failures = 0;
    while !stop.is_cancelled() {
        let turn = async {
            let polled = poll.poll_once(Utc::now()).await;
            if let Err(error) = &polled {
                failures += 1;
                tracing::warn!(
                    source_id,
                    failures,
                    error = format!("{error:#}"),
                    "Polling a source failed; retrying."
                );
            } else {
                failures = 0;
            }
            polled
        };
        let polled = stop_after_grace(std::pin::pin!(trace::turn("poll", turn)), &stop).await;
        let pause = match polled {
            None => return,
            Some(Ok(Progress::Did(_))) => continue,
            Some(Ok(Progress::Idle)) => context.config.poll_interval,
            Some(Err(_)) => backoff(failures, RandomState::new().hash_one(source_id)),
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The result of a turn; `None` when it continues too long after it was asked to stop.
async fn stop_after_grace<T>(
    mut turn: std::pin::Pin<&mut impl Future<Output = T>>,
    stop: &CancellationToken,
) -> Option<T> {
    tokio::select! {
        result = &mut turn => Some(result),
        () = stop.cancelled() => timeout(GRACE, turn).await.ok(),
    }
}

/// Exponential backoff with full jitter: anything up to the doubled pause, so that sources that
/// failed together are not retried together. `random` is 64 random bits.
fn backoff(failures: u32, random: u64) -> Duration {
    let most = FAILURE_PAUSE.0.saturating_mul(1 << failures.min(16)).min(FAILURE_PAUSE.1);
    // At least 10 ms, so that a series of small numbers is not a busy loop.
    Duration::from_millis(10 + random % u64::try_from(most.as_millis()).unwrap_or(1))
}

/// The sources that this worker may poll.
#[derive(Debug, Default)]
struct Claims {
    /// Holds the locks; closing it releases them.
    connection: Option<PgConnection>,
    held: HashSet<i64>,
    /// Whether the state of the locks is known.
    is_sure: bool,
}

impl Claims {
    /// Releases sources that are no longer wanted, and claims those wanted ones that are free.
    async fn update(&mut self, pool: &PgPool, wanted: HashSet<i64>) -> Result<()> {
        let result = self.try_update(pool, &wanted).await;
        self.is_sure = result.is_ok();
        if result.is_err() {
            (self.connection, self.held) = (None, HashSet::new());
        }
        result
    }

    async fn try_update(&mut self, pool: &PgPool, wanted: &HashSet<i64>) -> Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => self.connection.insert(connection),
            None => self.connection.insert(connect(pool).await?),
        };
        for source_id in self.held.extract_if(|source_id| !wanted.contains(source_id)) {
            sqlx::query_scalar!(
                "select pg_advisory_unlock(hashtextextended('squall.poll.' || $1::bigint, 0))",
                source_id
            )
            .fetch_one(&mut *connection)
            .await
            .context("releasing a source")?;
        }
        let missing: Vec<i64> = wanted.difference(&self.held).copied().collect();
        if missing.is_empty() {
            return connection.ping().await.context("holding the claims on sources");
        }
        let taken = sqlx::query_scalar!(
            r#"select source_id as "source_id!" from unnest($1::bigint[]) as source_id
               where pg_try_advisory_lock(hashtextextended('squall.poll.' || source_id, 0))"#,
            &missing,
        )
        .fetch_all(&mut *connection)
        .await
        .context("claiming sources")?;
        self.held.extend(taken);
        Ok(())
    }

    fn has(&self, source_id: i64) -> bool {
        self.held.contains(&source_id)
    }

    /// A task continues while the state of the claims is unknown: another worker may not have them
    /// either.
    fn may_run(&self, source_id: i64) -> bool {
        !self.is_sure || self.has(source_id)
    }

    async fn release(self) {
        if let Some(connection) = self.connection {
            // The database notices a lost connection on its own.
            let _ = connection.close().await;
        }
    }
}

/// A connection outside of the pool, so that the claims take none from the stages.
async fn connect(pool: &PgPool) -> Result<PgConnection> {
    let mut connection = pool.connect_options().connect().await.context("connecting to claim sources")?;
    // A machine that disappears must not keep its sources for the default of two hours.
    sqlx::query!(
        "select set_config('application_name', 'squall-worker claims', false) as name,
                set_config('tcp_keepalives_idle', '15', false) as idle,
                set_config('tcp_keepalives_interval', '5', false) as interval,
                set_config('tcp_keepalives_count', '3', false) as count"
    )
    .fetch_one(&mut connection)
    .await
    .context("preparing to claim sources")?;
    Ok(connection)
}

/// The enabled sources with their settings.
async fn read_sources(pool: &PgPool) -> Result<HashMap<i64, Value>> {
    let rows = sqlx::query!("select id, settings from sources where enabled and kind = 'file'")
        .fetch_all(pool)
        .await
        .context("reading the sources")?;
    Ok(rows.into_iter().map(|row| (row.id, row.settings)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use squall_base::Environment;
    use squall_live::Publisher;
    use std::{fs, path::Path, sync::Arc};
    use tokio::sync::Notify;

    fn context(pool: &PgPool) -> Context {
        let env = Environment::from_lookup(|name| match name {
            "DATABASE_URL" => Some("postgres://not-used".to_owned()),
            "SQUALL_POLL_INTERVAL_MS" => Some("50".to_owned()),
            _ => None,
        });
        Context {
            pool: pool.clone(),
            config: Arc::new(Config::read(env).unwrap()),
            inbox_filled: Arc::new(Notify::new()),
            live: Publisher::start(pool.clone(), None),
        }
    }

    async fn add_source(pool: &PgPool, name: &str, glob: &Path) -> i64 {
        sqlx::query_scalar(
            "with project as (
                 insert into projects (slug, name) values ('shop', 'Shop')
                 on conflict (slug) do update set name = 'Shop' returning id
             )
             insert into sources (project_id, kind, name, settings)
             select id, 'file', $1, jsonb_build_object('glob', $2::text) from project returning id",
        )
        .bind(name)
        .bind(glob.to_string_lossy())
        .fetch_one(pool)
        .await
        .unwrap()
    }

    /// Waits until the inbox has events of a source.
    async fn until_read(context: &Context, source_id: i64) {
        while sqlx::query_scalar::<_, i64>("select count(*) from inbox where source_id = $1")
            .bind(source_id)
            .fetch_one(&context.pool)
            .await
            .unwrap()
            == 0
        {
            context.inbox_filled.notified().await;
        }
    }

    #[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
    async fn sources_are_read_as_they_are_made_and_changed_whatever_the_others_do(pool: PgPool) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["first.log", "second.log", "third.log"] {
            fs::write(folder.path().join(name), "one line\nand another\n").unwrap();
        }
        let context = context(&pool);
        add_source(&pool, "broken", Path::new("no/absolute/path")).await;
        let first = add_source(&pool, "first", &folder.path().join("first.log")).await;
        let stop = CancellationToken::new();
        let supervisor = tokio::spawn(supervise(context.clone(), stop.clone()));
        until_read(&context, first).await;
        let second = add_source(&pool, "second", &folder.path().join("second.log")).await;
        until_read(&context, second).await;
        sqlx::query("delete from inbox").execute(&pool).await.unwrap();
        sqlx::query("update sources set settings = jsonb_build_object('glob', $1::text) where id = $2")
            .bind(folder.path().join("third.log").to_string_lossy())
            .bind(second)
            .execute(&pool)
            .await
            .unwrap();
        until_read(&context, second).await;
        stop.cancel();
        timeout(GRACE, supervisor).await.unwrap().unwrap();
        let failures: i32 = sqlx::query_scalar("select failures from sources where name = 'broken'")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert!(failures > 0);
    }

    #[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
    async fn a_source_belongs_to_one_worker_until_it_gives_it_up(pool: PgPool) {
        let (mut one, mut other) = (Claims::default(), Claims::default());
        one.update(&pool, HashSet::from([1, 2])).await.unwrap();
        other.update(&pool, HashSet::from([1, 2, 3])).await.unwrap();
        assert_eq!((&one.held, &other.held), (&HashSet::from([1, 2]), &HashSet::from([3])));
        one.update(&pool, HashSet::from([1])).await.unwrap();
        other.update(&pool, HashSet::from([1, 2, 3])).await.unwrap();
        assert!(other.has(2) && !other.has(1) && other.may_run(2) && !other.may_run(1));
        one.release().await;
        // The database may need a moment to notice that a connection is gone.
        while !other.has(1) {
            other.update(&pool, HashSet::from([1, 2, 3])).await.unwrap();
        }
    }

    #[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
    async fn claims_that_were_lost_are_made_again(pool: PgPool) {
        let mut claims = Claims::default();
        claims.update(&pool, HashSet::from([1])).await.unwrap();
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_locks
             where locktype = 'advisory'
               and database = (select oid from pg_database where datname = current_database())",
        )
        .execute(&pool)
        .await
        .unwrap();
        while claims.update(&pool, HashSet::from([1])).await.is_ok() {}
        assert!(!claims.has(1) && claims.may_run(1));
        claims.update(&pool, HashSet::from([1])).await.unwrap();
        assert!(claims.has(1));
    }

    #[test]
    fn the_pause_after_failures_is_doubled_up_to_a_minute_and_spread() {
        for (failures, most) in [(1, 2), (2, 4), (5, 32), (6, 60), (1000, 60)] {
            let most = Duration::from_secs(most);
            let pauses: Vec<_> =
                (0..1000u64).map(|n| backoff(failures, n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
            assert!(pauses.iter().all(|pause| *pause <= most + Duration::from_millis(10)), "{failures}");
            assert!(
                pauses.iter().any(|pause| *pause > most / 2) && pauses.iter().any(|pause| *pause < most / 4),
                "{failures}"
            );
        }
    }
}
