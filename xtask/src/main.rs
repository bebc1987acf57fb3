//! `cargo xtask`: every operation of the repository, the same on a laptop and in CI.
//!
//! This file is the table of contents: the enum below is the manual, one file per command. xtask
//! runs the other binaries and links none of them, so that it compiles in seconds.

mod up;
mod ci;
mod fmt;
mod lint;
mod typecheck;
mod build;
mod test;
mod fuzz;
mod bench;
mod migrate;
mod backup;
mod docker;
mod generated;
mod doctor;
mod hooks;
mod completions;

mod help;
mod steps;
mod stack;
mod world;
mod tools;
mod postgres;
mod failure;
mod process;
mod ports;
mod http;
mod files;
mod env_file;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use failure::{Exit, Failure};
use std::{
    env, panic,
    path::{Path, PathBuf},
    process::ExitCode,
};
use world::World;

/// Build, check, run and operate Squall.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build and start the stack, wait until it is healthy and print its address.
    #[command(
        after_help = "Examples:\n  cargo xtask up --demo\n  cargo xtask up --detach --state /tmp/second-stack"
    )]
    Up(up::Arguments),
    /// Stop the stack.
    #[command(after_help = "Examples:\n  cargo xtask down\n  cargo xtask down --delete-data")]
    Down(up::down::Arguments),
    /// List services with their ports and health.
    #[command(after_help = "Example:\n  cargo xtask ps --json")]
    Ps(up::ps::Arguments),
    /// Show the logs of the services.
    #[command(after_help = "Example:\n  cargo xtask logs api -f -n 100")]
    Logs(up::logs::Arguments),
    /// Restart one service or all of them.
    #[command(after_help = "Example:\n  cargo xtask restart worker")]
    Restart(up::restart::Arguments),

    /// Run the whole pipeline: format, lints, types, tests, generated files.
    #[command(
        after_help = "Examples:\n  cargo xtask ci\n  cargo xtask ci clippy test-api --keep-going\n  cargo xtask ci --affected origin/main\n  cargo xtask ci --explain test-api"
    )]
    Ci(ci::Arguments),
    /// Format all code.
    #[command(after_help = "Example:\n  cargo xtask fmt --check")]
    Fmt(fmt::Arguments),
    /// Lint code, prose and dependencies.
    #[command(after_help = "Examples:\n  cargo xtask lint\n  cargo xtask lint words")]
    Lint(lint::Arguments),
    /// Check the types of all code.
    #[command(after_help = "Example:\n  cargo xtask typecheck web")]
    Typecheck(typecheck::Arguments),
    /// Build the binaries with their tests, and the web app.
    #[command(after_help = "Example:\n  cargo xtask build rust --release")]
    Build(build::Arguments),
    /// Run tests with the servers they need.
    #[command(
        after_help = "Examples:\n  cargo xtask test\n  cargo xtask test rust -- -p squall-api sign_in\n  cargo xtask test browser -- --headed"
    )]
    Test(test::Arguments),
    /// Run the fuzz targets of log parsing and grouping.
    #[command(after_help = "Example:\n  cargo xtask fuzz parse_line --seconds 300")]
    Fuzz(fuzz::Arguments),
    /// Run a benchmark and print each figure beside its goal.
    Bench(bench::Arguments),
    /// Build the images of the stack, and check Dockerfiles, Compose files and the build context.
    Docker(docker::Arguments),

    /// Write, apply and verify database migrations.
    Migrate(migrate::Arguments),
    /// Renew every generated file: queries, API description, workflows, snapshots, docs tables.
    #[command(
        after_help = "Examples:\n  cargo xtask generated\n  cargo xtask generated queries --check\n  cargo xtask generated workflows --run-through static"
    )]
    Generated(generated::Arguments),

    /// Create, verify and restore backups.
    Backup(backup::Arguments),

    /// Show which tools are missing, and install them with --fix.
    #[command(
        after_help = "Examples:\n  cargo xtask doctor --fix\n  cargo xtask doctor --fix --for browser test-api"
    )]
    Doctor(doctor::Arguments),
    /// Install hooks of git.
    Hooks(hooks::Arguments),
    /// Print shell completions.
    #[command(
        after_help = "Example:\n  cargo xtask completions bash > ~/.local/share/bash-completion/completions/cargo-xtask"
    )]
    Completions(completions::Arguments),

    /// Run the services of a detached stack; `up --detach` starts it.
    #[command(hide = true)]
    Supervise(stack::StackOptions),
    /// Run one step of `ci`, as `ci` does.
    #[command(hide = true)]
    Step(ci::step::Arguments),
}

