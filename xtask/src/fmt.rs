//! `fmt`: format all code.

use crate::{build, tools::require, world::World};
use anyhow::Result;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Change nothing, and fail if something would change.
    #[arg(long)]
    check: bool,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let next = "run `cargo xtask fmt`, which formats everything";
    require("cargo", &["fmt", "--version"], "run `rustup component add rustfmt`")?;
    let shell = world.shell()?;
    let check = arguments.check.then_some("--check");
    for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
        world.run(cmd!(shell, "cargo fmt --all --manifest-path {manifest} {check...}"), next)?;
    }
    build::npm_run(world, if arguments.check { "fmt:check" } else { "fmt" }, &[], next)
}
