//! `squall-api`: receives events, serves the API and the dashboard.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde::Serialize;
use squall_api::{
    AppState, app,
    config::Config,
    metrics, openapi, routes,
    seed::{self, SeedOptions},
    serve::{self, Timeouts},
    setup,
};
use squall_base::{Environment, environment, failure};
use squall_boot::{config::Common, database, healthcheck, metrics::Service, shutdown, telemetry};
use std::{future::IntoFuture, io::Write, net::SocketAddr, process::ExitCode};
use tokio::net::TcpListener;

/// Receive events; serve the API and the dashboard
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
    /// Serve until asked to stop [default]
    Serve,
    /// Print the API description (OpenAPI 3.1) as JSON
    Openapi,
    /// Print a one-time link to create the first admin, as JSON
    SetupLink,
    /// Create a project with a key, and optionally a file source and an admin, unless they exist
    Seed(SeedOptions),
    /// Check the api that listens on SQUALL_LISTEN; exit code 0 if healthy
    #[command(after_help = "Example:\n  SQUALL_LISTEN=0.0.0.0:8642 squall-api healthcheck --ready")]
    Healthcheck(healthcheck::HealthcheckOptions),
    /// Print all variables with their defaults as a Markdown table
    #[command(hide = true)]
    ConfigTable,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Serve => start(),
        Command::Openapi => description(),
        Command::SetupLink => run(None, setup_link()),
        Command::Seed(options) => run(None, seed(options)),
        Command::ConfigTable => print(&environment::markdown(&Config::variables())),
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
    tracing::info!(address = %listener.local_addr()?, "Listening.");
    let state = AppState { stopping: stop.clone(), ..AppState::new(pool.clone(), config) };
    if let Some(address) = metrics_listen {
        let listener = bind(address, "SQUALL_METRICS_LISTEN").await?;
        let exporter = squall_boot::metrics::install(Service::Api)?;
        tokio::spawn(axum::serve(listener, metrics::app(state.clone(), exporter)).into_future());
    }
    tokio::spawn(database::watch(pool.clone(), stop.clone()));
    let (live, stopping) = (state.live.clone(), stop.clone());
    tokio::spawn(async move {
        // Streams never end on their own, and would delay the shutdown.
        stopping.cancelled().await;
        live.close();
    });
    serve::serve(listener, app(state), Timeouts { keep_alive, graceful }, stop).await;
    pool.close().await;
    tracing::info!("Stopped.");
    Ok(())
}

async fn bind(address: SocketAddr, variable: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listening on {address}. Another process may use the port; set {variable} to a free one")
    })
}

fn description() -> Result<()> {
    print(&openapi::json(&routes::description())?)
}

async fn setup_link() -> Result<()> {
    let config = Config::read(Environment::from_process())?;
    let pool = database::pool(&config.common, "squall-api")?;
    let link = setup::create_link(&pool, &config.public_url).await.context("creating a setup link")?;
    print_json(&link)
}

async fn seed(options: SeedOptions) -> Result<()> {
    let config = Config::read(Environment::from_process())?;
    let pool = database::pool(&config.common, "squall-api")?;
    print_json(&seed::seed(&pool, &options).await?)
}

fn print_json(value: &impl Serialize) -> Result<()> {
    print(&(serde_json::to_string(value)? + "\n"))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("writing to standard output")
}
