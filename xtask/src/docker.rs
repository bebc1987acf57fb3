//! `docker`: images, and what they are built on.
//!
//! xtask knows which images there are ([`images`]) and drives the `docker` client ([`engine`]); how an image is made stands in
//! infra/docker, how a stand-in for a public image is made in infra/base-images.

pub mod engine;
pub mod images;
pub mod context;
pub mod build;
pub mod base_images;
pub mod dynamic;
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
    /// Builds the images with BuildKit, and compares their sizes with the budgets.
    #[command(
        after_help = "Examples:\n  cargo xtask docker build\n  cargo xtask docker build api worker --tag 1.4.0"
    )]
    Build(build::Arguments),
    /// Looks into the built images and runs each as production does: size, layers, secrets, user, start, health, answer, stop.
    #[command(after_help = "Example:\n  cargo xtask docker probe api edge")]
    Probe(dynamic::Arguments),
    /// Makes stand-ins of the public base images from Debian packages, where no registry can be reached. Needs root.
    #[command(after_help = "Example:\n  cargo xtask docker base-images")]
    BaseImages(base_images::Arguments),
    /// Checks Dockerfiles, Compose files and the build context as one whole; needs no engine.
    #[command(
        after_help = "Examples:\n  cargo xtask docker validate\n  cargo xtask docker validate infra/docker/rust.Dockerfile\n  cargo xtask docker validate --sarif > docker.sarif"
    )]
    Validate(validate::Arguments),
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Build(arguments) => build::run(world, arguments),
        Action::Probe(arguments) => dynamic::run(arguments),
        Action::BaseImages(arguments) => base_images::run(world, arguments),
        Action::Validate(arguments) => validate::run(world, arguments),
    }
}
