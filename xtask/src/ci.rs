//! `ci`: the whole pipeline, as a graph of steps that are data ([`steps`]).
//!
//! A step is a `cargo xtask` command: whatever `ci` runs, a person can run alone and a workflow can
//! name. The flow: choose steps and what they need ([`graph`]), install what is missing, run each
//! step once its needs have passed and its resources are free ([`mod@run`]), report ([`report`]).

pub mod steps;
pub mod report;
mod graph;
mod run;

use crate::{doctor, failure, process::stop_signal, world::World};
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use std::collections::BTreeSet;
use steps::STEPS;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Steps to run, including their dependencies [default: all].
    #[arg(
        value_name = "STEP",
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.id)),
    )]
    steps: Vec<String>,
    /// After a failure, continue with every step that does not need the failed one.
    #[arg(long)]
    keep_going: bool,
    /// Fail if a step or a test was skipped because a program is missing.
    #[arg(long)]
    no_skip: bool,
    /// List the steps instead of running them.
    #[arg(long)]
    list: bool,
    /// With --list: print JSON.
    #[arg(long, requires = "list")]
    json: bool,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let chosen = graph::choose(STEPS, &arguments.steps);
    if arguments.list {
        return report::list(&chosen, arguments.json);
    }
    // Before the steps: two of them must not download the same thing, and a person sees what is
    // installed. A step whose provision fails reports it; the others still run.
    let provisions: BTreeSet<_> = chosen.iter().flat_map(|step| step.provisions).copied().collect();
    for error in doctor::provide(world, &provisions) {
        eprint!("{}", failure::of_command(error, "ci"));
    }
    let runs = run::all(world, &chosen, arguments.keep_going, &*stop_signal()?)?;
    report::print(&runs, arguments.no_skip)
}
