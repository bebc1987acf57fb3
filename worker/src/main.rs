//! `squall-worker`: reads sources, digests the inbox, forgets what is old.

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use sqlx::{PgPool, postgres::PgListener};
use squall_boot::{config, database, healthcheck, shutdown, telemetry};
use squall_live::{Publisher, Redis};
use squall_worker::{
    config::Config,
    health,
    pipeline::{self, Context},
};
use std::{process::ExitCode, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Reads sources, digests the inbox, forgets what is old.
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
    /// Works until it is asked to stop; the same as no command.
    Serve,
    /// Asks the worker that answers on SQUALL_HEALTH_LISTEN how it is; exit code 0 when it is well.
    #[command(after_help = "Example:\n  squall-worker healthcheck --ready")]
    Healthcheck(healthcheck::Question),
    /// Prints every variable with its default as a Markdown table.
    #[command(hide = true)]
    ConfigTable,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Some(Command::ConfigTable) => say(&config::markdown(&Config::knobs())),
        Some(Command::Healthcheck(question)) => ask(question),
        Some(Command::Serve) | None => serve().map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS),
    }
}

/// Asks without a look at what only the worker itself needs.
fn ask(question: healthcheck::Question) -> ExitCode {
    let mut env = config::Env::from_process();
    let address = Config::health_listen(&mut env);
    match env.finish() {
        Ok(_) => healthcheck::run(address, question),
        Err(error) => failed(&error.into()),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("squall-worker failed: {error:#}");
    ExitCode::FAILURE
}

/// How long the end of the process waits for a read that cannot be cancelled, such as one of a dead mount.
const BLOCKED_READS: Duration = Duration::from_secs(5);

fn serve() -> Result<()> {
    let config = Config::read(config::Env::from_process())?;
    let traces = telemetry::init("worker", &config.common)?;
    let runtime = squall_boot::runtime(config.common.worker_threads)?;
    let served = runtime.block_on(traces.around(run(config)));
    runtime.shutdown_timeout(BLOCKED_READS);
    served
}

async fn run(config: Config) -> Result<()> {
    let stop = shutdown::token()?;
    let pool = database::pool(&config.common, "squall-worker")?;
    let health = tokio::spawn(health::serve(config.health_listen, pool.clone(), stop.clone()));
    let work = tokio::spawn(work(config, pool, stop.clone()));
    // Whichever ends first ends the other: a worker without its health check looks dead to its supervisor.
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

/// Rings whenever a door has filled the inbox. A lost connection is made anew; until then the stages'
/// own pauses are what wakes them.
async fn listen(pool: PgPool, inbox_filled: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match listen_once(&pool, &inbox_filled).await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(error = %error, "Notifications from the database were lost; listening again.")
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

fn say(text: &str) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
