//! `squall-api`: accepts events, answers questions, serves the dashboard.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde::Serialize;
use squall_api::{
    AppState, app,
    config::Config,
    metrics, openapi,
    seed::{self, Seed},
    serve::{self, Patience},
};
use squall_base::{Environment, environment, failure};
use squall_boot::{config::Common, database, healthcheck, metrics::Service, shutdown, telemetry};
use std::{future::IntoFuture, io::Write, net::SocketAddr, process::ExitCode};
use tokio::net::TcpListener;

/// Accepts events, answers questions, serves the dashboard.
#[derive(Parser)]
#[command(
    name = "squall-api",
    version,
    after_help = "Example:\n  DATABASE_URL=postgres://… squall-api serve"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until it is asked to stop; the same as no command.
    Serve,
    /// Prints the API description (OpenAPI 3.1) as JSON.
    Openapi,
    /// Prints a one-time link that makes the first admin, as JSON; says so when there is one already.
    SetupLink,
    /// Makes a project with a key, and a file source and an admin if asked to. What is there stays.
    Seed(Seed),
    /// Asks the api that listens on SQUALL_LISTEN how it is; exit code 0 when it is well.
    #[command(after_help = "Example:\n  SQUALL_LISTEN=0.0.0.0:8642 squall-api healthcheck --ready")]
    Healthcheck(healthcheck::HealthcheckOptions),
    /// Prints every variable with its default as a Markdown table.
    #[command(hide = true)]
    ConfigTable,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Serve => start(),
        Command::Openapi => run(None, description()),
        Command::SetupLink => run(None, setup_link()),
        Command::Seed(asked) => run(None, seed(asked)),
        Command::ConfigTable => say(&environment::markdown(&Config::variables())),
        Command::Healthcheck(options) => check_health(options),
    };
    outcome.map_or_else(|error| failure::report("squall-api", &error), |()| ExitCode::SUCCESS)
}

fn run(threads: Option<usize>, work: impl Future<Output = Result<()>>) -> Result<()> {
    squall_boot::runtime(threads)?.block_on(work)
}

fn start() -> Result<()> {
    let config = Config::read(Environment::from_process())?;
    let Common { logging, traces, warnings, .. } = &config.common;
    let export = telemetry::init("api", logging, traces.as_ref(), warnings)?;
    run(config.common.worker_threads, export.around(serve(config)))
}

/// Reads only the address: a health check must not fail on a setting that it does not need.
fn check_health(options: healthcheck::HealthcheckOptions) -> Result<()> {
    let mut env = Environment::from_process();
    let address = Config::listen(&mut env);
    env.finish()?;
    healthcheck::run(address, options)
}

async fn serve(config: Config) -> Result<()> {
    let stop = shutdown::token()?;
    let pool = database::pool(&config.common, "squall-api")?;
    let listener = bind(config.listen, "SQUALL_LISTEN").await?;
    let (keep_alive, graceful) = (config.keep_alive, config.graceful_timeout);
    let metrics_listen = config.metrics_listen;
    tracing::info!(address = %listener.local_addr()?, "The api listens.");
    let state = AppState { stopping: stop.clone(), ..AppState::new(pool.clone(), config) };
    if let Some(address) = metrics_listen {
        let listener = bind(address, "SQUALL_METRICS_LISTEN").await?;
        let exporter = squall_boot::metrics::install(Service::Api)?;
        tokio::spawn(axum::serve(listener, metrics::app(state.clone(), exporter)).into_future());
    }
    tokio::spawn(database::watch(pool.clone(), stop.clone()));
    let (live, asked) = (state.live.clone(), stop.clone());
    tokio::spawn(async move {
        // Streams end by themselves never, and would hold up the end of the process.
        asked.cancelled().await;
        live.close();
    });
    serve::serve(listener, app(state), Patience { keep_alive, graceful }, stop).await;
    pool.close().await;
    tracing::info!("The api has stopped.");
    Ok(())
}

async fn bind(address: SocketAddr, variable: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listening on {address}. Another process may have the port; set {variable} to a free one")
    })
}

async fn description() -> Result<()> {
    // The description needs no database; the pool only fills its place and never connects.
    let lookup = |name: &str| (name == "DATABASE_URL").then(|| "postgres://unused".to_owned());
    let config = Config::read(Environment::from_lookup(lookup))?;
    let pool = database::pool(&config.common, "squall-api")?;
    say(&openapi::json(&AppState::new(pool, config))?)
}

async fn setup_link() -> Result<()> {
    let config = Config::read(Environment::from_process())?;
    let pool = database::pool(&config.common, "squall-api")?;
    print(&seed::setup_link(&pool, &config.public_url).await?)
}

async fn seed(asked: Seed) -> Result<()> {
    let config = Config::read(Environment::from_process())?;
    let pool = database::pool(&config.common, "squall-api")?;
    print(&seed::seed(&pool, &asked).await?)
}

fn print(value: &impl Serialize) -> Result<()> {
    say(&(serde_json::to_string(value)? + "\n"))
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("writing to standard output")
}
