//! `squall-demo`: the logs of a small web shop, to try Squall with.
//!
//! The shop has six services in six languages and formats, a daily rhythm, a database outage, a new
//! error and one that was fixed. The first run sends a day of history. After that, some services write
//! log files that Squall follows and the others send to the API, in real time. Everything but the clock
//! follows from the seed.

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

/// Stream the logs of a fictional web shop to Squall.
#[derive(Debug, Parser)]
#[command(
    name = "squall-demo",
    version,
    after_help = "Example:\n  squall-demo --api http://127.0.0.1:8642 --key-file demo.key --dir demo-logs"
)]
struct Args {
    /// Address of the API, such as http://127.0.0.1:8642.
    #[arg(long, value_name = "URL", value_parser = http)]
    api: hyper::Uri,
    /// File with a project key.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Folder for log files and for the progress of the history.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Seed: the same seed gives the same events.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Hours of history to send on the first run.
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=720))]
    history_hours: u16,
    /// Lines per second at the busiest time of day.
    #[arg(long, value_name = "LINES", default_value_t = 2.0, value_parser = rate)]
    rate: f64,
    /// Services that write log files; the others send to the API.
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
            tracing::error!(error = format!("{error:#}"), "The demo failed.");
            ExitCode::FAILURE
        }
    }
}

/// There is nothing to finish on a signal: the API keeps what it acknowledged.
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

/// The demo runs beside the API; without TLS it compiles in a quarter of the time.
fn http(text: &str) -> Result<hyper::Uri, String> {
    let uri: hyper::Uri = text.parse().map_err(|error| format!("{error}"))?;
    let usable = uri.scheme_str() == Some("http") && uri.authority().is_some();
    usable.then_some(uri).ok_or_else(|| "must be an http:// address".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    // Above this, drawing the number of lines (Poisson) becomes slow and inexact.
    if rate > 0.0 && rate <= 200.0 { Ok(rate) } else { Err("must be above 0 and at most 200".to_owned()) }
}

fn service(name: &str) -> Result<&'static services::Service, String> {
    services::named(name).ok_or_else(|| {
        let names: Vec<&str> = services::SERVICES.iter().map(|service| service.name).collect();
        format!("no such service; the services are {}", names.join(", "))
    })
}
