//! `generated`: everything that is committed and made from something else.

use crate::{openapi, queries, test, workflows, world::World};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Change nothing, and fail if something would change.
    #[arg(long)]
    check: bool,
}

/// Each part in the order in which one needs another: queries let the api compile, the api
/// describes itself, and the tests compare their snapshots and the tables of the docs.
pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let check = arguments.check;
    queries::run(world, &queries::Arguments { check })?;
    openapi::run(world, &openapi::Arguments { check })?;
    workflows::run(world, &workflows::Arguments { check })?;
    test::snapshots(world, check)
}
