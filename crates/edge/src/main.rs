//! `squall-edge`: builds the configuration of nginx from the environment and becomes nginx.
//!
//! The image has no shell, so this program does what a start script would: it checks every
//! variable, fills in the templates of `infra/nginx`, lets nginx check the result, and executes
//! nginx in its own place, so that signals reach nginx itself. How nginx handles a request is in
//! the templates; [`settings`] lists what a user can set.

mod settings;
mod value;
mod render;
mod nginx;
mod start;

use clap::{Parser, Subcommand};
use settings::Settings;
use squall_base::{
    Environment, Failure,
    http::{check_health, connectable},
};
use std::{io::Write, process::ExitCode, time::Duration};

/// Run the edge: nginx, configured from the environment.
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
    /// Check the environment, write the configuration and start nginx in place of this process.
    Run,
    /// Check that the edge is running: exit code 0 if it is, 1 if not.
    Healthcheck,
    /// Print the configuration that `run` would start nginx with.
    Print,
    /// Print every variable with its default as a Markdown table.
    ConfigTable,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run => start::run(),
        Command::Healthcheck => healthcheck(),
        Command::Print => print_configuration(),
        Command::ConfigTable => print(&Settings::table()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{failure}");
            failure.exit.into()
        }
    }
}

/// A running nginx answers within a millisecond.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

fn healthcheck() -> Result<(), Failure> {
    let address = connectable(Settings::read_listen(Environment::from_process())?);
    check_health(address, "/edge-healthz", HEALTH_TIMEOUT).map_err(|problem| {
        Failure::new(
            format!("checking the health of the edge at {address}"),
            problem,
            "read what the edge wrote to standard error",
        )
    })
}

fn print_configuration() -> Result<(), Failure> {
    let settings = Settings::read(Environment::from_process())?;
    let nginx = nginx::Nginx::find(&settings.nginx)?;
    let mut text = String::new();
    for file in render::files(&settings, nginx.version)? {
        text += &format!("# ==== {}\n{}\n", file.name, file.text);
    }
    print(&text)
}

fn print(text: &str) -> Result<(), Failure> {
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::new("writing to standard output", error, "check where the output goes"))
}
