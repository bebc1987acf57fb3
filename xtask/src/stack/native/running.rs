//! One service under supervision: a small state machine around a child process.

use crate::{
    files, ports,
    postgres::cluster,
    process::{self, ProcessId, SIGKILL, wait_until},
    stack::{
        service::{Plan, Probe, Service},
        state::{Phase, ServiceStatus, StateFolder},
    },
};
use anyhow::{Context, Result};
use duct::Handle;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    process::{Command, ExitStatus},
    time::{Duration, Instant, SystemTime},
};

/// How often a healthy service is probed.
const PROBE_PAUSE: Duration = Duration::from_secs(2);
/// The wait before the first restart; each further one doubles.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// A service that ran this long has proven itself: earlier crashes no longer count.
const PROVEN: Duration = Duration::from_secs(60);
/// A service without a probe must not end within this time.
const SETTLE: Duration = Duration::from_millis(300);

/// The remark in a service's log before the output of each process.
pub const STARTS: &str = "starts";

pub struct Running {
    pub service: Service,
    pub status: ServiceStatus,
    pub folder: StateFolder,
    child: Option<Handle>,
    started: Instant,
    /// When it is probed again, or started again.
    next: Instant,
    restarts_in_a_row: u32,
}

impl Running {
    pub fn new(service: Service, folder: StateFolder) -> Self {
        let now = Instant::now();
        let status = ServiceStatus {
            name: service.name.clone(),
            port: service.probe.port(),
            since: seconds_since_1970(),
            stamp: service.stamp(),
            ..ServiceStatus::default()
        };
        Self { service, status, folder, child: None, started: now, next: now, restarts_in_a_row: 0 }
    }

    /// Check the service once and do what its phase asks for.
    pub fn turn(&mut self, may_start: bool, plan: &Plan) {
        if let Some(status) = self.ended() {
            return self.after_end(status, plan.settings.restarts);
        }
        match self.status.phase {
            Phase::Waiting if may_start => self.start(),
            Phase::Restarting if may_start && Instant::now() >= self.next => self.start(),
            Phase::Starting => self.watch_start(Duration::from_secs(plan.settings.start_seconds)),
            Phase::Healthy | Phase::Unhealthy if Instant::now() >= self.next => self.probe_again(),
            _ => {}
        }
    }

    /// Stop the process cleanly and wait for it.
    pub fn stop(&mut self, grace: Duration) {
        if let Some(child) = self.child.take() {
            let process = self.status.process.take();
            process.iter().for_each(|process| process.signal(self.service.stop_signal()));
            // Waiting for the child itself reaps it.
            if !wait_until(grace, || child.try_wait().is_ok_and(|status| status.is_some())) {
                self.remark(&format!("did not exit within {} s and was killed", grace.as_secs()));
            }
            let _ = child.kill();
            process.iter().for_each(|process| process::end_group(process.pid, SIGKILL));
        }
        self.enter(Phase::Stopped, None);
    }

    /// Move a long log aside. The service keeps writing to the same file, which it opened to
    /// append.
    pub fn shorten_log(&self, limit: u64) {
        let log = self.log();
        let length = fs::metadata(&log).map(|metadata| metadata.len()).unwrap_or(0);
        if length > limit && fs::copy(&log, log.with_extension("log.1")).is_ok() {
            let _ = OpenOptions::new().write(true).open(&log).and_then(|file| file.set_len(0));
        }
    }

    fn start(&mut self) {
        self.started = Instant::now();
        self.status.ready_after_ms = None;
        if !self.service.has_process() {
            return self.enter(Phase::Starting, None);
        }
        self.remark(STARTS);
        match self.spawn() {
            Ok((child, process)) => {
                (self.child, self.status.process) = (Some(child), process);
                self.enter(Phase::Starting, None);
            }
            Err(error) => {
                let note = format!("could not be started: {error:#}");
                self.remark(&note);
                self.enter(Phase::Failed, Some(note));
            }
        }
    }

    /// A process that has ended already has no id to be recorded.
    fn spawn(&self) -> Result<(Handle, Option<ProcessId>)> {
        let service = &self.service;
        if let Some(data) = &service.data {
            cluster::clear_stale_lock(data)?;
        }
        let log = files::open_to_append(&self.log())?;
        let output = match &service.output {
            Some(path) => files::replace(path, "").and_then(|()| files::open_to_append(path))?,
            None => log.try_clone()?,
        };
        let mut command = Command::new(&service.program);
        command.args(&service.arguments).envs(&service.environment).current_dir(&service.folder);
        let mut child = process::watched(&command, service.stop_signal());
        if let Some(account) = service.account.clone() {
            child = child.before_spawn(move |command| {
                account.run(command);
                Ok(())
            });
        }
        let starting = || format!("starting {}", service.program.display());
        let child = child.stdout_file(output).stderr_file(log).start().with_context(starting)?;
        let process = child.pids().first().and_then(|pid| ProcessId::of(*pid));
        Ok((child, process))
    }

    fn watch_start(&mut self, limit: Duration) {
        let settled = self.started.elapsed() >= SETTLE || self.service.probe != Probe::Runs;
        if settled && self.service.answers() && self.has_its_port() {
            self.next = Instant::now() + PROBE_PAUSE;
            return self.enter(Phase::Healthy, None);
        }
        if self.started.elapsed() > limit {
            let note = format!("did not become healthy within {} s", limit.as_secs());
            self.remark(&note);
            self.stop(Duration::from_secs(2));
            self.enter(Phase::Failed, Some(note));
        }
    }

