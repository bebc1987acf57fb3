//! `squall-bench`: measures Squall and compares each result with its goal.

mod backup;
mod ci;
mod grouping;
mod ingest;
mod migrate;
mod stack;

mod cpu;
mod report;

use clap::{Parser, Subcommand};
use squall_base::failure::Failure;
use std::process::ExitCode;

/// Measure Squall and compare each result with its goal.
#[derive(Parser)]
#[command(name = "squall-bench", version, after_help = "Example:\n  squall-bench grouping --data ../loghub")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure the accuracy and speed of grouping on labelled logs.
    Grouping(grouping::Args),
    /// Measure ingestion by a running stack: lines, single events, latency, disk.
    Ingest(Box<ingest::Args>),
    /// Measure backups: speed compared with pg_dump, time to prove a gigabyte, damage found.
    Backup(backup::Args),
    /// Measure the time from an edit of the schema to a verified migration.
    Migrate(migrate::Args),
    /// Measure xtask and the stack: compiling, starting, stopping, memory, images.
    Stack(stack::Args),
    /// Measure `cargo xtask ci` with nothing, one file or everything to do, beside other task runners.
    Ci(ci::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Grouping(args) => grouping::run(&args),
        Command::Ingest(args) => ingest::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Stack(args) => stack::run(&args),
        Command::Ci(args) => ci::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref::<Failure>() {
                Some(failure) => eprint!("{failure}"),
                None => eprintln!("squall-bench failed: {error:#}"),
            }
            ExitCode::FAILURE
        }
    }
}
