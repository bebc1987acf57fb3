//! The stack under measurement: its API, database and processes.

use super::{Args, VISIBLE_WITHIN, connection::Api};
use crate::cpu::Processes;
use anyhow::{Context, Result, ensure};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};
use tokio::time::{Instant, sleep};

/// How often to query whether everything is visible; the query reads a few rows.
const POLL: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) api: Api,
    pub(crate) pool: PgPool,
    /// The `http` source of the key's project.
    pub(crate) source_id: i64,
    pub(crate) processes: Processes,
}

/// The worker's progress with one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct WorkerProgress {
    /// Events stored and counted.
    pub(crate) visible: i64,
    /// Batches in the inbox.
    pub(crate) waiting: i64,
    /// Batches that the worker gave up on.
    pub(crate) set_aside: i64,
}

impl Stack {
    /// Refuses a stack on another machine.
    pub(crate) async fn open(args: &Args) -> Result<Self> {
        let options = PgConnectOptions::from_str(&args.database).context("reading --database")?;
        let host = options.get_host();
        ensure!(
            options.get_socket().is_some() || is_loopback(host).await,
            "--database is on {host}; only a stack on this machine can be measured"
        );
        // One connection asks, another may watch meanwhile.
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .context("connecting to the database")?;

        let authority = args.api.strip_prefix("http://").context("--api must begin with http://")?;
        let authority = authority.trim_end_matches('/');
        let mut addresses =
            tokio::net::lookup_host(authority).await.context("reading --api as http://HOST:PORT")?;
        let address = addresses.next().context("--api names no address")?;
        ensure!(
            address.ip().is_loopback(),
            "--api is {address}; only a stack on this machine can be measured"
        );

        let source_id: Option<i64> = sqlx::query_scalar(SOURCE)
            .bind(&args.key)
            .fetch_optional(&pool)
            .await
            .context("looking up the key")?;
        let source_id = source_id.context(
            "the database has no project with this key: --database and --api must belong to the same stack",
        )?;
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&pool).await?;
        let processes = Processes::find(&args.pids, backend.unsigned_abs());
        Ok(Self { api: Api { address, key: args.key.clone() }, pool, source_id, processes })
    }

    pub(crate) async fn progress(&self) -> Result<WorkerProgress> {
        sqlx::query_as(PROGRESS)
            .bind(self.source_id)
            .fetch_one(&self.pool)
            .await
            .context("querying how much is visible")
    }

    /// Waits until the inbox is empty and returns how many events are visible.
    pub(crate) async fn settle(&self) -> Result<i64> {
        let mut progress = self.progress().await?;
        let (mut best, mut since) = (progress.waiting, Instant::now());
        while progress.waiting > 0 {
            ensure!(
                since.elapsed() < VISIBLE_WITHIN,
                "{} batches are waiting, and the worker makes no progress",
                progress.waiting
            );
            sleep(POLL).await;
            progress = self.progress().await?;
            if progress.waiting < best {
                (best, since) = (progress.waiting, Instant::now());
            }
        }
        Ok(progress.visible)
    }

    /// Waits until `expected` events are visible and the inbox is empty.
    ///
    /// # Errors
    /// When that does not happen in time, or a batch was set aside.
    pub(crate) async fn visible(&self, expected: i64) -> Result<()> {
        let began = Instant::now();
        loop {
            let progress = self.progress().await?;
            ensure!(
                progress.set_aside == 0,
                "the worker set {} batches aside; see its log",
                progress.set_aside
            );
            ensure!(
                progress.visible <= expected,
                "{} events are visible, only {expected} were sent",
                progress.visible
            );
            if progress.visible == expected && progress.waiting == 0 {
                return Ok(());
            }
            ensure!(
                began.elapsed() < VISIBLE_WITHIN,
                "{} events of {expected} are visible after {} s, {} batches wait",
                progress.visible,
                VISIBLE_WITHIN.as_secs(),
                progress.waiting
            );
            sleep(POLL).await;
        }
    }
}

async fn is_loopback(host: &str) -> bool {
    match tokio::net::lookup_host((host, 0)).await {
        Ok(mut addresses) => addresses.all(|address| address.ip().is_loopback()),
        Err(_) => false,
    }
}

const SOURCE: &str = "
    select sources.id from api_keys join sources using (project_id)
    where api_keys.secret_hash = sha256(convert_to($1, 'UTF8')) and api_keys.revoked_at is null and sources.kind = 'http'
    order by sources.id limit 1";

const PROGRESS: &str = "
    select (select coalesce(sum(events), 0)::bigint from source_minutes where source_id = $1) as visible,
           (select count(*) from inbox where source_id = $1 and set_aside_at is null) as waiting,
           (select count(*) from inbox where source_id = $1 and set_aside_at is not null) as set_aside";
