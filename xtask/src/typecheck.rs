//! `typecheck`: whether the code compiles, without building it.

use crate::{build, world::World};
use anyhow::Result;
use clap::ValueEnum;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Part to check [default: both].
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Rust,
    Web,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let wanted = |part| arguments.part.is_none_or(|only| only == part);
    if wanted(Part::Rust) {
        let shell = world.shell()?;
        let check = cmd!(shell, "cargo check --locked --workspace --all-targets");
        world.run(check, "fix what the compiler names above")?;
    }
    if wanted(Part::Web) {
        build::node_modules(world, &|line| eprintln!("{line}"))?;
        let shell = world.web_shell()?;
        world.run(
            cmd!(shell, "npm run --silent typecheck"),
            "fix what the compiler names above; after a change of the API run `cargo xtask openapi`",
        )?;
    }
    Ok(())
}
