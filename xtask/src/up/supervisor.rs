//! Starts, watches, restarts and ends the services of one stack.
//!
//! It turns the plan into processes and writes what it sees into the state file; it never looks at what other
//! commands want, only at the plan they wrote. One thread does it all, since on Linux a child is told when the
//! *thread* that spawned it ends: whatever kills the supervisor, no service outlives it.

use super::{
    running::Running,
    service::Plan,
    state::{Phase, State, StateFolder},
};
use crate::{files, process::ProcessId};
use anyhow::{Context, Result, bail};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// While something starts: quick enough that `up` loses nothing by waiting.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// When all is well: a crash is noticed in time, and an idle stack costs nothing.
const IDLE_PAUSE: Duration = Duration::from_millis(200);
/// How often long logs are looked for.
const LOG_PAUSE: Duration = Duration::from_secs(30);

/// Runs the stack until `stop` is set. Only then, or when another supervisor has the folder, does it return.
pub fn run(folder: &StateFolder, stop: &AtomicBool) -> Result<()> {
    let Some(_lock) = files::try_lock(&folder.supervisor_lock())? else {
        bail!("another supervisor runs the stack in {}", folder.0.display());
    };
    folder.clean_up()?;
    let mut supervisor = Supervisor::new(folder.clone())?;
    while !stop.load(Ordering::Relaxed) {
        // A full disk, or a plan that cannot be read: the services run on, and the next turn tries again.
        let turned = supervisor.follow_the_plan().and_then(|()| supervisor.turn());
        supervisor.report(turned);
        thread::sleep(if supervisor.is_settled() { IDLE_PAUSE } else { BUSY_PAUSE });
    }
    supervisor.stop_all()
}

struct Supervisor {
    folder: StateFolder,
    plan: Plan,
    /// The plan's text, to notice a new one.
    text: String,
    services: Vec<Running>,
    written: String,
    /// What the last turn complained about.
    wrong: Option<String>,
    logs_checked: Instant,
}

impl Supervisor {
    fn new(folder: StateFolder) -> Result<Self> {
        std::fs::create_dir_all(folder.logs())?;
        let (plan, text, written) = (Plan::default(), String::new(), String::new());
        Ok(Self {
            folder,
            plan,
            text,
            services: Vec::new(),
            written,
            wrong: None,
            logs_checked: Instant::now(),
        })
    }

    /// Takes over a new plan: what is gone or has changed is ended, in reverse order; `turn` starts the rest.
    fn follow_the_plan(&mut self) -> Result<()> {
        let text = files::read_if_there(&self.folder.plan())?.unwrap_or_default();
        if text == self.text {
            return Ok(());
        }
        // Looked at once: a plan that cannot be read is not read again until it is another one.
        self.text = text;
        self.plan = serde_json::from_str(&self.text).context("reading plan.json")?;
        let mut old = std::mem::take(&mut self.services);
        let grace = Duration::from_secs(self.plan.stop_seconds);
        for running in old.iter_mut().rev() {
            let kept = self
                .plan
                .service(&running.service.name)
                .is_some_and(|service| service.stamp() == running.stamp);
            // A new plan is also a new chance for what had been given up.
            if !kept || running.phase == Phase::Failed {
                running.stop(grace);
            }
        }
        for service in &self.plan.services {
            let kept = old
                .iter()
                .position(|running| running.stamp == service.stamp() && running.phase != Phase::Stopped);
            let new = || Running::new(service.clone(), self.folder.log(&service.name));
            let mut running = kept.map_or_else(new, |index| old.swap_remove(index));
            running.service = service.clone();
            self.services.push(running);
        }
        self.write()
    }

    /// Looks at each service once.
    fn turn(&mut self) -> Result<()> {
        for index in 0..self.services.len() {
            let ready = |name: &String| {
                let needed = self.services.iter().find(|running| running.service.name == *name);
                needed.is_none_or(|running| running.phase.is_ready())
            };
            let may_start = self.services[index].service.needs.iter().all(ready);
            self.services[index].turn(may_start, &self.plan);
        }
        if self.logs_checked.elapsed() > LOG_PAUSE {
            self.logs_checked = Instant::now();
            self.services.iter().for_each(|running| running.shorten_log(self.plan.log_megabytes << 20));
        }
        self.write()
    }

    /// Says what went wrong in a turn, once.
    fn report(&mut self, turned: Result<()>) {
        let wrong = turned.err().map(|error| format!("{error:#}"));
        if let Some(wrong) = wrong.as_ref().filter(|wrong| self.wrong.as_ref() != Some(*wrong)) {
            eprintln!("The supervisor goes on, but cannot write what it does: {wrong}");
        }
        self.wrong = wrong;
    }

    fn is_settled(&self) -> bool {
        self.services.iter().all(|running| running.phase.is_ready() || running.phase == Phase::Failed)
    }

    fn stop_all(&mut self) -> Result<()> {
        let grace = Duration::from_secs(self.plan.stop_seconds);
        for index in (0..self.services.len()).rev() {
            self.services[index].stop(grace);
            let written = self.write();
            self.report(written);
        }
        let mut state = self.state()?;
        state.supervisor = None;
        self.folder.write(&state)
    }

    fn state(&self) -> Result<State> {
        Ok(State {
            supervisor: Some(ProcessId::own()?),
            url: self.plan.url.clone(),
            services: self.services.iter().map(Running::state).collect(),
            build_failed: files::read_if_there(&self.folder.0.join("build-failed"))?,
        })
    }

    /// Writes the state if it has changed.
    fn write(&mut self) -> Result<()> {
        let state = self.state()?;
        let text = serde_json::to_string(&state)?;
        if text != self.written {
            self.folder.write(&state)?;
            self.written = text;
        }
        Ok(())
    }
}
