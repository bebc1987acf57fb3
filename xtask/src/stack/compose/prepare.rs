//! What comes before a start: every image is there, and a running database is migrated.

use super::{ComposeStack, explain, record::ComposeService, services};
use crate::{
    docker::{
        build,
        images::{self, Image, Naming},
    },
    failure::{Exit, Failure, OrFail},
    process::stop_signal,
    stack::state::Phase,
};
use anyhow::{Context, Result};
use std::{collections::BTreeSet, sync::atomic::Ordering};

const NEXT_BASE: &str = "connect this machine to the registry, or run `sudo .ci/base-images` once, which builds \
                         replacements from Debian packages; `cargo xtask up --native` needs no images";
const NEXT_OWN: &str = "check that SQUALL_IMAGES and SQUALL_VERSION name published images, or unset SQUALL_VERSION to \
                        build the images here";

/// Provide every image of the stack: Squall's own are built when their sources changed, the others
/// are pulled when they are missing.
pub fn provide_images(stack: &ComposeStack) -> Result<()> {
    let is_built = |service: &&ComposeService| service.target.is_some() && is_built_here(stack);
    let (built, pulled): (Vec<_>, Vec<_>) = stack.record.services.iter().partition(is_built);
    for service in pulled {
        pull(stack, &service.image, if service.target.is_some() { NEXT_OWN } else { NEXT_BASE })?;
    }
    // Two services may share an image.
    let targets: BTreeSet<_> = built.iter().filter_map(|service| service.target.as_deref()).collect();
    build(stack, &targets.into_iter().filter_map(images::named).collect::<Vec<_>>())
}

/// The same for a job, which may not be a service of the stack.
pub fn provide_image(stack: &ComposeStack, name: &str) -> Result<()> {
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

/// The service that migrates the database.
pub const MIGRATE: &str = "migrate";

/// Migrate the database of a running stack with the new image before anything is replaced.
///
/// Compose removes the containers whose image changed before it starts `migrate`: a migration that
/// fails would leave a stack without its processes. The old ones work on the new schema for one
/// release, so they keep running.
pub fn migrate(stack: &ComposeStack) -> Result<()> {
    if !is_due(stack)? {
        return Ok(());
    }
    eprintln!("migrating the database; running services are replaced afterwards");
    let stop = stop_signal()?;
    let run = ["run", "--rm", "--no-TTY", "--no-deps", MIGRATE];
    let output = stack.compose(&run)?.output().context("starting Compose")?;
    if output.status.success() {
        return Ok(());
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::silent(Exit::Interrupted).into());
    }
    let printed = [output.stdout, output.stderr].concat();
    Err(explain::migration(&String::from_utf8_lossy(&printed)).into())
}

/// Whether the database answers, and was last migrated by another image.
fn is_due(stack: &ComposeStack) -> Result<bool> {
    let containers = services::containers(&stack.engine, &stack.record)?;
    let of = |name: &str| containers.iter().find(|container| container.service() == name);
    let Some(job) = stack.record.service(MIGRATE) else { return Ok(false) };
    if of("postgres").is_none_or(|database| database.status(false).phase != Phase::Healthy) {
        return Ok(false);
    }
    let image =
        stack.engine.ask(&["image", "inspect", "--format", "{{.Id}}", &job.image]).unwrap_or_default();
    Ok(of(MIGRATE).is_none_or(|before| before.image() != image.trim()))
}
