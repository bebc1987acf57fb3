//! `squall-edge`: the entry point of the edge. It makes nginx's configuration from the environment and becomes nginx.
//!
//! The image has no shell, so what a start script would do is here: check every variable, fill in the templates of
//! `infra/nginx`, let nginx check the outcome, and `exec` it, so that signals reach nginx itself. What nginx does with a
//! request stands in the templates; [`settings`] is the contents page of what a person can set.

mod settings;
mod environment;
mod value;
mod render;
mod nginx;
mod start;
mod health;
mod failure;

use clap::{Parser, Subcommand};
use environment::Environment;
use failure::Failure;
use settings::Settings;
use std::{io::Write, process::ExitCode};

/// Runs the edge: nginx, configured from the environment.
#[derive(Parser)]
#[command(
    name = "squall-edge",
    version,
    after_help = "Example:\n  SQUALL_EDGE_API=api:8642 SQUALL_EDGE_WEB=$PWD/web/dist squall-edge run"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the environment, writes the configuration and becomes nginx.
    Run,
    /// Asks the running edge whether it lives: exit code 0 when it does, 1 when not.
    Healthcheck,
    /// Prints the configuration that `run` would start nginx with.
    Print,
    /// Prints every variable with its default as a Markdown table.
    ConfigTable,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run => start::run(),
        Command::Healthcheck => health::check(),
        Command::Print => print(),
        Command::ConfigTable => say(&Settings::table()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> Result<(), Failure> {
    let settings = Settings::read(Environment::from_process())?;
    let nginx = nginx::Nginx::find(&settings.nginx)?;
    let mut text = String::new();
    for file in render::files(&settings, nginx.version)? {
        text += &format!("# ==== {}\n{}\n", file.name, file.text);
    }
    say(&text)
}

fn say(text: &str) -> Result<(), Failure> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| {
        Failure::new("writing to standard output", error.to_string(), "check where the output goes")
    })
}
