//! `docker`: images and what is around them.

pub mod validate;

use crate::world::World;
use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Checks Dockerfiles, Compose files and the build context as one whole; needs no engine.
    #[command(
        after_help = "Examples:\n  cargo xtask docker validate\n  cargo xtask docker validate infra/docker/rust.Dockerfile\n  cargo xtask docker validate --sarif > docker.sarif"
    )]
    Validate(validate::Arguments),
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Validate(arguments) => validate::run(world, arguments),
    }
}
