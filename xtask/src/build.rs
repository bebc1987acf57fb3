//! Builds what the stack runs: the programs with cargo, the web app with npm.

mod cargo;

use crate::{
    files,
    postgres::{self, Postgres},
    tools::require,
    world::{self, Profile, World, say},
};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::{fs, path::PathBuf, thread};
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Part to build [default: both]
    part: Option<Part>,
    /// Optimize the programs, as `up` does.
    #[arg(long)]
    release: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Rust,
    Web,
}

impl Part {
    pub fn is_wanted(self, only: Option<Self>) -> bool {
        only.is_none_or(|only| only == self)
    }
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    if Part::Rust.is_wanted(arguments.part) {
        binaries(world, if arguments.release { Binaries::Release } else { Binaries::Tested })?;
    }
    if Part::Web.is_wanted(arguments.part) {
        web(world)?;
    }
    Ok(())
}

/// The packages of the programs that the stack runs.
///
/// `up` names them rather than the workspace. Otherwise their dependencies would get the features
/// that other programs need, such as the TLS of the backup's S3 client, and the first `up` would
/// take twice as long.
pub const STACK: [&str; 4] = ["squall-migrations", "squall-api", "squall-worker", "squall-demo"];

/// The programs that are measured.
const MEASURED: [&str; 7] = [
    "squall-migrate",
    "squall-api",
    "squall-worker",
    "squall-demo",
    "squall-bench",
    "squall-backup",
    "squall-schema",
];

/// Generated folders of web/.
const GENERATED: [&str; 4] = ["node_modules", "dist", "test-results", "playwright-report"];

/// Which programs are built, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binaries {
    /// The stack, as `up` runs it.
    Release,
    /// The stack and the benchmarks, fully optimised.
    Benchmarks,
    /// Another program for real data, which shares its dependencies with the stack.
    ReleaseOne(&'static str),
    /// The stack for `up --dev`: quick to rebuild.
    Dev,
    /// The workspace with its tests.
    Tested,
    /// One program for development.
    One(&'static str),
}

impl Binaries {
    pub fn profile(self) -> Profile {
        match self {
            Self::Release | Self::ReleaseOne(_) => Profile::Up,
            Self::Benchmarks => Profile::Release,
            Self::Dev | Self::Tested | Self::One(_) => Profile::Debug,
        }
    }
}

/// Builds the programs. Cargo does nothing if they are fresh.
///
/// All debug builds name the workspace, so that tests and programs share their dependencies.
pub fn binaries(world: &World, which: Binaries) -> Result<()> {
    let each = |flag, names: &[&'static str]| names.iter().flat_map(|name| [flag, *name]).collect();
    let workspace = vec!["--workspace"];
    let up = vec!["--bins", "--profile", "up"];
    let which = match which {
        // A step of `ci` comes after the one that builds all of them; cargo would choose other
        // features for one program, and compile for half a minute.
        Binaries::One(_) if world::is_step() => Binaries::Tested,
        which => which,
    };
    let (packages, options) = match which {
        Binaries::Release => (each("--package", &STACK), up),
        Binaries::ReleaseOne(package) => (vec!["--package", package], up),
        Binaries::Benchmarks => (workspace, [vec!["--release"], each("--bin", &MEASURED)].concat()),
        Binaries::Dev => (workspace, vec!["--bins"]),
        Binaries::Tested => (workspace, vec!["--all-targets"]),
        Binaries::One(program) => (workspace, vec!["--bin", program]),
    };
    cargo::build(world, &packages, &options)
}

/// Builds the programs and the web app and fetches PostgreSQL, side by side. Returns the folder of the web app.
pub fn stack(world: &World, which: Binaries) -> Result<PathBuf> {
    thread::scope(|scope| {
        let web = scope.spawn(|| web(world));
        if postgres::given_url().is_none() {
            // A failure is reported when the server is started.
            scope.spawn(|| Postgres::provide(world));
        }
        let built = binaries(world, which);
        let web = web.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        built.and(web)
    })
}

/// Runs a script of web/package.json, with the npm packages it needs.
pub fn npm_run(world: &World, script: &str, arguments: &[String], next: &str) -> Result<()> {
    node_modules(world)?;
    let shell = world.web_shell()?;
    world.run(cmd!(shell, "npm run --silent {script} -- {arguments...}"), next)
}

/// Installs the npm packages of web/package-lock.json, unless they are installed.
pub fn node_modules(world: &World) -> Result<()> {
    if node_modules_are_fresh(world)? {
        return Ok(());
    }
    let waiting = || say("another xtask is installing npm packages; waiting for it");
    let _lock = files::lock(&folder(world).join("npm.lock"), waiting)?;
    if node_modules_are_fresh(world)? {
        return Ok(());
    }
    let node = "install Node.js with npm (Debian: apt-get install nodejs npm), in the version that \
                xtask/tools.toml asks for";
    require("npm", &["--version"], node)?;
    say("installing npm packages");
    let shell = world.web_shell()?;
    // No package needs its install script, and a script may do anything.
    let npm = cmd!(shell, "npm ci --ignore-scripts --no-audit --no-fund --loglevel=error");
    world.capture(npm, "check the network and npm's registry or proxy, then run the command again")?;
    files::replace(&stamp_of_modules(world), &lock_stamp(world)?)
}

/// Whether web/node_modules matches the lock file.
pub fn node_modules_are_fresh(world: &World) -> Result<bool> {
    Ok(files::read_if_there(&stamp_of_modules(world))? == Some(lock_stamp(world)?))
}

/// Builds web/dist unless nothing changed since the last time, and returns it.
pub fn web(world: &World) -> Result<PathBuf> {
    node_modules(world)?;
    let dist = world.web().join("dist");
    // Within `ci` another step has built it, and this one may not have its sources.
    if world::is_step() && dist.join("index.html").exists() {
        return Ok(dist);
    }
    let stamp_file = folder(world).join("web.stamp");
    let waiting = || say("another xtask is building the web app; waiting for it");
    let _lock = files::lock(&folder(world).join("web.lock"), waiting)?;
    let stamp = files::content_stamp(&world.root, &[world.web()], &GENERATED)?;
    if files::read_if_there(&stamp_file)?.as_ref() != Some(&stamp) || !dist.join("index.html").exists() {
        say("building the web app");
        let (shell, next) = (world.web_shell()?, "fix the errors above, then run the command again");
        world.capture(cmd!(shell, "npm run --silent build"), next)?;
        files::replace(&stamp_file, &stamp)?;
    }
    Ok(dist)
}

/// Identifies a build of a program: a running service with another one is outdated.
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
    let files = ["package.json", "package-lock.json", ".npmrc"].map(|name| web.join(name));
    files::content_stamp(&world.root, &files, &[])
}
