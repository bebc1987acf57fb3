//! `migrate`: runs `squall-migrate`, which knows the schema; xtask only knows which database is meant.

use crate::{
    build::{self, Binaries},
    failure::Failure,
    postgres::{given_url, scratch::Scratch},
    up::{Place, service::Plan},
    world::{Profile, World},
};
use anyhow::Result;
use clap::Subcommand;
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
    /// Replays all migrations on an empty database and compares the result with migrations/schema.sql.
    #[command(after_help = "Example:\n  cargo xtask migrate verify")]
    Verify,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    build::binaries(world, Binaries::One("squall-migrate"))?;
    match &arguments.action {
        Action::New { name } => squall_migrate(world, &["new", name], None),
        Action::Run(place) => squall_migrate(world, &["run"], Some(&database(world, place)?)),
        Action::Status { json: true, place } => {
            squall_migrate(world, &["status", "--json"], Some(&database(world, place)?))
        }
        Action::Status { json: false, place } => {
            squall_migrate(world, &["status"], Some(&database(world, place)?))
        }
        Action::Verify => squall_migrate(world, &["verify"], Some(&Scratch::start(world)?.url)),
    }
}

fn squall_migrate(world: &World, arguments: &[&str], database: Option<&str>) -> Result<()> {
    let (shell, program) = (world.shell()?, world.binary(Profile::Debug, "squall-migrate")?);
    let command = cmd!(shell, "{program} {arguments...}").envs(database.map(|url| ("DATABASE_URL", url)));
    world.run(command, "mend what the message above names, then run the command again")
}

/// The user's database, else that of the running stack.
fn database(world: &World, place: &Place) -> Result<String> {
    if let Some(url) = given_url() {
        return Ok(url);
    }
    let folder = place.folder(world)?;
    let plan = Plan::read(&folder.plan())?
        .filter(|_| folder.supervisor().is_ok_and(|supervisor| supervisor.is_some()));
    plan.map(|plan| plan.database_url).ok_or_else(|| {
        let next = "start the stack with `cargo xtask up --detach`, or set DATABASE_URL";
        Failure::new("finding the database to migrate", "no stack runs, and DATABASE_URL is not set", next)
            .into()
    })
}
