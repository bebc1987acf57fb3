//! `bench`: start what a benchmark of `squall-bench` needs, then run it. Nothing is asserted: a busy
//! machine is not a defect.

use crate::{
    build::{self, Binaries},
    stack::{NativeStack, Scratch, Stack, native::Options, state::StateFolder},
    world::World,
};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::ffi::OsString;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    name: Name,
}

#[derive(Debug, Subcommand)]
enum Name {
    /// Measure the accuracy and speed of grouping.
    #[command(
        after_help = "Example:\n  cargo xtask bench grouping --data ../loghub --predictions target/groups"
    )]
    Grouping(Forwarded),
    /// Measure ingestion on a fresh stack with durable writes: throughput, latency, disk use.
    #[command(after_help = "Example:\n  cargo xtask bench ingest --lines 300000")]
    Ingest(Forwarded),
    /// Measure backups: speed compared with pg_dump, time to prove a gigabyte, damage found.
    #[command(after_help = "Example:\n  cargo xtask bench backup --megabytes 200 --rounds 1")]
    Backup(Forwarded),
    /// Measure the time from an edit of schema.sql to a verified migration.
    #[command(after_help = "Example:\n  cargo xtask bench migrate")]
    Migrate(Forwarded),
    /// Measure xtask and the stack: compiling, starting, stopping, memory, images.
    #[command(after_help = "Example:\n  cargo xtask bench stack --no-compile")]
    Stack(Forwarded),
    /// Measure `ci` with nothing, one file or everything to do, beside other task runners.
    #[command(
        after_help = "Examples:\n  cargo xtask bench ci --rounds 5\n  cargo xtask bench ci --only noop --steps fmt,tsc"
    )]
    Ci(Forwarded),
}

#[derive(Debug, clap::Args)]
struct Forwarded {
    /// Arguments of squall-bench; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

const NEXT: &str = "read the output of squall-bench above";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let run = |name: &str, forwarded: &Forwarded, environment, next: &str| {
        // These only start and watch other programs.
        let binaries = if ["stack", "ci"].contains(&name) {
            Binaries::One("squall-bench")
        } else {
            Binaries::Benchmarks
        };
        build::binaries(world, binaries)?;
        let program = world.binary(binaries.profile(), "squall-bench")?;
        let (shell, arguments) = (world.shell()?, &forwarded.arguments);
        let bench = cmd!(shell, "{program} {name} {arguments...}").envs(environment);
        world.run(bench, next)
    };
    match &arguments.name {
        Name::Grouping(forwarded) => run("grouping", forwarded, Vec::new(), NEXT),
        Name::Stack(forwarded) => run("stack", forwarded, Vec::new(), NEXT),
        Name::Ci(forwarded) => run("ci", forwarded, Vec::new(), NEXT),
        Name::Backup(forwarded) => {
            let server = Scratch::start_on_disk(world)?;
            run("backup", forwarded, server.environment(), NEXT)
        }
        Name::Migrate(forwarded) => {
            let server = Scratch::start_on_disk(world)?;
            run("migrate", forwarded, server.environment(), NEXT)
        }
        Name::Ingest(forwarded) => {
            let (stack, environment) = stack_with_key(world)?;
            let next = format!("{NEXT}; the stack's logs are in {}", stack.folder.logs().display());
            run("ingest", forwarded, environment, &next)
        }
    }
}

/// A fresh stack, and the variables by which the benchmark finds it and a project to send to: a
/// process's arguments can be read by everyone on the machine.
fn stack_with_key(world: &World) -> Result<(NativeStack<'_>, Vec<(&'static str, OsString)>)> {
    let options =
        Options { demo: false, dev: false, binaries: Binaries::Benchmarks, isolated: true, durable: true };
    let folder = StateFolder(world.build_folder().join("squall-bench"));
    let stack = NativeStack::isolated(world, &folder, &options)?;
    let api = stack.plan.service("api").context("the stack has an api")?;
    let (shell, program) = (world.shell()?, &api.program);
    let seed = cmd!(shell, "{program} seed --project bench").envs(&api.environment);
    let printed = world.capture(seed, "read the output of squall-api above")?;
    let seeded: serde_json::Value = serde_json::from_str(&printed).context("reading what it printed")?;
    let key = seeded["key"].as_str().context("`squall-api seed` printed no key")?;
    let environment = vec![
        ("SQUALL_BENCH_API", stack.url().into()),
        ("SQUALL_BENCH_KEY", key.into()),
        ("DATABASE_URL", stack.database_url().unwrap_or_default().into()),
    ];
    Ok((stack, environment))
}
