//! `lint`: what compilers accept and we do not.

mod words;

use crate::{build, tools, world::World};
use anyhow::Result;
use clap::ValueEnum;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Part to lint [default: all except advisories].
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Clippy; a warning is a failure.
    Rust,
    /// Links in doc comments.
    Rustdoc,
    /// The web app.
    Web,
    /// Spelling, and the banned words of .config/words.toml.
    Words,
    /// Licences, sources and duplicates of the crates, as deny.toml allows them.
    Dependencies,
    /// Known vulnerabilities of the crates; needs the network.
    Advisories,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    use Part::{Advisories, Dependencies, Rust, Rustdoc, Web, Words};
    for part in arguments.part.map_or(vec![Words, Dependencies, Rust, Rustdoc, Web], |part| vec![part]) {
        match part {
            Rust => rust(world)?,
            Rustdoc => rustdoc(world)?,
            Web => build::npm_run(world, "lint", &[], "fix what is named above")?,
            Words => words::run(world)?,
            Dependencies => deny(world, &["bans", "licenses", "sources"])?,
            Advisories => deny(world, &["advisories"])?,
        }
    }
    Ok(())
}

const MANIFESTS: [&str; 2] = ["Cargo.toml", "xtask/Cargo.toml"];

fn rust(world: &World) -> Result<()> {
    tools::require("cargo", &["clippy", "--version"], "run `rustup component add clippy`")?;
    let shell = world.shell()?;
    for manifest in MANIFESTS {
        // Not in RUSTFLAGS: with `-D warnings` there, cargo would compile all dependencies again.
        let flags = ["--locked", "--workspace", "--all-targets", "--manifest-path", manifest];
        let clippy = cmd!(shell, "cargo clippy {flags...} -- -D warnings");
        world.run(clippy, "fix what clippy names above; `cargo clippy --fix` fixes some of it")?;
    }
    Ok(())
}

fn rustdoc(world: &World) -> Result<()> {
    let shell = world.shell()?;
    let _deny = shell.push_env("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links");
    for manifest in MANIFESTS {
        let flags = ["--locked", "--workspace", "--no-deps", "--document-private-items", "--quiet"];
        let doc = cmd!(shell, "cargo doc {flags...} --manifest-path {manifest}");
        world.run(doc, "fix the links named above")?;
    }
    Ok(())
}

fn deny(world: &World, checks: &[&str]) -> Result<()> {
    let (shell, deny) = (world.shell()?, tools::program(world, "cargo-deny")?);
    for manifest in MANIFESTS {
        let graph = ["--locked", "--manifest-path", manifest, "--config", "deny.toml"];
        // One list serves two lock files: what only one of them has is not a mistake.
        let quiet = ["--hide-inclusion-graph", "-A", "unmatched-skip", "-A", "unmatched-skip-root"];
        let check = cmd!(shell, "{deny} {graph...} check {quiet...} {checks...}");
        world.run(check, "replace the crate, or allow it in deny.toml with a reason")?;
    }
    Ok(())
}
