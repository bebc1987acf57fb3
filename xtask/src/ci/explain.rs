//! `ci --explain` and `ci --log`: what a step runs, what its result depends on, and what it printed.

use super::{sources, step::shown};
use crate::world::World;
use anyhow::Result;
use squall_steps::{Input, Step, key::Key, store::Store};
use std::{collections::BTreeMap, io::Write};

/// Changes beyond these are counted.
const CHANGES_SHOWN: usize = 20;

pub fn run(world: &World, store: &Store, step: &Step) -> Result<()> {
    let sources = sources::of(world, store, std::slice::from_ref(step))?;
    println!("{}: {}\n", step.id, step.title);
    println!("Runs\n  {}", shown(step).replace('\n', "\n  "));
    if !step.needs.is_empty() {
        println!("Needs\n  {}", step.needs.join(", "));
    }
    println!("Result depends on");
    let files = squall_steps::key::files(step, &sources)?;
    println!("  {} files of {}", files.len(), inputs(step));
    for (name, version) in step.tools.iter().map(|name| (name, sources.tools.get(name))) {
        println!("  {name}: {}", version.cloned().flatten().unwrap_or_else(|| "missing".to_owned()));
    }
    for name in &step.environment {
        println!("  {name}: {}", if sources.environment.contains_key(name) { "set" } else { "not set" });
    }
    // What a needed step left is known from its last result.
    let outputs: BTreeMap<_, _> = step
        .inputs
        .iter()
        .filter_map(|input| match input {
            Input::Outputs(id) => Some((id.clone(), store.last(id)?.outputs_hash())),
            _ => None,
        })
        .collect();
    let key = Key::of(step, &sources, &outputs)?;
    println!("  key {}", key.hash());
    println!("Result");
    if let Some(reason) = &step.uncacheable {
        println!("  never cached: {reason}");
    }
    if let Some(hit) = store.find(&key.hash()) {
        println!("  cached, {}", hit.when());
        return Ok(());
    }
    let Some(last) = store.last(&step.id) else {
        println!("  none yet on this machine");
        return Ok(());
    };
    let word = if last.passed { "passed" } else { "failed" };
    println!("  {word}, {}; it would run again, because", last.when());
    let changes = store.key_of(&last).map(|before| key.changes_since(&before)).unwrap_or_default();
    for change in changes.iter().take(CHANGES_SHOWN) {
        println!("  - {change}");
    }
    match changes.len() {
        0 if last.passed => println!("  - its result is no longer kept"),
        0 => println!("  - a failed step always runs again"),
        more if more > CHANGES_SHOWN => println!("  - and {} more", more - CHANGES_SHOWN),
        _ => {}
    }
    Ok(())
}

pub fn log(store: &Store, step: &Step) -> Result<()> {
    let Some(last) = store.last(&step.id) else {
        println!("{} has not run on this machine yet", step.id);
        return Ok(());
    };
    println!("{} {}, {}", step.id, if last.passed { "passed" } else { "failed" }, last.when());
    std::io::stdout().write_all(&store.log_of(&last).unwrap_or_default())?;
    Ok(())
}

fn inputs(step: &Step) -> String {
    let names = step.inputs.iter().map(|input| match input {
        Input::Package(name) => format!("package {name}"),
        Input::Files(pattern) => pattern.clone(),
        Input::Code(pattern) => format!("{pattern} (without comments of Rust)"),
        Input::Outputs(id) => format!("what {id} makes"),
        Input::Image(name) => format!("image {name}"),
    });
    names.collect::<Vec<_>>().join(", ")
}
