//! `typecheck`: whether the code compiles, without building it.

use crate::{
    build::{self, Part},
    world::World,
};
use anyhow::Result;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Part to check [default: both].
    part: Option<Part>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    if Part::Rust.is_wanted(arguments.part) {
        let shell = world.shell()?;
        let check = cmd!(shell, "cargo check --locked --workspace --all-targets");
        world.run(check, "fix what the compiler names above")?;
    }
    if Part::Web.is_wanted(arguments.part) {
        let next = "fix what the compiler names above; after a change of the API run `cargo xtask generated openapi`";
        build::npm_run(world, "typecheck", &[], next)?;
    }
    Ok(())
}
