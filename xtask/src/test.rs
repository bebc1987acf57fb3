//! `test`: the tests, each with what it needs: PostgreSQL, npm packages, a stack and a browser.

mod containers;

use crate::{
    build::{self, Binaries},
    docker::engine::{NO_COMPOSE, has_compose},
    doctor,
    failure::SKIPPED,
    stack::{NativeStack, Scratch, Stack, native::Options, state::StateFolder},
    tools,
    world::World,
};
use anyhow::Result;
use clap::ValueEnum;
use squall_steps::Provision;
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Suite to run [default: all except slow and containers].
    suite: Option<Suite>,
    /// With rust or slow: the tests of one package.
    #[arg(long, requires = "suite", conflicts_with = "arguments")]
    package: Option<String>,
    /// Passed on to nextest, Vitest or Playwright.
    #[arg(last = true, requires = "suite")]
    arguments: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The Rust workspace, against a private PostgreSQL.
    Rust,
    /// The long proofs of the Rust workspace: random schemas, kill loops, point in time.
    Slow,
    /// xtask itself, and the scripts of .ci.
    Xtask,
    /// The components of the web app.
    Web,
    /// The whole stack, in Chromium.
    Browser,
    /// The stack in containers, in Chromium through the edge; then a restart, and down and up.
    Containers,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let usual = vec![Suite::Rust, Suite::Xtask, Suite::Web, Suite::Browser];
    // A filter rather than cargo's `--package`, by which shared dependencies get other features.
    let of_package = |filter: &str| match &arguments.package {
        Some(package) => format!("({filter}) and package(={package})"),
        None => filter.to_owned(),
    };
    for suite in arguments.suite.map_or(usual, |suite| vec![suite]) {
        match suite {
            Suite::Rust => rust(world, &of_package(&format!("not ({SLOW})")), &arguments.arguments)?,
            Suite::Slow => rust(world, &of_package(SLOW), &arguments.arguments)?,
            Suite::Xtask => xtask(world, &arguments.arguments)?,
            Suite::Web => build::npm_run(world, "test", &arguments.arguments, NEXT)?,
            Suite::Browser => browser(world, &arguments.arguments)?,
            Suite::Containers => containers::run(world, &arguments.arguments)?,
        }
    }
    Ok(())
}

const NEXT: &str = "fix the tests named above; `cargo xtask test SUITE -- NAME` runs one alone";

/// Tests are chosen by the name of their module: `slow` ones take minutes.
const SLOW: &str = "test(/(^|::)slow::/)";

