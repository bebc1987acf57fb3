//! Sees that every image of the stack is there before anything starts: ours are built when their sources changed, the others
//! pulled when they lack.

use super::stack::ComposeStack;
use crate::{
    docker::{
        build,
        engine::Engine,
        images::{self, Image, Naming},
    },
    failure::{Failure, OrFail},
    world::World,
};
use anyhow::Result;
use std::collections::BTreeSet;

pub fn provide(world: &World, engine: &Engine, stack: &ComposeStack) -> Result<()> {
    let built_here = stack.is_built_here();
    let ours: Vec<Image> = stack
        .services
        .iter()
        .filter_map(|service| images::named(service.target.as_deref()?))
        .filter(|_| built_here)
        .collect();
    let foreign: BTreeSet<_> = stack
        .services
        .iter()
        .filter(|service| service.target.is_none() || !built_here)
        .map(|service| service.image.as_str())
        .collect();
    let images_of_ours: BTreeSet<_> = stack
        .services
        .iter()
        .filter(|service| service.target.is_some())
        .map(|service| service.image.as_str())
        .collect();
    for image in foreign {
        let next = if images_of_ours.contains(image) { NEXT_OURS } else { NEXT_BASE };
        pull(world, engine, image, next)?;
    }
    let naming = stack.naming();
    build(world, engine, &build::stale(world, engine, &ours, &naming)?, &naming)
}

/// The same for a job that the stack itself does not run.
pub fn provide_for_job(world: &World, engine: &Engine, stack: &ComposeStack, name: &str) -> Result<()> {
    let image = images::named(name).filter(|_| stack.is_built_here());
    let naming = stack.naming();
    let stale = build::stale(world, engine, &image.into_iter().collect::<Vec<_>>(), &naming)?;
    build(world, engine, &stale, &naming)
}

fn build(world: &World, engine: &Engine, stale: &[Image], naming: &Naming) -> Result<()> {
    for base in build::bases(world, stale)? {
        pull(world, engine, &base, NEXT_BASE)?;
    }
    build::images(world, engine, stale, naming)
}

const NEXT_BASE: &str = "connect this machine to the registry, or run `sudo .ci/base-images` once, which makes \
                         stand-ins from Debian's packages; `cargo xtask up --native` runs the same services without containers";
const NEXT_OURS: &str = "check that SQUALL_IMAGES and SQUALL_VERSION name images that were published, or leave SQUALL_VERSION out: \
                         the images are then built here";

/// Fetches an image that is not there.
fn pull(world: &World, engine: &Engine, image: &str, next: &str) -> Result<()> {
    if engine.has_image(image) {
        return Ok(());
    }
    eprintln!("pulling {image}");
    world
        .capture(engine.docker(["pull", "--quiet", image]), next)
        .map(drop)
        .map_err(|error| {
            let said = Failure::from_error(error, "").wrong().to_owned();
            let said = said.lines().last().unwrap_or_default().to_owned();
            anyhow::anyhow!("it is not on this machine, and the registry did not hand it out: {said}")
        })
        .or_fail(format!("fetching the image {image}"), next)
}
