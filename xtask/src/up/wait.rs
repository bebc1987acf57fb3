//! Waits for a stack to be what the plan says, and explains it when it cannot be.

use super::{
    progress::{self, Progress},
    running::STARTS,
    service::Plan,
    state::{Phase, ServiceState, State, StateFolder},
};
use crate::{
    failure::{Exit, Failure},
    files, ports,
};
use anyhow::Result;
use std::{
    process::Child,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(20);
/// Of a failed service this many lines are shown.
const LAST_LINES: usize = 15;

/// Who has the stack in hand.
pub enum Started<'a> {
    /// A supervisor that ran already; a failure leaves the other services running.
    Before,
    /// A supervisor that was started for this; it ends with a failure.
    Now(&'a mut Child),
    /// Another thread of this process.
    Here,
}

/// Returns when all is healthy, or with the reason why it will not be.
pub fn until_healthy(
    folder: &StateFolder,
    plan: &Plan,
    stop: &AtomicBool,
    mut started: Started,
) -> Result<()> {
    let mut progress = Progress::new();
    // Each service has its own limit; this one only ends a wait for a supervisor that hangs.
    let steps = u64::try_from(plan.services.len()).unwrap_or(1);
    let limit = Duration::from_secs(plan.start_seconds * steps + plan.stop_seconds + 10);
    let start = Instant::now();
    loop {
        let state = folder.read()?;
        progress.show(plan.services.iter().map(|service| service.name.as_str()), &state);
        if state.fulfils(plan) {
            return Ok(());
        }
        if let Some(failed) = failed(plan, &state) {
            return Err(explain(folder, failed, !matches!(started, Started::Before)).into());
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::silent(Exit::Interrupted).into());
        }
        let ended = match &mut started {
            Started::Now(supervisor) => supervisor.try_wait()?.is_some(),
            Started::Before => folder.supervisor()?.is_none(),
            Started::Here => false,
        };
        if ended || start.elapsed() > limit {
            let wrong = files::last_lines(&folder.log("supervisor"), LAST_LINES).join("\n");
            let wrong =
                format!("the supervisor {}:\n{wrong}", if ended { "ended" } else { "does not get on" });
            let next = "run `cargo xtask down`, then `cargo xtask up` again";
            return Err(Failure::new("starting the stack", wrong, next).into());
        }
        thread::sleep(PAUSE);
    }
}

/// Prints each change of a running stack until `stop` is set.
pub fn show_changes(folder: &StateFolder, stop: &AtomicBool) -> Result<()> {
    let mut before = folder.read()?;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(200));
        let now = folder.read()?;
        for service in &now.services {
            let known = before.service(&service.name).map(|before| before.phase);
            if known != Some(service.phase) {
                eprintln!("{}", progress::line(&service.name, Some(service)));
            }
        }
        if let (None, Some(failed)) = (&before.build_failed, &now.build_failed) {
            eprintln!("{failed}");
        }
        before = now;
    }
    Ok(())
}

/// The service of this plan that was given up.
fn failed<'a>(plan: &Plan, state: &'a State) -> Option<&'a ServiceState> {
    let stamps: Vec<_> = plan.services.iter().map(super::service::Service::stamp).collect();
    state.services.iter().find(|service| service.phase == Phase::Failed && stamps.contains(&service.stamp))
}

/// Which service, why, its last words, and who has its port.
fn explain(folder: &StateFolder, failed: &ServiceState, stops_all: bool) -> Failure {
    let note = failed.note.clone().unwrap_or_else(|| "it failed".into());
    if let Some(taken) = failed.port.and_then(|port| ports::taken(&failed.name, port)) {
        return taken;
    }
    let log = folder.log(&failed.name);
    let lines = files::last_lines(&log, LAST_LINES);
    // Not what an earlier process of this service said.
    let start = lines.iter().rposition(|line| line.starts_with("[xtask]") && line.ends_with(STARTS));
    let lines = lines[start.map_or(0, |start| start + 1)..].join("\n");
    let wrong = format!("{} {note}. The last lines of its log, {}:\n{lines}", failed.name, log.display());
    let others =
        if stops_all { "all that was started has been stopped" } else { "the other services run on" };
    let next = format!("mend what the last lines name, then run `cargo xtask up` again; {others}");
    Failure::new(format!("starting {}", failed.name), wrong, next)
}