/// A module of integration tests, whether they can run here, and why not.
type Need = (&'static str, bool, String);

fn needs(world: &World) -> [Need; 4] {
    let missing = |program, packages: &str| format!("{program} is missing; apt-get install {packages}");
    let server = |module, program, provision: Provision| {
        (module, doctor::is_installed(provision, world), missing(program, &provision.packages().join(" ")))
    };
    [
        server("nginx", "nginx", Provision::Nginx),
        server("redis", "redis-server", Provision::Redis),
        ("compose", has_compose(), NO_COMPOSE.into()),
        server("promtool", "promtool", Provision::Promtool),
    ]
}

fn rust(world: &World, suite: &str, arguments: &[String]) -> Result<()> {
    // The binaries too: acceptance tests run them.
    build::binaries(world, Binaries::Tested)?;
    let nextest = tools::program(world, "cargo-nextest")?;
    let mut filter = suite.to_owned();
    for (module, can_run, why_not) in needs(world) {
        if can_run {
            continue;
        }
        let needing = format!("(kind(test) and test(/(^|::){module}::/))");
        for (package, count) in count_tests(world, &nextest, &format!("({suite}) and {needing}"))? {
            println!("{SKIPPED}{count} tests of {package}: {why_not}");
        }
        filter += &format!(" and not {needing}");
    }
    let select = select(world, "rust", &filter)?;
    let server = Scratch::start(world)?;
    let shell = world.shell()?;
    let run = cmd!(shell, "{nextest} nextest run --locked --workspace {select...} {arguments...}");
    world.run(run.envs(server.environment()), NEXT)
}

/// The options by which nextest runs the tests of a filter. It becomes the default filter, which
/// one among the arguments narrows; nextest would run the union with `-E`.
fn select(world: &World, suite: &str, filter: &str) -> Result<[String; 2]> {
    let config = world.build_folder().join(format!("squall-nextest-{suite}.toml"));
    fs::create_dir_all(world.build_folder())?;
    fs::write(&config, format!("[profile.default]\ndefault-filter = '{filter}'\n"))?;
    Ok(["--tool-config-file".into(), format!("xtask:{}", config.display())])
}

/// Runs the tests that compare .sqlx with a migrated database and with the queries of the code.
pub fn queries(world: &World) -> Result<()> {
    rust(world, "test(/^queries::/)", &[])
}

/// The tests that compare a snapshot or a table of the docs with the code.
const SNAPSHOTS: &str = "test(/docs|published|hadolint/) + test(/^(configuration|errors|help)::/)";

/// Runs them: with `check` they compare, without it they write what they compare with.
pub fn snapshots(world: &World, check: bool) -> Result<()> {
    build::binaries(world, Binaries::Tested)?;
    let nextest = tools::program(world, "cargo-nextest")?;
    let server = Scratch::start(world)?;
    let shell = world.shell()?;
    let _insta = shell.push_env("INSTA_UPDATE", if check { "no" } else { "always" });
    let _docs = (!check).then(|| shell.push_env("UPDATE", "1"));
    for manifest in ["Cargo.toml", "xtask/Cargo.toml"] {
        let options = ["--locked", "--manifest-path", manifest, "--ignore-default-filter"];
        let run = cmd!(shell, "{nextest} nextest run {options...} -E {SNAPSHOTS}");
        world.run(run.envs(server.environment()), "run `cargo xtask generated`, and commit what it wrote")?;
    }
    Ok(())
}

/// How many tests of each package a filter selects.
fn count_tests(world: &World, nextest: &PathBuf, filter: &str) -> Result<BTreeMap<String, usize>> {
    let shell = world.shell()?;
    let list = cmd!(shell, "{nextest} nextest list --locked --message-format oneline -E {filter}");
    let tests = world.capture(list, "fix what cargo names above")?;
    let mut counts = BTreeMap::new();
    // `squall-edge::it nginx::errors::…`
    for package in tests.lines().filter_map(|line| line.split([':', ' ']).next()) {
        *counts.entry(package.to_owned()).or_default() += 1;
    }
    Ok(counts)
}

fn xtask(world: &World, arguments: &[String]) -> Result<()> {
    let (shell, nextest) = (world.shell()?, tools::program(world, "cargo-nextest")?);
    let manifest = ["--manifest-path", "xtask/Cargo.toml", "--config-file", ".config/nextest.toml"];
    let filter = if has_compose() {
        "all()"
    } else {
        println!("{SKIPPED}the cases of Compose files: {NO_COMPOSE}");
        "not test(/::with_compose::/)"
    };
    let select = select(world, "xtask", filter)?;
    let run = cmd!(shell, "{nextest} nextest run --locked {manifest...} {select...} {arguments...}");
    world.run(run, NEXT)?;
    world.run(Command::new(world.root.join(".ci/engine-test")), "fix .ci/engine, which it tests")
}

/// A stack of its own, fresh and on free ports, as a person meets it on the first run.
fn browser(world: &World, arguments: &[String]) -> Result<()> {
    let chromium = doctor::chromium(world)?;
    let options =
        Options { demo: false, dev: false, binaries: Binaries::Tested, isolated: true, durable: false };
    let folder = StateFolder(world.build_folder().join("squall-browser"));
    let watched = folder.0.join("watched");
    let _ = fs::remove_dir_all(&watched);
    let stack = NativeStack::isolated(world, &folder, &options)?;
    fs::create_dir_all(&watched)?;
    let shell = world.web_shell()?;
    let npm = cmd!(shell, "npm run --silent test:browser -- {arguments...}")
        .env("CHROMIUM_PATH", chromium)
        .env("SQUALL_URL", &stack.plan.url)
        .env("SQUALL_SETUP_URL", stack.setup_link()?.unwrap_or_default())
        .env("SQUALL_WATCH_DIR", &watched);
    world.run(npm, &format!("{NEXT}; the stack's logs are in {}", stack.folder.logs().display()))
}
