//! `bench`: the figures of the budgets, each beside its goal. Nothing is asserted: a busy machine
//! is not a defect.

mod stack;

use crate::{
    build::{self, Binaries},
    postgres::scratch::Scratch,
    stack::{Isolated, Stack, native::Options, state::StateFolder},
    world::{Profile, World},
};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::{fs, path::PathBuf, time::Instant};
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    name: Name,
}

#[derive(Debug, Subcommand)]
enum Name {
    /// Quality and speed of grouping; `squall-bench grouping --help` lists the arguments.
    #[command(
        after_help = "Example:\n  cargo xtask bench grouping --data ../loghub --predictions target/groups"
    )]
    Grouping(Forwarded),
    /// Throughput, latency and disk use of ingestion, on a fresh stack that syncs to disk;
    /// `squall-bench ingest --help` lists the arguments.
    #[command(after_help = "Example:\n  cargo xtask bench ingest --lines 300000")]
    Ingest(Forwarded),
    /// Speed of backups, and how much damage is found; `squall-bench backup --help` lists the
    /// arguments.
    #[command(after_help = "Example:\n  cargo xtask bench backup --megabytes 200 --rounds 1")]
    Backup(Forwarded),
    /// Time from an edit of schema.sql to a verified migration.
    #[command(after_help = "Example:\n  cargo xtask bench migrate")]
    Migrate,
    /// Cost of xtask and the stack: compiling, starting, stopping, memory.
    #[command(after_help = "Example:\n  cargo xtask bench stack --no-compile")]
    Stack(stack::Arguments),
}

#[derive(Debug, clap::Args)]
struct Forwarded {
    /// Passed on to squall-bench.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    match &arguments.name {
        Name::Grouping(forwarded) => grouping(world, &forwarded.arguments),
        Name::Ingest(forwarded) => ingest(world, &forwarded.arguments),
        Name::Backup(forwarded) => backup(world, &forwarded.arguments),
        Name::Migrate => generate(world),
        Name::Stack(arguments) => stack::run(world, arguments),
    }
}

const NEXT: &str = "read the output of squall-bench above";

/// A measured program, built.
fn program(world: &World, name: &str) -> Result<PathBuf> {
    build::binaries(world, Binaries::Benchmarks)?;
    world.binary(Profile::Release, name)
}

fn grouping(world: &World, arguments: &[String]) -> Result<()> {
    let (shell, bench) = (world.shell()?, program(world, "squall-bench")?);
    world.run(cmd!(shell, "{bench} grouping {arguments...}"), NEXT)
}

fn ingest(world: &World, arguments: &[String]) -> Result<()> {
    let options =
        Options { demo: false, dev: false, binaries: Binaries::Benchmarks, isolated: true, durable: true };
    let folder = StateFolder(world.build_folder().join("squall-bench"));
    let stack = Isolated::start(world, &folder, &options)?;
    let key = seed(world, &stack)?;
    let (shell, bench) = (world.shell()?, world.binary(Profile::Release, "squall-bench")?);
    let api = &stack.plan.url;
    // By environment: everyone on the machine can read arguments.
    let bench = cmd!(shell, "{bench} ingest --api {api} {arguments...}")
        .env("SQUALL_BENCH_KEY", key)
        .env("DATABASE_URL", stack.database_url().unwrap_or_default());
    world.run(bench, &format!("{NEXT}; the stack's logs are in {}", stack.folder.logs().display()))
}

fn backup(world: &World, arguments: &[String]) -> Result<()> {
    let (shell, bench) = (world.shell()?, program(world, "squall-bench")?);
    let server = Scratch::start_empty(world)?;
    let folder = world.build_folder().join("squall-bench-backups");
    let _ = fs::remove_dir_all(&folder);
    let bench = cmd!(shell, "{bench} backup --folder {folder} {arguments...}").envs(server.environment());
    let measured = world.run(bench, NEXT);
    let _ = fs::remove_dir_all(&folder);
    measured
}

/// An ordinary change: a new table, a column and an index.
const EDIT: &str = "
create table notes (id bigint generated always as identity primary key, issue_id bigint references issues, body text not null);
alter table users add column nickname text;
create index issues_level on issues (level);
";

fn generate(world: &World) -> Result<()> {
    let (shell, program) = (world.shell()?, program(world, "squall-schema")?);
    let server = Scratch::start_empty(world)?;
    let schema = world.build_folder().join("squall-bench-schema.sql");
    fs::write(&schema, fs::read_to_string(world.root.join("migrations/schema.sql"))? + EDIT)?;
    let mut seconds = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let command = cmd!(shell, "{program} generate bench --dry-run --schema {schema}");
        world.capture(command.envs(server.environment()), "read the output of squall-schema above")?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    println!("migrate.generate {:.2} s ({:.2}–{:.2} of 5)   goal ≤ 2 s", seconds[2], seconds[0], seconds[4]);
    Ok(fs::remove_file(&schema)?)
}

/// Creates a project to send to, and returns its key.
fn seed(world: &World, stack: &Isolated) -> Result<String> {
    let api = stack.plan.service("api").context("the stack has an api")?;
    let (shell, program) = (world.shell()?, &api.program);
    let seed = cmd!(shell, "{program} seed --project bench").envs(&api.environment);
    let printed = world.capture(seed, "read the output of squall-api above")?;
    let seeded: serde_json::Value = serde_json::from_str(&printed).context("reading what it printed")?;
    Ok(seeded["key"].as_str().context("`squall-api seed` printed no key")?.to_owned())
}
