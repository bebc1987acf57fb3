//! Provide every image of the stack before anything starts: Squall's own are built when their
//! sources changed, the others are pulled when they are missing.

use super::{ComposeStack, services::ComposeService};
use crate::{
    docker::{
        build,
        images::{self, Image, Naming},
    },
    failure::OrFail,
};
use anyhow::Result;

const NEXT_BASE: &str = "connect this machine to the registry, or run `sudo .ci/base-images` once, which makes \
                         stand-ins from Debian's packages; `cargo xtask up --native` needs no images";
const NEXT_OWN: &str = "check that SQUALL_IMAGES and SQUALL_VERSION name published images, or unset SQUALL_VERSION to \
                        build the images here";

pub fn provide(stack: &ComposeStack) -> Result<()> {
    let is_built = |service: &&ComposeService| service.target.is_some() && is_built_here(stack);
    let (built, pulled): (Vec<_>, Vec<_>) = stack.record.services.iter().partition(is_built);
    for service in pulled {
        pull(stack, &service.image, if service.target.is_some() { NEXT_OWN } else { NEXT_BASE })?;
    }
    let own: Vec<_> = built.iter().filter_map(|service| images::named(service.target.as_deref()?)).collect();
    build(stack, &own)
}

/// The same for a job that is not a service of the stack.
pub fn provide_for_job(stack: &ComposeStack, name: &str) -> Result<()> {
    let image = images::named(name).filter(|_| is_built_here(stack));
    build(stack, image.as_slice())
}

/// Naming a version means images that were built elsewhere.
fn is_built_here(stack: &ComposeStack) -> bool {
    stack.variables.get("SQUALL_VERSION").is_none()
}

fn build(stack: &ComposeStack, images: &[Image]) -> Result<()> {
    let naming = Naming::of(|name| stack.variables.get(name).map(str::to_owned));
    let stale = build::stale(stack.world, &stack.engine, images, &naming)?;
    for base in build::bases(stack.world, &stale)? {
        pull(stack, &base, NEXT_BASE)?;
    }
    build::images(stack.world, &stack.engine, &stale, &naming)
}

/// Pull an image that is not there.
fn pull(stack: &ComposeStack, image: &str, next: &str) -> Result<()> {
    if stack.engine.has_image(image) {
        return Ok(());
    }
    eprintln!("pulling {image}");
    let pulled = stack.engine.ask(&["pull", "--quiet", image]);
    pulled.map(drop).or_fail(format!("pulling the image {image}"), next)
}
