//! `squall-bench`: the figures of Squall, each beside its goal.

mod backup;
mod grouping;
mod ingest;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measures Squall and prints each figure beside its goal.
#[derive(Parser)]
#[command(name = "squall-bench", version, after_help = "Example:\n  squall-bench grouping --data ../loghub")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Scores the grouping of labelled logs: accuracy and speed.
    Grouping(grouping::Args),
    /// Measures ingestion against a running stack: lines, single events, latency, disk.
    Ingest(Box<ingest::Args>),
    /// Measures backups: create beside pg_dump, the proof of a gigabyte, damage found.
    Backup(backup::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Grouping(args) => grouping::run(&args),
        Command::Ingest(args) => ingest::run(&args),
        Command::Backup(args) => backup::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("squall-bench failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
