//! `lint`: what the compilers do not refuse and we do.

use crate::{build, world::World};
use anyhow::Result;
use clap::ValueEnum;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One part; both without it.
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Rust,
    Web,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let wanted = |part| arguments.part.is_none_or(|only| only == part);
    if wanted(Part::Rust) {
        rust(world)?;
    }
    if wanted(Part::Web) {
        build::node_modules(world, &|line| eprintln!("{line}"))?;
        let shell = world.web_shell()?;
        world.run(cmd!(shell, "npm run --silent lint"), "mend what the lints above name")?;
    }
    Ok(())
}

fn rust(world: &World) -> Result<()> {
    let shell = world.shell()?;
    for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
        // Not in RUSTFLAGS: there `-D warnings` would make cargo compile all dependencies anew.
        let clippy =
            cmd!(shell, "cargo clippy --manifest-path {manifest} --workspace --all-targets -- -D warnings");
        world.run(clippy, "mend what clippy names above; `cargo clippy --fix` mends some of it")?;
    }
    Ok(())
}
