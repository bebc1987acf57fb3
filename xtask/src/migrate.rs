//! `migrate`: choose the database, then run `squall-schema` (writes and checks migrations) or
//! `squall-migrate` (the job that applies them).

use crate::{
    stack::{self, Job, Scratch, StackOptions, native},
    world::World,
};
use anyhow::Result;
use clap::Subcommand;
use std::ffi::OsString;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create the next empty migration file
    #[command(after_help = "Example:\n  cargo xtask migrate new add_issue_owner")]
    New {
        /// What it does, in snake case
        name: String,
    },
    /// Write the next migration from migrations/schema.sql and prove it on scratch databases
    #[command(
        after_help = "Examples:\n  cargo xtask migrate generate add_issue_owner\n  cargo xtask migrate generate tidy --rename users.name=full_name --allow-loss users.nickname"
    )]
    Generate {
        /// What it does, in snake case
        name: String,
        /// Rename of a table, type, `table.column` or `type.value`, which would look like a drop
        /// and an add
        #[arg(long = "rename", value_name = "OLD=NEW")]
        renames: Vec<String>,
        /// Table, `table.column`, `type.attribute` or sequence whose data may be lost
        #[arg(long = "allow-loss", value_name = "NAME")]
        losses: Vec<String>,
        /// Value for existing rows in a new column that must not be null
        #[arg(long = "backfill", value_name = "COLUMN=EXPRESSION")]
        backfills: Vec<String>,
        /// Print the migration instead of writing it
        #[arg(long)]
        dry_run: bool,
    },
    /// Find statements that would lock, rewrite or break a live table
    #[command(after_help = "Example:\n  cargo xtask migrate lint")]
    Lint,
    /// Apply pending migrations to the running stack, or to the database in DATABASE_URL
    #[command(after_help = "Example:\n  cargo xtask migrate run")]
    Run(StackOptions),
    /// List migrations and whether each is applied or pending
    #[command(after_help = "Example:\n  cargo xtask migrate status --json")]
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        stack: StackOptions,
    },
    /// Replay all migrations, compare the result with migrations/schema.sql, and upgrade the last
    /// release's fixture
    #[command(after_help = "Example:\n  cargo xtask migrate verify")]
    Verify,
    /// Record this version's queries for later runs of `verify`; run once per release
    #[command(after_help = "Example:\n  cargo xtask migrate fixture")]
    Fixture,
}

const NEXT: &str = "fix the cause shown above, then run the command again";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::New { name } => squall_schema(world, &["new", name], vec![]),
        Action::Lint => squall_schema(world, &["lint"], vec![]),
        Action::Generate { name, renames, losses, backfills, dry_run } => {
            let mut words = vec!["generate", name];
            for (flag, values) in [("--rename", renames), ("--allow-loss", losses), ("--backfill", backfills)]
            {
                words.extend(values.iter().flat_map(|value| [flag, value]));
            }
            words.extend(dry_run.then_some("--dry-run"));
            on_scratch(world, &words)
        }
        Action::Fixture => on_scratch(world, &["fixture"]),
        Action::Verify => on_scratch(world, &["verify"]),
        Action::Run(stack) => squall_migrate(world, stack, &["run"]),
        Action::Status { json: true, stack } => squall_migrate(world, stack, &["status", "--json"]),
        Action::Status { json: false, stack } => squall_migrate(world, stack, &["status"]),
    }
}

/// The job that applies migrations.
fn squall_migrate(world: &World, stack: &StackOptions, arguments: &[&str]) -> Result<()> {
    world.run(stack::job(world, stack, &job("squall-migrate", arguments, vec![]))?, NEXT)
}

/// The tool that writes and checks migrations.
fn squall_schema(world: &World, arguments: &[&str], environment: Environment) -> Result<()> {
    world.run(native::job(world, &job("squall-schema", arguments, environment), None)?, NEXT)
}

/// The same on a server of its own, which lives as long as the command.
fn on_scratch(world: &World, arguments: &[&str]) -> Result<()> {
    let server = Scratch::start(world)?;
    squall_schema(world, arguments, server.environment())
}

type Environment = Vec<(&'static str, OsString)>;

fn job(program: &'static str, arguments: &[&str], environment: Environment) -> Job {
    let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
    Job { program, arguments, environment, needs_database: true }
}
