//! `squall-bench ingest`: how fast a running stack ingests logs, and how much CPU that takes.
//!
//! `cargo xtask bench ingest` starts the stack. This program sends to its API, polls its database for
//! when events become visible, and reads the CPU time of its processes. Everything runs on this machine,
//! is limited in count and time, and is repeated to show the spread.
//!
//! Every acknowledged line must become visible. If one does not, or if one is rejected, the result is an
//! error.

mod corpus;
mod stack;
mod connection;
mod lines;
mod single;
mod latency;
mod disk;

use crate::{cpu, report::Report};
use anyhow::{Context, Result};
use clap::ValueEnum;
use stack::Stack;
use std::time::Duration;

/// Measure ingestion by a running stack on this machine.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  squall-bench ingest --api http://127.0.0.1:8642 --key sq_… --database postgres://squall@127.0.0.1:8643/squall"
)]
pub(crate) struct Args {
    /// Address of the API, on this machine.
    #[arg(long, value_name = "URL", env = "SQUALL_BENCH_API")]
    api: String,
    /// Key of an empty project, which is filled.
    #[arg(long, env = "SQUALL_BENCH_KEY", hide_env_values = true)]
    key: String,
    /// Database of the stack, on this machine or a socket.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database: String,
    /// Lines to send in all rounds together.
    #[arg(long, default_value_t = 1_500_000, value_parser = clap::value_parser!(u64).range(1_000..=20_000_000))]
    lines: u64,
    /// Rounds of each measurement.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Connections that send batches.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    senders: u64,
    /// Events in a batch.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    batch: u64,
    /// Connections that send one event per request.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=512))]
    connections: u64,
    /// Seconds per round of single events.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    single_seconds: u64,
    /// Seconds of the latency measurement.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    latency_seconds: u64,
    /// Measure only these parts.
    #[arg(long, value_delimiter = ',', value_enum, default_value = "lines,single,latency")]
    only: Vec<Part>,
    /// Processes to measure: `api=PID,worker=PID,postgres=PID` [default: found by name].
    #[arg(long, value_name = "NAME=PID,…", value_delimiter = ',', value_parser = cpu::named_pid)]
    pids: Vec<(String, u32)>,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// What to measure. Disk space is part of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Lines,
    Single,
    Latency,
}

/// If accepted events are not visible after this long, the measurement fails.
const VISIBLE_WITHIN: Duration = Duration::from_secs(300);

/// # Errors
/// When the stack cannot be reached, rejects an event, or loses one.
pub(crate) fn run(args: &Args) -> Result<()> {
    // One thread: whatever the generator needs is taken from the stack it shares the machine with.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let report = runtime.block_on(measure(args))?;
    if args.json { report.write_json() } else { report.write_table() }
}

async fn measure(args: &Args) -> Result<Report> {
    let stack = Stack::open(args).await?;
    let mut report = Report::default();
    stack.settle().await.context("waiting until the stack has digested what it was sent earlier")?;

    if args.only.contains(&Part::Lines) {
        lines::warm_up(&stack, args).await.context("warming up")?;
        let before = disk::occupied(&stack).await?;
        let sent = lines::measure(&stack, args, &mut report).await.context("measuring ingest.lines")?;
        let after = disk::occupied(&stack).await?;
        disk::compare(&before, &after, sent, &mut report)?;
    }
    if args.only.contains(&Part::Single) {
        single::measure(&stack, args, &mut report).await.context("measuring ingest.single")?;
    }
    if args.only.contains(&Part::Latency) {
        latency::measure(&stack, args, &mut report).await.context("measuring ingest.latency")?;
    }
    Ok(report)
}
