//! `squall-worker`: reads sources, digests the inbox, deletes old data.

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use sqlx::{PgPool, postgres::PgListener};
use squall_base::{Environment, environment, failure};
use squall_boot::{
    config::Common,
    database,
    healthcheck::{self, HealthcheckOptions},
    shutdown, telemetry,
};
use squall_live::{Publisher, Redis};
use squall_worker::{
    config::Config,
    health,
    pipeline::{self, Context},
};
use std::{io::Write, process::ExitCode, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Read sources, group events into issues, delete old data.
#[derive(Parser)]
#[command(
    name = "squall-worker",
    version,
    after_help = "Example:\n  DATABASE_URL=postgres://… squall-worker"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or Ctrl-C [default].
    Serve,
    /// Check the health of the worker that listens on SQUALL_HEALTH_LISTEN.
    #[command(after_help = "Example:\n  squall-worker healthcheck --ready")]
    Healthcheck(HealthcheckOptions),
    /// Print all variables with their defaults as a Markdown table.
    #[command(hide = true)]
    ConfigTable,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Some(Command::ConfigTable) => print(&environment::markdown(&Config::variables())),
        Some(Command::Healthcheck(options)) => check_health(options),
        Some(Command::Serve) | None => serve(),
    };
    result.map_or_else(|error| failure::report("squall-worker", &error), |()| ExitCode::SUCCESS)
}

/// Reads only the address: a health check must not fail on a setting that it does not need.
fn check_health(options: HealthcheckOptions) -> Result<()> {
    let mut env = Environment::from_process();
    let address = Config::health_listen(&mut env);
    env.finish()?;
    healthcheck::run(address, options)
}

/// How long the end of the process waits for a read that cannot be cancelled, such as one from a
/// dead mount.
const BLOCKED_READS: Duration = Duration::from_secs(5);

fn serve() -> Result<()> {
    let config = Config::read(Environment::from_process())?;
    let Common { logging, traces, warnings, .. } = &config.common;
    let export = telemetry::init("worker", logging, traces.as_ref(), warnings)?;
    let runtime = squall_boot::runtime(config.common.worker_threads)?;
    let served = runtime.block_on(export.around(run(config)));
    runtime.shutdown_timeout(BLOCKED_READS);
    served
}

async fn run(config: Config) -> Result<()> {
    let stop = shutdown::token()?;
    let pool = database::pool(&config.common, "squall-worker")?;
    let health = tokio::spawn(health::serve(config.health_listen, pool.clone(), stop.clone()));
    let work = tokio::spawn(work(config, pool, stop.clone()));
    // Each ends the other: a worker without its health check looks dead to its supervisor.
    let health = async {
        let ended = health.await.context("running the health check");
        stop.cancel();
        ended?
    };
    let work = async {
        let ended = work.await.context("running the pipeline");
        stop.cancel();
        ended
    };
    let (health, work) = tokio::join!(health, work);
    health.and(work)
}

async fn work(config: Config, pool: PgPool, stop: CancellationToken) {
    if !database::wait_until_ready(&pool, &stop).await {
        return;
    }
    let inbox_filled = Arc::new(Notify::new());
    let listening = tokio::spawn(listen(pool.clone(), inbox_filled.clone(), stop.clone()));
    let live = Publisher::start(pool.clone(), config.redis.clone().map(Redis::start));
    pipeline::run(Context { pool, config: Arc::new(config), inbox_filled, live }, stop).await;
    listening.abort();
}

/// Wakes the digest when the inbox has new rows. While the connection is lost, the digest runs
/// after its idle pause instead.
async fn listen(pool: PgPool, inbox_filled: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match listen_once(&pool, &inbox_filled).await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(error = %error, "The connection for notifications was lost; listening again.")
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn listen_once(pool: &PgPool, inbox_filled: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("inbox").await?;
    loop {
        listener.recv().await?;
        inbox_filled.notify_one();
    }
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("writing to standard output")
}