    /// Another stack that took the port in the same moment would answer just as well.
    fn has_its_port(&self) -> bool {
        let (Some(port), Some(process)) = (self.status.port, &self.status.process) else { return true };
        ports::owner(port).is_none_or(|owner| process::is_in_group(owner.pid, process.pid))
    }

    fn probe_again(&mut self) {
        self.next = Instant::now() + PROBE_PAUSE;
        if self.started.elapsed() > PROVEN {
            self.restarts_in_a_row = 0;
        }
        match (self.service.answers(), self.status.phase) {
            (true, Phase::Unhealthy) => self.enter(Phase::Healthy, None),
            (false, Phase::Healthy) => {
                self.enter(Phase::Unhealthy, Some("does not answer its health probe".into()));
            }
            _ => {}
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_ref()?.try_wait().ok()??.status;
        self.child = None;
        if let Some(process) = self.status.process.take() {
            process::end_group(process.pid, SIGKILL);
        }
        Some(status)
    }

    fn after_end(&mut self, status: ExitStatus, restarts: u32) {
        if self.service.is_one_shot() && status.success() {
            return self.enter(Phase::Done, None);
        }
        let how = format!("exited with {status}");
        self.remark(&how);
        // One that never was healthy would fail again, and the user should see it now.
        let was_healthy = self.status.ready_after_ms.is_some() || self.restarts_in_a_row > 0;
        if !was_healthy || self.restarts_in_a_row >= restarts {
            return self.enter(Phase::Failed, Some(how));
        }
        let wait = (FIRST_BACKOFF * 2_u32.saturating_pow(self.restarts_in_a_row)).min(LONGEST_BACKOFF);
        self.restarts_in_a_row += 1;
        self.status.restarts += 1;
        self.next = Instant::now() + wait;
        self.enter(Phase::Restarting, Some(format!("{how}; starting again in {:.1} s", wait.as_secs_f64())));
    }

    fn enter(&mut self, phase: Phase, note: Option<String>) {
        if self.status.phase != phase {
            self.status.since = seconds_since_1970();
        }
        if phase.is_ready() && self.status.ready_after_ms.is_none() {
            self.status.ready_after_ms = u64::try_from(self.started.elapsed().as_millis()).ok();
        }
        (self.status.phase, self.status.note) = (phase, note);
    }

    /// Leave the supervisor's own remark in the service's log.
    fn remark(&self, text: &str) {
        let log = files::open_to_append(&self.log());
        let _ = log.map(|mut log| writeln!(log, "[xtask] {} {text}", self.service.name));
    }

    pub fn log(&self) -> PathBuf {
        self.folder.log(&self.service.name)
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::StackSettings;
    use tempfile::TempDir;

    fn running(script: &str, probe: Probe) -> (TempDir, Running, Plan) {
        let service = Service {
            name: "test".into(),
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: "/".into(),
            probe,
            ..Service::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let settings = StackSettings { start_seconds: 5, restarts: 1, ..StackSettings::default() };
        let running = Running::new(service, StateFolder(folder.path().into()));
        (folder, running, Plan { settings, ..Plan::default() })
    }

    fn fails_for(running: &Running, reason: &str, restarts: u32) {
        assert_eq!((running.status.note.as_deref(), running.status.restarts), (Some(reason), restarts));
    }

    fn turn_until(running: &mut Running, plan: &Plan, phase: Phase) {
        let reached = wait_until(Duration::from_secs(20), || {
            running.turn(true, plan);
            running.status.phase == phase
        });
        assert!(reached, "{:?} instead of {phase:?}: {:?}", running.status.phase, running.status.note);
    }

    #[test]
    fn a_service_waits_for_what_it_needs() {
        let (_folder, mut running, plan) = running("true", Probe::Ends);
        running.turn(false, &plan);
        assert_eq!(running.status.phase, Phase::Waiting);
        turn_until(&mut running, &plan, Phase::Done);
    }

    #[test]
    fn a_service_that_fails_before_it_was_healthy_is_not_tried_again() {
        let probe = Probe::Http { port: 1, path: "/".into(), text: String::new() };
        let (_folder, mut running, plan) = running("exit 7", probe);
        turn_until(&mut running, &plan, Phase::Failed);
        fails_for(&running, "exited with exit status: 7", 0);
    }

    #[test]
    fn a_crashed_service_is_started_again_until_it_has_crashed_too_often() {
        let (_folder, mut running, plan) = running("sleep 600", Probe::Runs);
        for after in [Phase::Restarting, Phase::Failed] {
            turn_until(&mut running, &plan, Phase::Healthy);
            running.status.process.clone().unwrap().signal(SIGKILL);
            turn_until(&mut running, &plan, after);
        }
        fails_for(&running, "exited with signal: 9 (SIGKILL)", 1);
    }

    #[test]
    fn stopping_leaves_no_child_of_the_service_behind() {
        let (_folder, mut running, plan) = running("sleep 601 & echo $! > /dev/stderr; wait", Probe::Runs);
        turn_until(&mut running, &plan, Phase::Healthy);
        let grandchild = files::last_lines(&running.log(), 1)[0].parse().unwrap();
        running.stop(Duration::from_secs(5));
        assert!(wait_until(Duration::from_secs(5), || ProcessId::of(grandchild).is_none()));
        assert_eq!(running.status.phase, Phase::Stopped);
    }
}
