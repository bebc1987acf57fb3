//! Squall's real processes, run as in production, for tests that kill and restart them.
//!
//! A [`Stack`] has a PostgreSQL of its own, because tests kill that too. The binaries are in the
//! target folder of the test; `cargo xtask test rust` builds them first.

pub mod postgres;
pub mod process;
pub mod collector;

use anyhow::{Context, Result};
use postgres::Postgres;
use process::Process;
use serde_json::Value;
use sqlx::PgPool;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Longer than anything here takes on a busy machine; reaching it is a failure.
pub const TIMEOUT: Duration = Duration::from_secs(90);

/// A fresh database, a project with a key, and processes that can be killed.
pub struct Stack {
    /// The private server.
    pub postgres: Postgres,
    /// A folder that a file source watches: `*.log`.
    pub watched: PathBuf,
    /// The key of the project.
    pub key: String,
    /// Additional variables for the next start of the api and the worker.
    pub variables: Vec<(&'static str, String)>,
    address: String,
    health: String,
    api: Option<Process>,
    worker: Option<Process>,
    folder: tempfile::TempDir,
}

impl Stack {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// When a binary is missing or a process does not become ready.
    pub async fn start() -> Result<Self> {
        Self::start_with(Vec::new()).await
    }

    /// Starts everything with more variables and waits until it is ready.
    ///
    /// # Errors
    /// As [`Stack::start`].
    pub async fn start_with(variables: Vec<(&'static str, String)>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let watched = folder.path().join("watched");
        std::fs::create_dir(&watched)?;
        let postgres = Postgres::start().await?;
        let url = postgres.url();
        process::run("squall-migrate", &["run"], &[("DATABASE_URL", &url)])?;
        let pattern = format!("{}/*.log", watched.display());
        let seeded = process::run(
            "squall-api",
            &["seed", "--project", "acceptance", "--source", "files", "--watch", &pattern],
            &[("DATABASE_URL", &url)],
        )?;
        let seeded: Value =
            serde_json::from_str(&seeded).with_context(|| format!("reading the output of seed: {seeded}"))?;
        let key = seeded["key"].as_str().context("seed gave no key")?.to_owned();
        let address = format!("127.0.0.1:{}", process::free_port()?);
        let health = format!("127.0.0.1:{}", process::free_port()?);
        let mut stack =
            Self { postgres, watched, key, variables, address, health, api: None, worker: None, folder };
        stack.start_api().await?;
        stack.start_worker().await?;
        Ok(stack)
    }

    /// Starts the api and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_api(&mut self) -> Result<()> {
        self.spawn_api()?;
        self.wait_until_api_ready().await
    }

    /// Starts the worker and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_worker(&mut self) -> Result<()> {
        let url = self.postgres.url();
        let variables = [
            ("DATABASE_URL", url.as_str()),
            ("SQUALL_HEALTH_LISTEN", &self.health),
            ("SQUALL_POLL_INTERVAL_MS", "50"),
        ];
        let variables = self.with_variables(&variables);
        self.worker = Some(Process::spawn("squall-worker", &[], &variables, self.folder.path())?);
        wait_until_ready(&self.health).await
    }

    /// Kills the api with SIGKILL, as a power failure would.
    pub fn kill_api(&mut self) {
        self.api = None;
    }

    /// Kills the worker with SIGKILL.
    pub fn kill_worker(&mut self) {
        self.worker = None;
    }

    /// Stops the api and the worker gracefully.
    ///
    /// # Errors
    /// When one ends with a failure.
    pub fn stop(&mut self) -> Result<()> {
        for process in [self.api.take(), self.worker.take()].into_iter().flatten() {
            process.stop()?;
        }
        Ok(())
    }

    /// Opens the stream of live updates with a key that may read.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn watch(&self, client: &reqwest::Client, key: &str) -> Result<reqwest::Response> {
        let address = self.url("/api/v1/stream");
        Ok(client.get(address).bearer_auth(key).send().await?.error_for_status()?)
    }

    /// Stops the api gracefully.
    ///
    /// # Errors
    /// When it ends with a failure.
    pub async fn stop_api(&mut self) -> Result<()> {
        let api = self.api.take().context("the api does not run")?;
        tokio::task::spawn_blocking(|| api.stop()).await?
    }

    /// Starts the api without waiting until it is ready, for tests without a database.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn spawn_api(&mut self) -> Result<()> {
        let url = self.postgres.url();
        let variables = [
            ("DATABASE_URL", url.as_str()),
            ("SQUALL_LISTEN", &self.address),
            // Longer than the timeout of any test, so that an api that does not stop is noticed.
            ("SQUALL_GRACEFUL_TIMEOUT", "600"),
        ];
        let variables = self.with_variables(&variables);
        self.api = Some(Process::spawn("squall-api", &["serve"], &variables, self.folder.path())?);
        Ok(())
    }

    fn with_variables<'a>(&'a self, variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = self.variables.iter().map(|(name, value)| (*name, value.as_str()));
        variables.iter().copied().chain(own).collect()
    }

    /// Waits until the api is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn wait_until_api_ready(&self) -> Result<()> {
        wait_until_ready(&self.address).await
    }

    /// Everything the api has logged.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn api_log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("squall-api.log"))?)
    }

    /// Everything the worker has logged.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn worker_log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder.path().join("squall-worker.log"))?)
    }

    /// The address of one of the api's pages.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A client that sends events while the stack is stopped and started.
    pub fn sender(&self) -> Sender {
        Sender { url: self.url("/api/v1/ingest"), key: self.key.clone() }
    }

    /// Sends a body to the ingestion endpoint and returns the status.
    ///
    /// # Errors
    /// When no response arrived: the body may or may not have been accepted.
    pub async fn ingest(&self, client: &reqwest::Client, body: String) -> Result<u16> {
        Ok(self.sender().ingest(client, body).await?)
    }

    /// Waits until the inbox is empty and `sql` returns `expected`.
    ///
    /// # Errors
    /// After [`TIMEOUT`], with the last value.
    pub async fn wait_for(&self, pool: &PgPool, sql: &'static str, expected: i64) -> Result<()> {
        let start = Instant::now();
        loop {
            let found: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
            let waiting: i64 = sqlx::query_scalar("select count(*) from inbox").fetch_one(pool).await?;
            if found == expected && waiting == 0 {
                return Ok(());
            }
            anyhow::ensure!(
                start.elapsed() < TIMEOUT,
                "{sql} is {found} and not {expected}; {waiting} batches are in the inbox; logs: {}",
                logs(self.folder.path())
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The path of a log file that the file source watches.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.watched.join(name)
    }
}

/// Sends events with the key of a project.
#[derive(Clone)]
pub struct Sender {
    url: String,
    key: String,
}

impl Sender {
    /// Sends a body to the ingestion endpoint and returns the status.
    ///
    /// # Errors
    /// When no response arrived.
    pub async fn ingest(&self, client: &reqwest::Client, body: String) -> Result<u16, reqwest::Error> {
        let request =
            client.post(&self.url).bearer_auth(&self.key).header("content-type", "application/x-ndjson");
        Ok(request.body(body).send().await?.status().as_u16())
    }
}

/// Requests `/readyz` until it succeeds.
async fn wait_until_ready(address: &str) -> Result<()> {
    let start = Instant::now();
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(format!("http://{address}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        anyhow::ensure!(start.elapsed() < TIMEOUT, "{address} did not become ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn logs(folder: &Path) -> String {
    let tail = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let all = tail("squall-api.log") + &tail("squall-worker.log");
    all.lines().rev().take(20).collect::<Vec<_>>().join("\n")
}
