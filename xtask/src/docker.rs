//! `docker`: build, probe and check the images. How an image is made is in infra/docker.

pub mod engine;
pub mod images;
pub mod dockerfile;
pub mod context;
pub mod build;
pub mod probe;
pub mod validate;

use crate::world::World;
use anyhow::Result;
use clap::Subcommand;
use std::process::Command;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Build the images and compare their sizes with the budgets
    #[command(
        after_help = "Examples:\n  cargo xtask docker build\n  cargo xtask docker build api worker --tag 1.4.0"
    )]
    Build(build::Arguments),
    /// Start each built image as production does and inspect its layers
    #[command(after_help = "Example:\n  cargo xtask docker probe api edge")]
    Probe(probe::Arguments),
    /// Make local replacements of the public base images, where no registry is reachable
    #[command(after_help = "Example:\n  cargo xtask docker base-images --force")]
    BaseImages {
        /// Replace the replacements that exist.
        #[arg(long)]
        force: bool,
    },
    /// Check Dockerfiles, Compose files and the build context; needs no engine
    #[command(
        after_help = "Examples:\n  cargo xtask docker validate\n  cargo xtask docker validate infra/docker/rust.Dockerfile"
    )]
    Validate(validate::Arguments),
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Build(arguments) => build::run(world, arguments),
        Action::Probe(arguments) => probe::run(world, arguments),
        Action::BaseImages { force } => {
            let mut script = Command::new(world.root.join(".ci/base-images"));
            script.args(force.then_some("--force"));
            world.run(script, "fix the cause above, then run the command again")
        }
        Action::Validate(arguments) => validate::run(world, arguments),
    }
}
