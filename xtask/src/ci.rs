//! `ci`: the whole pipeline, as a graph of steps that are data ([`steps`]).
//!
//! A step is a `cargo xtask` command, so that whatever `ci` runs a person can run alone, and a workflow can name.
//! The flow: choose steps and what they need ([`graph`]) → provide tools → run each when its needs have passed and
//! what it uses is free ([`run`]) → show failures whole, then the table ([`report`]).
//!
//! Room that is left on purpose: a step is its command and, one day, the files it reads. A cache by their content can
//! then answer instead of [`run`], and `--affected` can choose steps by the files a change touched; neither changes the
//! graph, nor a step.

pub mod graph;
pub mod steps;
mod report;
mod run;
#[cfg(test)]
mod engine;

use crate::{
    doctor,
    failure::{Exit, Failure},
    process::stop_signal,
    world::World,
};
use anyhow::Result;
use graph::Graph;
use std::collections::BTreeSet;
use steps::STEPS;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Runs these steps and what they need; all of them without any.
    #[arg(value_name = "STEP")]
    steps: Vec<String>,
    /// Goes on after a failure with every step whose needs have passed.
    #[arg(long)]
    keep_going: bool,
    /// Lists the steps instead of running them.
    #[arg(long)]
    list: bool,
    /// With --list: prints JSON.
    #[arg(long, requires = "list")]
    json: bool,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let graph = Graph::new(&STEPS).map_err(|wrong| {
        Failure::new(
            "reading the graph of steps",
            wrong.join("\n"),
            "mend xtask/src/ci/steps.rs, where the steps stand",
        )
    })?;
    let chosen = graph.choose(&arguments.steps).map_err(|unknown| {
        let next = "`cargo xtask ci --list` names the steps";
        Failure::new("choosing steps", format!("there is no step {unknown}"), next).exit(Exit::Usage)
    })?;
    if arguments.list {
        report::list(&chosen, arguments.json)?;
        return Ok(());
    }
    // Before the steps, so that two of them do not fetch the same thing, and a person sees what is fetched.
    let provisions: BTreeSet<_> = chosen.iter().flat_map(|step| step.provisions).collect();
    for provision in provisions {
        if let Err(error) = doctor::provide(world, *provision) {
            // The steps that need it will fail and say so; the others can still tell something.
            eprint!("{}", Failure::from_error(error, "ci"));
        }
    }
    let outcomes = run::all(world, &chosen, arguments.keep_going, &*stop_signal()?)?;
    report::print(&outcomes)
}
