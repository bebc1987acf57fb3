//! `migrate`: chooses the database, then runs `squall-schema` (write and check migrations) or `squall-migrate` (the job).

use crate::{
    build::{self, Binaries},
    docker::engine::Engine,
    failure::Failure,
    postgres::{given_url, scratch::Scratch},
    up::{Place, compose::stack::ComposeStack, service::Plan},
    world::{Profile, World},
};
use anyhow::Result;
use clap::Subcommand;
use std::ffi::OsString;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes the next empty migration file.
    #[command(after_help = "Example:\n  cargo xtask migrate new add_issue_owner")]
    New {
        /// What it does, in snake case.
        name: String,
    },
    /// Writes the next migration: what leads from the migrations to migrations/schema.sql, proved on scratch databases.
    #[command(
        after_help = "Examples:\n  cargo xtask migrate generate add_issue_owner\n  cargo xtask migrate generate tidy --rename users.name=full_name --allow-loss users.nickname"
    )]
    Generate {
        /// What it does, in snake case.
        name: String,
        /// A rename that would look like a drop and an add: a table, type, `table.column` or `type.value`.
        #[arg(long = "rename", value_name = "OLD=NEW")]
        renames: Vec<String>,
        /// A table, `table.column`, `type.attribute` or sequence whose data may go.
        #[arg(long = "allow-loss", value_name = "NAME")]
        losses: Vec<String>,
        /// What rows that exist get in a column that must not be null.
        #[arg(long = "backfill", value_name = "COLUMN=EXPRESSION")]
        backfills: Vec<String>,
        /// Prints the migration instead of writing it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Finds what would lock, rewrite or break a live table.
    #[command(after_help = "Example:\n  cargo xtask migrate lint")]
    Lint,
    /// Applies what is missing to the running stack, or to the database that DATABASE_URL names.
    #[command(after_help = "Example:\n  cargo xtask migrate run")]
    Run(Place),
    /// Says which migrations are applied and which are missing.
    #[command(after_help = "Example:\n  cargo xtask migrate status --json")]
    Status {
        /// Prints JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Replays all migrations on an empty database, compares the result with migrations/schema.sql, and upgrades the last release's fixture.
    #[command(after_help = "Example:\n  cargo xtask migrate verify")]
    Verify,
    /// Keeps this version's queries as those of the last release: a step of each release.
    #[command(after_help = "Example:\n  cargo xtask migrate fixture")]
    Fixture,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    if let Action::Run(place) | Action::Status { place, .. } = &arguments.action
        && let Some(stack) = ComposeStack::load(&place.folder(world)?)?.filter(|_| given_url().is_none())
    {
        return in_containers(world, &stack, &arguments.action);
    }
    match &arguments.action {
        Action::New { name } => squall_schema(world, &["new", name], &[]),
        Action::Generate { name, renames, losses, backfills, dry_run } => {
            let mut words = vec!["generate", name];
            for (flag, values) in [("--rename", renames), ("--allow-loss", losses), ("--backfill", backfills)]
            {
                words.extend(values.iter().flat_map(|value| [flag, value]));
            }
            words.extend(dry_run.then_some("--dry-run"));
            squall_schema(world, &words, &Scratch::start(world)?.environment())
        }
        Action::Lint => squall_schema(world, &["lint"], &[]),
        Action::Fixture => squall_schema(world, &["fixture"], &Scratch::start(world)?.environment()),
        Action::Verify => squall_schema(world, &["verify"], &Scratch::start(world)?.environment()),
        Action::Run(place) => squall_migrate(world, &["run"], place),
        Action::Status { json: true, place } => squall_migrate(world, &["status", "--json"], place),
        Action::Status { json: false, place } => squall_migrate(world, &["status"], place),
    }
}

/// The stack's own job, with the words of this command.
fn in_containers(world: &World, stack: &ComposeStack, action: &Action) -> Result<()> {
    let engine = Engine::need("running the migration job in a container")?;
    let mut compose = stack.job(world, &engine, "migrate")?;
    compose.args(match action {
        Action::Status { json: true, .. } => ["status", "--json"].as_slice(),
        Action::Status { json: false, .. } => &["status"],
        _ => &["run"],
    });
    world.run(compose, "mend what the message above names, then run the command again")
}

/// The tool that writes and checks migrations.
fn squall_schema(world: &World, arguments: &[&str], environment: &[(&str, OsString)]) -> Result<()> {
    program(world, "squall-schema", arguments, environment)
}

/// The job that applies them.
fn squall_migrate(world: &World, arguments: &[&str], place: &Place) -> Result<()> {
    let url = database(world, place)?;
    program(world, "squall-migrate", arguments, &[("DATABASE_URL", url.into())])
}

fn program(
    world: &World,
    name: &'static str,
    arguments: &[&str],
    environment: &[(&str, OsString)],
) -> Result<()> {
    build::binaries(world, Binaries::One(name))?;
    let (shell, program) = (world.shell()?, world.binary(Profile::Debug, name)?);
    let command =
        cmd!(shell, "{program} {arguments...}").envs(environment.iter().map(|(name, value)| (name, value)));
    world.run(command, "fix the cause named above, then run the command again")
}

/// The user's database, else that of the running stack.
pub fn database(world: &World, place: &Place) -> Result<String> {
    if let Some(url) = given_url() {
        return Ok(url);
    }
    let folder = place.folder(world)?;
    let plan = Plan::read(&folder.plan())?
        .filter(|_| folder.supervisor().is_ok_and(|supervisor| supervisor.is_some()));
    plan.map(|plan| plan.database_url).ok_or_else(|| {
        let next = "start the stack with `cargo xtask up --detach`, or set DATABASE_URL";
        Failure::new("finding the database", "no stack runs, and DATABASE_URL is not set", next).into()
    })
}
