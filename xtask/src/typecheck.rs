//! `typecheck`: whether it compiles, without compiling it all.

use crate::{build, lint::Part, world::World};
use anyhow::Result;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One part; both without it.
    part: Option<Part>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let wanted = |part| arguments.part.is_none_or(|only| only == part);
    if wanted(Part::Rust) {
        let shell = world.shell()?;
        world.run(
            cmd!(shell, "cargo check --workspace --all-targets"),
            "mend what the compiler names above",
        )?;
    }
    if wanted(Part::Web) {
        build::node_modules(world, &|line| eprintln!("{line}"))?;
        let shell = world.web_shell()?;
        world.run(
            cmd!(shell, "npm run --silent typecheck"),
            "mend what the compiler names above; after a change of the API run `cargo xtask openapi`",
        )?;
    }
    Ok(())
}
