//! Start, watch, restart and stop the services of one stack.
//!
//! The supervisor turns the plan into processes and writes their status; other commands talk to it
//! only through the plan file and signals. One thread does it all, since on Linux a child is
//! signalled when the *thread* that spawned it ends: whatever kills the supervisor, no service
//! outlives it.

use super::running::Running;
use crate::{
    files,
    process::{ProcessId, wait_until},
    stack::{
        service::Plan,
        state::{Phase, StateFolder, Status},
    },
};
use anyhow::{Context, Result, ensure};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// While something starts: short enough to add nothing to the time of `up`.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// When all is healthy: a crash is noticed soon, and an idle stack costs nothing.
const IDLE_PAUSE: Duration = Duration::from_millis(200);
/// How often the length of the logs is checked.
const LOG_PAUSE: Duration = Duration::from_secs(30);

/// Another command that checks the lock holds it for a moment.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Run the stack until `stop` is set, unless another supervisor has the folder.
pub fn run(folder: &StateFolder, stop: &AtomicBool) -> Result<()> {
    let mut lock = None;
    let is_locked = wait_until(LOCK_WAIT, || {
        lock = files::try_lock(&folder.supervisor_lock()).ok().flatten();
        lock.is_some()
    });
    ensure!(is_locked, "another supervisor runs the stack in {}", folder.0.display());
    folder.end_recorded()?;
    let mut supervisor = Supervisor::new(folder.clone())?;
    while !stop.load(Ordering::Relaxed) {
        // With a full disk or an unreadable plan the services keep running, and the next turn tries
        // again.
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
    written: Status,
    /// Why the last turn failed.
    error: Option<String>,
    logs_checked: Instant,
}

impl Supervisor {
    fn new(folder: StateFolder) -> Result<Self> {
        std::fs::create_dir_all(folder.logs())?;
        Ok(Self {
            folder,
            plan: Plan::default(),
            text: String::new(),
            services: Vec::new(),
            written: Status::default(),
            error: None,
            logs_checked: Instant::now(),
        })
    }

    /// Adopt a new plan: stop what is gone or has changed, in reverse order; `turn` starts the
    /// rest.
    fn follow_the_plan(&mut self) -> Result<()> {
        let text = files::read_if_there(&self.folder.plan_file())?.unwrap_or_default();
        if text == self.text {
            return Ok(());
        }
        // Before it is parsed: an unreadable plan is reported once, not at every turn.
        self.text = text;
        self.plan = serde_json::from_str(&self.text).context("reading plan.json")?;
        let (stamps, grace) = (self.plan.stamps(), self.grace());
        let mut old = std::mem::take(&mut self.services);
        // A new plan also gives failed services another chance.
        let is_kept = |running: &Running| {
            stamps.contains(&running.status.stamp) && running.status.phase != Phase::Failed
        };
        old.iter_mut().rev().filter(|running| !is_kept(running)).for_each(|running| running.stop(grace));
        old.retain(is_kept);
        for (service, stamp) in self.plan.services.iter().zip(&stamps) {
            let kept = old.iter().position(|running| running.status.stamp == *stamp);
            let new = || Running::new(service.clone(), self.folder.clone());
            let mut running = kept.map_or_else(new, |index| old.swap_remove(index));
            running.service = service.clone();
            self.services.push(running);
        }
        self.write()
    }

    fn turn(&mut self) -> Result<()> {
        for index in 0..self.services.len() {
            let ready = |name: &String| {
                let needed = self.services.iter().find(|running| running.service.name == *name);
                needed.is_none_or(|running| running.status.phase.is_ready())
            };
            let may_start = self.services[index].service.needs.iter().all(ready);
            self.services[index].turn(may_start, &self.plan);
        }
        if self.logs_checked.elapsed() > LOG_PAUSE {
            self.logs_checked = Instant::now();
            self.services
                .iter()
                .for_each(|running| running.shorten_log(self.plan.settings.log_megabytes << 20));
        }
        self.write()
    }

    /// Log the failure of a turn once.
    fn report(&mut self, turned: Result<()>) {
        let error = turned.err().map(|error| format!("{error:#}"));
        if let Some(error) = error.as_ref().filter(|error| self.error.as_ref() != Some(*error)) {
            eprintln!("The supervisor keeps the services running, but cannot write their status: {error}");
        }
        self.error = error;
    }

    fn is_settled(&self) -> bool {
        let is_settled = |phase: Phase| phase.is_ready() || phase == Phase::Failed;
        self.services.iter().all(|running| is_settled(running.status.phase))
    }

    fn grace(&self) -> Duration {
        Duration::from_secs(self.plan.settings.stop_seconds)
    }

    fn stop_all(&mut self) -> Result<()> {
        let grace = self.grace();
        for index in (0..self.services.len()).rev() {
            self.services[index].stop(grace);
            let written = self.write();
            self.report(written);
        }
        self.folder.write(&Status { supervisor: None, ..self.status()? })
    }

    fn status(&self) -> Result<Status> {
        Ok(Status {
            supervisor: Some(ProcessId::own()?),
            folder: Some(self.folder.path()),
            identity: Some(self.folder.identity()?),
            services: self.services.iter().map(|running| running.status.clone()).collect(),
            build_failed: files::read_if_there(&self.folder.0.join("build-failed"))?,
        })
    }

    /// Write the status if it has changed.
    fn write(&mut self) -> Result<()> {
        let status = self.status()?;
        if status != self.written {
            self.folder.write(&status)?;
            self.written = status;
        }
        Ok(())
    }
}
