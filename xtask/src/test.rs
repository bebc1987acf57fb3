//! `test`: the tests, each with what it needs: a fresh PostgreSQL, npm packages, a stack and a browser.

mod containers;

use crate::{
    build::{self, Binaries},
    doctor,
    postgres::scratch::Scratch,
    stack::{Isolated, Stack, native::Options, state::StateFolder},
    world::World,
};
use anyhow::Result;
use clap::ValueEnum;
use std::fs;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One suite; all of them without it.
    suite: Option<Suite>,
    /// Goes to cargo test, Vitest or Playwright as it is.
    #[arg(last = true, requires = "suite")]
    arguments: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The Rust workspace, against a private PostgreSQL.
    Rust,
    /// xtask itself.
    Xtask,
    /// The components of the web app.
    Web,
    /// The whole stack, in Chromium.
    Browser,
    /// The stack in containers: the same in Chromium through the edge, then a restart, then down and up again with its data.
    Containers,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let suites = match arguments.suite {
        Some(suite) => vec![suite],
        // Containers need an engine and minutes; who means them names them.
        None => Suite::value_variants().iter().copied().filter(|suite| *suite != Suite::Containers).collect(),
    };
    for suite in suites {
        match suite {
            Suite::Rust => rust(world, &arguments.arguments)?,
            Suite::Xtask => xtask(world, &arguments.arguments)?,
            Suite::Web => web(world, &arguments.arguments)?,
            Suite::Browser => browser(world, &arguments.arguments)?,
            Suite::Containers => containers::run(world, &arguments.arguments)?,
        }
    }
    Ok(())
}

const NEXT: &str = "mend what the tests above name; `cargo xtask test SUITE -- NAME` runs one alone";

fn rust(world: &World, arguments: &[String]) -> Result<()> {
    // The binaries too: acceptance tests run them.
    build::binaries(world, Binaries::Tested)?;
    let server = Scratch::start(world)?;
    let shell = world.shell()?;
    // Cargo would run everything if both were given.
    let chosen = arguments.iter().any(|word| word == "-p" || word.starts_with("--package"));
    let workspace = (!chosen).then_some("--workspace");
    let cargo = cmd!(shell, "cargo test {workspace...} --no-fail-fast {arguments...}");
    world.run(cargo.envs(server.environment()), NEXT)
}

fn xtask(world: &World, arguments: &[String]) -> Result<()> {
    let shell = world.shell()?;
    world.run(cmd!(shell, "cargo test --manifest-path xtask/Cargo.toml {arguments...}"), NEXT)
}

fn web(world: &World, arguments: &[String]) -> Result<()> {
    build::node_modules(world, &|line| eprintln!("{line}"))?;
    let shell = world.web_shell()?;
    world.run(cmd!(shell, "npm run --silent test -- {arguments...}"), NEXT)
}

/// A stack of its own, fresh and on free ports, as a person meets it on the first run.
fn browser(world: &World, arguments: &[String]) -> Result<()> {
    let chromium = doctor::chromium(world, &|line| eprintln!("{line}"))?;
    let options =
        Options { demo: false, dev: false, binaries: Binaries::Tested, isolated: true, durable: false };
    let folder = StateFolder(world.build_folder().join("squall-browser"));
    let watched = folder.0.join("watched");
    let _ = fs::remove_dir_all(&watched);
    let stack = Isolated::start(world, &folder, &options)?;
    fs::create_dir_all(&watched)?;
    let shell = world.web_shell()?;
    let npm = cmd!(shell, "npm run --silent test:browser -- {arguments...}")
        .env("CHROMIUM_PATH", chromium)
        .env("SQUALL_URL", &stack.plan.url)
        .env("SQUALL_SETUP_URL", stack.setup_link()?.unwrap_or_default())
        .env("SQUALL_WATCH_DIR", &watched);
    world.run(npm, &format!("{NEXT}; the stack's logs are in {}", stack.folder.logs().display()))
}
