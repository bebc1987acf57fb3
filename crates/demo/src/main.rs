//! `squall-demo`: the logs of a small web shop, to try Squall with.
//!
//! The shop has six services in six languages and formats, a rhythm of the day, an outage of its
//! database, an error that is new and one that was mended. A first run sends a day of history; then the
//! shop lives on: some services write log files that Squall follows, the others send to the API.
//! Everything but the clock follows from the seed.

mod run;
mod history;
mod scenario;
mod services;
mod values;
mod event;
mod formats;
mod log_files;
mod sender;
mod random;

use anyhow::{Context, Result};
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// Streams the logs of a made-up web shop to Squall.
#[derive(Debug, Parser)]
#[command(
    name = "squall-demo",
    version,
    after_help = "Example:\n  squall-demo --api http://127.0.0.1:8642 --key-file demo.key --dir demo-logs"
)]
struct Args {
    /// Where the API listens.
    #[arg(long, value_name = "URL")]
    api: reqwest::Url,
    /// A file that holds a project key.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The folder for log files; what history was sent already is remembered here too.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Equal seeds tell equal stories.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Hours of history that a first run sends.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=720))]
    history_hours: u16,
    /// Lines a second at the busiest time of day, in the history as well as live.
    #[arg(long, value_name = "LINES", default_value_t = 2.0, value_parser = rate)]
    rate: f64,
    /// The services that write log files into the folder; the others send to the API.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "gateway,checkout,catalog", value_parser = service)]
    files: Vec<&'static services::Service>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting");
    match runtime.and_then(|runtime| runtime.block_on(until_stopped(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "The demo cannot go on.");
            ExitCode::FAILURE
        }
    }
}

/// A demo has nothing to finish: a signal ends it between two lines, and the API keeps what it acknowledged.
async fn until_stopped(args: Args) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::select! {
        ended = run::run(args, now_ms) => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    // The busiest template is written for every fifth line: Poisson draws stay cheap and exact below this.
    if rate > 0.0 && rate <= 200.0 { Ok(rate) } else { Err("must be above 0 and at most 200".to_owned()) }
}

fn service(name: &str) -> Result<&'static services::Service, String> {
    services::named(name).ok_or_else(|| {
        let names: Vec<&str> = services::SERVICES.iter().map(|service| service.name).collect();
        format!("no such service; there are {}", names.join(", "))
    })
}
