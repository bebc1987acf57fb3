//! Makes what the stack runs: the binaries with cargo, the web app with npm. Nothing is made twice.

use crate::{
    failure::{Exit, Failure},
    files,
    tools::version_of,
    world::{Profile, World, installed_programs},
};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::{fs, path::PathBuf};
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One part; both without it.
    part: Option<Part>,
    /// Optimises the binaries, as `up` does.
    #[arg(long)]
    release: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Rust,
    Web,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let wanted = |part| arguments.part.is_none_or(|only| only == part);
    if wanted(Part::Rust) {
        binaries(world, if arguments.release { Binaries::Release } else { Binaries::Tested })?;
    }
    if wanted(Part::Web) {
        web(world, &|line| eprintln!("{line}"))?;
    }
    Ok(())
}

/// What the stack runs.
pub const STACK: [&str; 4] = ["squall-migrate", "squall-api", "squall-worker", "squall-demo"];

/// What the benchmarks run beside it; nobody waits for it to start the stack.
const MEASURED: [&str; 2] = ["squall-bench", "squall-backup"];

/// Folders of web/ that are made from the others.
const MADE: [&str; 4] = ["node_modules", "dist", "test-results", "playwright-report"];

/// Which binaries are built, and how.
///
/// Each names the whole workspace: with another choice of packages, shared dependencies could have other features
/// and would be compiled once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binaries {
    /// What people run.
    Release,
    /// What benchmarks measure: the stack and what is measured without it.
    Benchmarks,
    /// One of the optimised ones, for work on real data.
    ReleaseOne(&'static str),
    /// What `up --dev` runs: quick to build again.
    Dev,
    /// What `ci` builds once and then tests, tests included.
    Tested,
    /// One that must not wait for the others to compile.
    One(&'static str),
}

impl Binaries {
    pub fn profile(self) -> Profile {
        match self {
            Self::Release | Self::Benchmarks | Self::ReleaseOne(_) => Profile::Release,
            Self::Dev | Self::Tested | Self::One(_) => Profile::Debug,
        }
    }
}

/// Builds the binaries; cargo shows its progress and does nothing when they are fresh.
pub fn binaries(world: &World, which: Binaries) -> Result<()> {
    if installed_programs().is_some() {
        return Ok(());
    }
    let shell = world.shell()?;
    let cargo = match which {
        Binaries::Tested => cmd!(shell, "cargo build --workspace --all-targets"),
        Binaries::One(binary) => cmd!(shell, "cargo build --workspace --bin {binary}"),
        Binaries::Dev => cmd!(shell, "cargo build --workspace --bins"),
        Binaries::ReleaseOne(binary) => cmd!(shell, "cargo build --workspace --release --bin {binary}"),
        Binaries::Release | Binaries::Benchmarks => {
            let measured = MEASURED.iter().filter(|_| which == Binaries::Benchmarks);
            let bins = STACK.iter().chain(measured).flat_map(|binary| ["--bin", binary]);
            cmd!(shell, "cargo build --workspace --release {bins...}")
        }
    };
    world.run(cargo, "mend what the compiler names above, then run the command again")
}

/// Installs the npm packages of web/package-lock.json unless they are there.
pub fn node_modules(world: &World, say: &dyn Fn(&str)) -> Result<()> {
    if node_modules_are_fresh(world)? {
        return Ok(());
    }
    let _lock = files::lock(&folder(world).join("npm.lock"), || {
        say("another xtask is installing npm packages; waiting for it");
    })?;
    if node_modules_are_fresh(world)? {
        return Ok(());
    }
    if version_of("npm", &["--version"]).is_none() {
        let next = "install Node.js with npm (Debian: apt-get install nodejs npm), in the version that xtask/tools.toml asks for";
        let failure =
            Failure::new("installing the npm packages of web/", "npm does not run on this machine", next);
        return Err(failure.exit(Exit::ToolMissing).into());
    }
    say("fetching npm packages, pinned in web/package-lock.json");
    let shell = world.web_shell()?;
    // The browser is provided by `doctor`, not by an install script.
    let npm = cmd!(shell, "npm ci --no-audit --no-fund --loglevel=error")
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    world.run(npm, "check the network and npm's registry or proxy, then run the command again")?;
    files::replace(&stamp_of_modules(world), &lock_stamp(world)?)
}

/// Whether web/node_modules is what the lock file asks for.
pub fn node_modules_are_fresh(world: &World) -> Result<bool> {
    Ok(files::read_if_there(&stamp_of_modules(world))? == Some(lock_stamp(world)?))
}

/// Builds web/dist unless nothing changed since the last time, and returns it.
pub fn web(world: &World, say: &dyn Fn(&str)) -> Result<PathBuf> {
    node_modules(world, say)?;
    let dist = world.web().join("dist");
    let stamp_file = folder(world).join("web.stamp");
    let _lock = files::lock(&folder(world).join("web.lock"), || {
        say("another xtask is building the web app; waiting for it");
    })?;
    let stamp = files::content_stamp(&[world.web()], &MADE)?;
    if files::read_if_there(&stamp_file)?.as_ref() == Some(&stamp) && dist.join("index.html").exists() {
        return Ok(dist);
    }
    say("building the web app");
    let shell = world.web_shell()?;
    world.run(
        cmd!(shell, "npm run --silent build"),
        "mend what the build names above, then run the command again",
    )?;
    files::replace(&stamp_file, &stamp)?;
    Ok(dist)
}

/// The newest change of a binary, by which a running service knows that it is old.
pub fn mark(program: &std::path::Path) -> Result<String> {
    let metadata = fs::metadata(program).with_context(|| format!("looking for {}", program.display()))?;
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    Ok(format!("{modified}-{}", metadata.len()))
}

fn folder(world: &World) -> PathBuf {
    world.build_folder().join("squall-build")
}

fn stamp_of_modules(world: &World) -> PathBuf {
    world.web().join("node_modules/.squall-stamp")
}

fn lock_stamp(world: &World) -> Result<String> {
    let web = world.web();
    files::content_stamp(&[web.join("package.json"), web.join("package-lock.json"), web.join(".npmrc")], &[])
}
