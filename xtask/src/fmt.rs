//! `fmt`: one look for all code.

use crate::{build, world::World};
use anyhow::Result;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Changes nothing, and fails if something would change.
    #[arg(long)]
    check: bool,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let next = "run `cargo xtask fmt`, which formats everything";
    let shell = world.shell()?;
    let check = arguments.check.then_some("--check");
    for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
        world.run(cmd!(shell, "cargo fmt --all --manifest-path {manifest} {check...}"), next)?;
    }
    build::node_modules(world, &|line| eprintln!("{line}"))?;
    let (shell, script) = (world.web_shell()?, if arguments.check { "fmt:check" } else { "fmt" });
    world.run(cmd!(shell, "npm run --silent {script}"), next)
}
