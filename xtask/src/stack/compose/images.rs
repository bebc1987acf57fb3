//! Provide every image of the stack before anything starts: Squall's own are built when their
//! sources changed, the others are pulled when they are missing.

use super::{ComposeStack, record::naming};
use crate::{
    docker::{
        build,
        images::{self, Image},
    },
    failure::OrFail,
};
use anyhow::Result;
use std::collections::BTreeMap;

const NEXT_BASE: &str = "connect this machine to the registry, or run `sudo .ci/base-images` once, which makes \
                         stand-ins from Debian's packages; `cargo xtask up --native` needs no images";
const NEXT_OWN: &str = "check that SQUALL_IMAGES and SQUALL_VERSION name published images, or unset SQUALL_VERSION to \
                        build the images here";

pub fn provide(stack: &ComposeStack) -> Result<()> {
    let is_own = |target: &Option<String>| target.as_deref().and_then(images::named);
    let built = if is_built_here(stack) { &stack.record.services[..] } else { &[] };
    let own: Vec<Image> = built.iter().filter_map(|service| is_own(&service.target)).collect();
    let pulled: BTreeMap<_, _> = stack
        .record
        .services
        .iter()
        .filter(|service| service.target.is_none() || !is_built_here(stack))
        .map(|service| (&service.image, if service.target.is_some() { NEXT_OWN } else { NEXT_BASE }))
        .collect();
    for (image, next) in pulled {
        pull(stack, image, next)?;
    }
    build(stack, &own)
}

/// The same for a job that is not a service of the stack.
pub fn provide_for_job(stack: &ComposeStack, name: &str) -> Result<()> {
    let image = images::named(name).filter(|_| is_built_here(stack));
    build(stack, &image.into_iter().collect::<Vec<_>>())
}

/// Naming a version means images that were built elsewhere.
fn is_built_here(stack: &ComposeStack) -> bool {
    stack.variables.get("SQUALL_VERSION").is_none()
}

fn build(stack: &ComposeStack, images: &[Image]) -> Result<()> {
    let (world, engine, naming) = (stack.world, &stack.engine, naming(&stack.variables));
    let stale = build::stale(world, engine, images, &naming)?;
    build::images(world, engine, &stale, &naming)
}

/// Pull an image that is not there.
fn pull(stack: &ComposeStack, image: &str, next: &str) -> Result<()> {
    if stack.engine.has_image(image) {
        return Ok(());
    }
    eprintln!("pulling {image}");
    stack
        .engine
        .ask(&["pull", "--quiet", image])
        .map(drop)
        .or_fail(format!("pulling the image {image}"), next)
}