fn main() -> ExitCode {
    end_with_the_reader();
    // While there is one thread: hide what cargo sets from nested calls, and add what .env sets.
    let root = repository();
    // Not within a step of `ci`, which gets only the variables that it declares.
    let is_step = world::is_step();
    let defaults =
        if is_step { Default::default() } else { env_file::read(&root.join(".env")).unwrap_or_default() };
    process::prepare_environment(&defaults);
    let words: Vec<_> = env::args().skip(1).collect();
    if matches!(words.first().map(String::as_str), None | Some("-h" | "--help" | "help")) {
        print!("{}", help::contents(&Cli::command()));
        return ExitCode::SUCCESS;
    }
    let failure = match Cli::try_parse() {
        Ok(cli) => match World::new(root).and_then(|world| run(&world, cli.command)) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => failure::of_command(error, &words.join(" ")),
        },
        Err(error) if error.use_stderr() => wrong_usage(&error.to_string(), &words),
        Err(help) => {
            print!("{help}");
            return ExitCode::SUCCESS;
        }
    };
    if !failure.is_silent() {
        eprint!("{failure}");
    }
    failure.exit.into()
}

/// Ends quietly, as other programs do, when nobody reads the output any more: `ci --list | head -3`.
fn end_with_the_reader() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            // What a shell shows for a program that SIGPIPE ended.
            std::process::exit(128 + 13);
        }
        report(panic);
    }));
}

/// A usage mistake is a failure like any other.
fn wrong_usage(message: &str, words: &[String]) -> Failure {
    let wrong = message.split("\n\nUsage:").next().unwrap_or(message).trim_start_matches("error: ");
    let next = "run `cargo xtask` for the list of commands, or add -h to one of them";
    let tried = format!("cargo xtask {}", words.join(" "));
    Failure::new(tried, wrong.trim().replace("\n\n", "\n"), next).exit(Exit::Usage)
}

fn run(world: &World, command: Command) -> Result<()> {
    match command {
        Command::Up(arguments) => up::run(world, &arguments),
        Command::Down(arguments) => up::down::run(world, &arguments),
        Command::Ps(arguments) => up::ps::run(world, &arguments),
        Command::Logs(arguments) => up::logs::run(world, &arguments),
        Command::Restart(arguments) => up::restart::run(world, &arguments),
        Command::Ci(arguments) => ci::run(world, &arguments),
        Command::Fmt(arguments) => fmt::run(world, &arguments),
        Command::Lint(arguments) => lint::run(world, &arguments),
        Command::Typecheck(arguments) => typecheck::run(world, &arguments),
        Command::Build(arguments) => build::run(world, &arguments),
        Command::Test(arguments) => test::run(world, &arguments),
        Command::Fuzz(arguments) => fuzz::run(world, &arguments),
        Command::Bench(arguments) => bench::run(world, &arguments),
        Command::Migrate(arguments) => migrate::run(world, &arguments),
        Command::Generated(arguments) => generated::run(world, &arguments),
        Command::Backup(arguments) => backup::run(world, &arguments),
        Command::Docker(arguments) => docker::run(world, &arguments),
        Command::Doctor(arguments) => doctor::run(world, &arguments),
        Command::Hooks(arguments) => hooks::run(world, &arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Supervise(stack) => stack::native::supervise(&stack.folder(world)?),
        Command::Step(arguments) => ci::step::run(world, &arguments),
    }
}

/// The folder above the xtask that `cargo run` runs, else above the one that was compiled.
fn repository() -> PathBuf {
    let run = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.join("xtask.toml").exists());
    let xtask = run.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    xtask.parent().map_or(xtask.clone(), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use crate::world::tests::root;
    use std::process::Command;

    #[test]
    fn every_top_level_folder_has_the_alias() {
        let git = Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
        for file in String::from_utf8(git.stdout).unwrap().lines() {
            let Some((folder, _)) = file.split_once('/') else { continue };
            let config = root().join(folder).join(".cargo/config.toml");
            assert!(folder == ".cargo" || config.exists(), "ln -s ../.config/cargo {folder}/.cargo");
        }
    }
}
