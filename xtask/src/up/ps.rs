//! `ps`: what runs, from the state file, after everything in it was checked against the machine.

use super::{
    Place,
    compose::{containers, stack::ComposeStack},
    service::Plan,
    state::{Phase, ServiceState, State, StateFolder},
};
use crate::{docker::engine::Engine, process::ProcessId, world::World};
use anyhow::Result;
use serde::Serialize;
use std::{path::PathBuf, time::Instant};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Stack {
    state: StackState,
    runs_in: RunsIn,
    /// Where a browser finds it; nothing when it does not run.
    url: Option<String>,
    supervisor: Option<u32>,
    folder: PathBuf,
    services: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum StackState {
    Healthy,
    /// It runs, and not all of it is healthy.
    Degraded,
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum RunsIn {
    Processes,
    Containers,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    state: Phase,
    pid: Option<u32>,
    port: Option<u16>,
    restarts: u32,
    /// Seconds since 1970.
    since: u64,
    note: Option<String>,
    /// Nothing for a container: the engine keeps its log.
    log: Option<PathBuf>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.place.folder(world)?;
    let stack = match ComposeStack::load(&folder)? {
        Some(stack) => of_containers(&folder, &stack)?,
        None => of_processes(&folder)?,
    };
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&stack)?),
        false => print!("{}", table(&stack)),
    }
    Ok(())
}

/// The native stack, from its state file.
fn of_processes(folder: &StateFolder) -> Result<Stack> {
    super::report_leftovers(folder)?;
    let supervisor = folder.supervisor()?;
    let state = folder.read()?;
    let plan = Plan::read(&folder.plan())?.unwrap_or_default();
    let entry = |service: &ServiceState| Entry {
        name: service.name.clone(),
        state: service.phase,
        pid: service.process.as_ref().filter(|process| process.is_alive()).map(|process| process.pid),
        port: service.port,
        restarts: service.restarts,
        since: service.since,
        note: service.note.clone(),
        log: Some(folder.log(&service.name)),
    };
    Ok(Stack {
        state: judge(supervisor.as_ref(), &state, &plan),
        runs_in: RunsIn::Processes,
        url: supervisor.as_ref().map(|_| state.url.clone()),
        supervisor: supervisor.as_ref().map(|process| process.pid),
        folder: folder.0.clone(),
        services: state.services.iter().map(entry).collect(),
    })
}

/// The stack in containers, from the engine.
fn of_containers(folder: &StateFolder, stack: &ComposeStack) -> Result<Stack> {
    let engine = Engine::need("looking at containers")?;
    let found = containers::all(&engine, &stack.project)?;
    let state = containers::state(stack, &found, Instant::now(), &State::default());
    let entry = |service: &ServiceState| Entry {
        name: service.name.clone(),
        state: service.phase,
        pid: None,
        port: service.port,
        restarts: service.restarts,
        since: service.since,
        note: service.note.clone(),
        log: None,
    };
    let judged = match found.is_empty() {
        true => StackState::Stopped,
        false if stack.is_fulfilled_by(&state) => StackState::Healthy,
        false => StackState::Degraded,
    };
    Ok(Stack {
        state: judged,
        runs_in: RunsIn::Containers,
        url: (!found.is_empty()).then(|| stack.url.clone()),
        supervisor: None,
        folder: folder.0.clone(),
        services: state.services.iter().map(entry).collect(),
    })
}

fn judge(supervisor: Option<&ProcessId>, state: &State, plan: &Plan) -> StackState {
    match supervisor {
        None => StackState::Stopped,
        Some(_) if state.fulfils(plan) => StackState::Healthy,
        Some(_) => StackState::Degraded,
    }
}

fn table(stack: &Stack) -> String {
    let Some(url) = &stack.url else {
        return "nothing runs; `cargo xtask up` starts the stack\n".into();
    };
    let mut text =
        format!("{:<10} {:<11} {:>7} {:>6} {:>9}  NOTE\n", "SERVICE", "STATE", "PID", "PORT", "RESTARTS");
    for entry in &stack.services {
        let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        let line = format!(
            "{:<10} {:<11} {:>7} {:>6} {:>9}  {}",
            entry.name,
            entry.state.word(),
            number(entry.pid),
            number(entry.port.map(u32::from)),
            entry.restarts,
            entry.note.as_deref().unwrap_or_default()
        );
        text += line.trim_end();
        text.push('\n');
    }
    text + &format!("{url}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_without_a_supervisor_is_stopped_whatever_its_state_says() {
        assert_eq!(judge(None, &State::default(), &Plan::default()), StackState::Stopped);
        assert_eq!(
            judge(Some(&ProcessId::own().unwrap()), &State::default(), &Plan::default()),
            StackState::Healthy
        );
    }
}
