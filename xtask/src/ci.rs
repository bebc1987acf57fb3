//! `ci`: the whole pipeline, as a graph of steps that are data ([`crate::steps`]).
//!
//! A step is a `cargo xtask` command: whatever `ci` runs, a person can run alone and a workflow can
//! name. The flow: choose steps and what they need ([`graph`]), read what their results depend on
//! ([`sources`]), use the results that exist, run the others once their needs have passed and their
//! resources are free ([`mod@run`]), report ([`report`]).

pub mod step;
pub mod report;
mod affected;
mod explain;
mod graph;
mod prove;
mod run;
mod sources;
mod watch;

use crate::{
    failure::{Exit, Failure, OrFail},
    files,
    process::stop_signal,
    steps,
    world::{World, cache_folder},
};
pub use affected::{SHARDED, SHARDS_LIMIT};
use anyhow::{Context, Result};
use run::Session;
use squall_steps::{
    Step,
    packages::Packages,
    remote::Remote,
    store::{LIMIT_BYTES, Store},
};
use std::{
    env, fs,
    path::PathBuf,
    time::{Instant, SystemTime},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Steps or jobs to run, including their dependencies [default: all that can be cached].
    #[arg(value_name = "STEP", value_delimiter = ',')]
    steps: Vec<String>,
    #[command(flatten)]
    options: Options,
    /// List the steps instead of running them.
    #[arg(long)]
    list: bool,
    /// With --list: print JSON.
    #[arg(long, requires = "list")]
    json: bool,
    /// Run only what differs from a commit: its merge base with HEAD, and the files changed since.
    #[arg(long, value_name = "REF", num_args = 0..=1, default_missing_value = "origin/main")]
    affected: Option<String>,
    /// With --affected: write the jobs that have work, and the steps of each of their shards, to
    /// GITHUB_OUTPUT instead of running them.
    #[arg(long, requires = "affected")]
    plan_jobs: bool,
    /// Show what a step runs, what its result depends on, and what changed since the last one.
    #[arg(long, value_name = "STEP", exclusive = true)]
    explain: Option<String>,
    /// Print what a step printed when it last ran.
    #[arg(long, value_name = "STEP", exclusive = true)]
    log: Option<String>,
    /// Run a step, or `all`, in a copy of the repository that has only its declared inputs.
    #[arg(long, value_name = "STEP", conflicts_with_all = ["steps", "list", "affected", "watch", "keep_going", "no_cache", "audit", "report"])]
    prove_inputs: Option<String>,
    /// Run affected steps again whenever a file changes.
    #[arg(long)]
    watch: bool,
    /// Show how the plan, tools and environment of a run, saved with --report json, differ from here.
    #[arg(long, value_name = "REPORT", exclusive = true)]
    compare: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// After a failure, continue with every step that does not need the failed one.
    #[arg(long)]
    pub keep_going: bool,
    /// Fail if a step or a test was skipped because a program is missing.
    #[arg(long)]
    pub no_skip: bool,
    /// Run every step, whether it has a result or not.
    #[arg(long)]
    pub no_cache: bool,
    /// Run this share of the cached steps all the same, and fail if a result differs.
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, default_missing_value = "100", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub audit: Option<u8>,
    /// Write a report of the run.
    #[arg(long, value_names = ["FORMAT", "FILE"], num_args = 2)]
    pub report: Option<Vec<String>>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let all = steps::all(&Packages::of(world.metadata()?));
    let store = store()?;
    if let Some(id) = &arguments.explain {
        return explain::run(world, &store, &named(&all, id)?);
    }
    if let Some(id) = &arguments.log {
        return explain::log(&store, &named(&all, id)?);
    }
    if let Some(id) = &arguments.prove_inputs {
        let chosen = if id == "all" { steps::choose(&all, &[]) } else { vec![named(&all, id)?] };
        return prove::run(world, &store, &all, &chosen, arguments.options.no_skip);
    }
    if let Some(saved) = &arguments.compare {
        return report::compare(world, saved, &all, &sources::of(world, &store, &all)?);
    }
    if let Some([format, _]) = arguments.options.report.as_deref() {
        report::check_format(format)?;
    }
    let mut chosen = steps::named(&all, &arguments.steps)?;
    if arguments.list {
        let listed = if arguments.steps.is_empty() { &all } else { &chosen };
        return report::list(listed, arguments.json);
    }
    if let Some(reference) = &arguments.affected {
        let affected = affected::of(world, &store, &chosen, reference, arguments.plan_jobs)?;
        if arguments.plan_jobs {
            return affected::plan_jobs(&store, &affected);
        }
        let names: Vec<_> = affected.iter().map(|step| step.id.clone()).collect();
        chosen = if names.is_empty() { Vec::new() } else { steps::choose(&chosen, &names) };
    }
    if arguments.watch {
        return watch::run(world, &store, &chosen, &arguments.options);
    }
    once(world, &store, &chosen, &arguments.options)
}

/// Runs the steps and reports.
fn once(world: &World, store: &Store, chosen: &[Step], options: &Options) -> Result<()> {
    let folder = world.build_folder().join("squall-ci");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let waiting = || eprintln!("another ci runs in this clone; waiting for it");
    let _lock = files::lock(&folder.join("lock"), waiting)?;
    let (started, clock) = (SystemTime::now(), Instant::now());
    let mut session =
        Session { world, store, sources: sources::of(world, store, chosen)?, options, folder: &folder };
    // Before the engine starts: after Ctrl-C it is stopped, too.
    let stop = stop_signal()?;
    let runs = session.run(chosen, &stop)?;
    store.shrink(LIMIT_BYTES);
    let report = report::of(world, &session.sources, &runs, started, clock.elapsed(), options)?;
    report::print(&report, store, options)
}

fn named(steps: &[Step], id: &str) -> Result<Step> {
    let step = steps.iter().find(|step| step.id == id).cloned();
    step.map_or_else(|| Err(steps::unknown(id)), Ok)
}

/// The store of results in the user's cache folder, and the shared one of SQUALL_CI_CACHE.
fn store() -> Result<Store> {
    let folder = cache_folder().join("ci");
    let variables: std::collections::BTreeMap<_, _> = env::vars().collect();
    let address = variables.get("SQUALL_CI_CACHE").filter(|address| !address.is_empty());
    // A pull request from a fork may run any code: what it made is not for others.
    let is_writable = match variables.get("SQUALL_CI_CACHE_MODE").map_or("", String::as_str) {
        "" => true,
        "read" => false,
        other => {
            let wrong = format!("SQUALL_CI_CACHE_MODE is {other}");
            let next = "set it to read, or unset it to send results as well";
            return Err(Failure::new("reading SQUALL_CI_CACHE_MODE", wrong, next).exit(Exit::Usage).into());
        }
    };
    let remote = address.map(|address| Remote::parse(address, &variables, is_writable)).transpose();
    let remote = remote
        .or_fail("reading SQUALL_CI_CACHE", "correct it, or unset it to keep results on this machine")?;
    Ok(Store::new(folder, remote))
}
