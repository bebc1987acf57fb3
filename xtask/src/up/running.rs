//! One service under supervision: a small state machine around a child process.

use super::{
    service::{Plan, Probe, Service},
    state::{Phase, ServiceState},
};
use crate::{
    ports,
    postgres::cluster,
    process::{self, ProcessId, wait_until},
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::{
        fs::OpenOptionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant, SystemTime},
};

/// A healthy service is asked this often whether it still is.
const PROBE_PAUSE: Duration = Duration::from_secs(2);
/// The first wait before a restart; each further one is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// A service that ran this long has proven itself: its earlier crashes are forgotten.
const PROVEN: Duration = Duration::from_secs(60);
/// A service without a probe must at least not end at once.
const SETTLE: Duration = Duration::from_millis(300);

/// The remark in a service's log that its newest process begins with.
pub const STARTS: &str = "starts";

pub struct Running {
    pub service: Service,
    pub stamp: String,
    pub phase: Phase,
    child: Option<Child>,
    process: Option<ProcessId>,
    log: PathBuf,
    started: Instant,
    probed: Instant,
    resume: Instant,
    since: u64,
    restarts: u32,
    /// Restarts in a row; an early crash is one more.
    in_a_row: u32,
    was_healthy: bool,
    note: Option<String>,
    ready_after: Option<Duration>,
}

impl Running {
    pub fn new(service: Service, log: PathBuf) -> Self {
        let now = Instant::now();
        Self {
            stamp: service.stamp(),
            service,
            phase: Phase::Waiting,
            child: None,
            process: None,
            log,
            started: now,
            probed: now,
            resume: now,
            since: seconds_since_1970(),
            restarts: 0,
            in_a_row: 0,
            was_healthy: false,
            note: None,
            ready_after: None,
        }
    }

    /// Looks at the service once and does what its phase asks for.
    pub fn turn(&mut self, may_start: bool, plan: &Plan) {
        if let Some(status) = self.ended() {
            return self.after_end(status, plan.restarts);
        }
        match self.phase {
            Phase::Waiting if may_start => self.start(),
            Phase::Restarting if may_start && Instant::now() >= self.resume => self.start(),
            Phase::Starting => self.watch_start(Duration::from_secs(plan.start_seconds)),
            Phase::Healthy | Phase::Unhealthy if self.probed.elapsed() > PROBE_PAUSE => self.probe_again(),
            _ => {}
        }
    }

    /// Ends the process in good order and waits for it.
    pub fn stop(&mut self, grace: Duration) {
        if let (Some(mut child), Some(process)) = (self.child.take(), self.process.take()) {
            process.signal(self.service.stop_signal());
            // The child itself is waited for, since an unreaped one would look alive to others.
            if !wait_until(grace, || child.try_wait().is_ok_and(|status| status.is_some())) {
                self.say(&format!("did not end within {} s and was killed", grace.as_secs()));
            }
            let _ = child.kill();
            let _ = child.wait();
            process.kill_rest_of_group();
        }
        self.enter(Phase::Stopped, None);
    }

    /// Moves a long log aside. The service keeps writing to the same file, which was opened to append.
    pub fn shorten_log(&self, limit: u64) {
        let length = fs::metadata(&self.log).map(|metadata| metadata.len()).unwrap_or(0);
        if length > limit && fs::copy(&self.log, self.log.with_extension("log.1")).is_ok() {
            let _ = OpenOptions::new().write(true).open(&self.log).and_then(|file| file.set_len(0));
        }
    }

    pub fn state(&self) -> ServiceState {
        ServiceState {
            name: self.service.name.clone(),
            phase: self.phase,
            process: self.process.clone(),
            port: self.service.port,
            restarts: self.restarts,
            since: self.since,
            stamp: self.stamp.clone(),
            note: self.note.clone(),
            ready_after_ms: self.ready_after.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    fn start(&mut self) {
        self.started = Instant::now();
        self.ready_after = None;
        if !self.service.has_process() {
            return self.enter(Phase::Starting, None);
        }
        self.say(STARTS);
        match self.spawn() {
            Ok(child) => {
                self.process = ProcessId::of(child.id());
                self.child = Some(child);
                self.enter(Phase::Starting, None);
            }
            Err(error) => {
                self.say(&format!("could not be started: {error:#}"));
                self.enter(Phase::Failed, Some(format!("could not be started: {error:#}")));
            }
        }
    }

    fn spawn(&self) -> Result<Child> {
        let service = &self.service;
        if let Some(data) = &service.data {
            cluster::clear_stale_lock(data)?;
        }
        let log = self.open_log()?;
        let output = match &service.output {
            Some(path) => {
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(true).mode(0o600).open(path)?
            }
            None => log.try_clone()?,
        };
        let mut command = Command::new(&service.program);
        command.args(&service.arguments).envs(&service.environment).current_dir(&service.folder);
        command.stdin(Stdio::null()).stdout(output).stderr(log).process_group(0);
        if let Some(account) = &service.account {
            account.run(&mut command);
        }
        process::die_with_parent(&mut command, service.stop_signal());
        command.spawn().with_context(|| format!("starting {}", service.program.display()))
    }

    fn watch_start(&mut self, limit: Duration) {
        let settled = self.started.elapsed() >= SETTLE || self.service.probe != Probe::Runs;
        if settled && self.service.answers() && self.has_its_port() {
            self.ready_after = Some(self.started.elapsed());
            self.was_healthy = true;
            self.probed = Instant::now();
            return self.enter(Phase::Healthy, None);
        }
        if self.started.elapsed() > limit {
            let note = format!("did not become healthy within {} s", limit.as_secs());
            self.say(&note);
            self.stop(Duration::from_secs(2));
            self.enter(Phase::Failed, Some(note));
        }
    }

    /// Another stack that took the port in the same moment would answer just as well.
    fn has_its_port(&self) -> bool {
        let (Some(port), Some(process)) = (self.service.port, &self.process) else { return true };
        let owner = ports::owner(port).and_then(|owner| process::group(owner.pid));
        owner.is_none_or(|group| group == process.pid)
    }

    fn probe_again(&mut self) {
        self.probed = Instant::now();
        if self.started.elapsed() > PROVEN {
            self.in_a_row = 0;
        }
        match (self.service.answers(), self.phase) {
            (true, Phase::Unhealthy) => self.enter(Phase::Healthy, None),
            (false, Phase::Healthy) => {
                self.enter(Phase::Unhealthy, Some("does not answer its health probe".into()));
            }
            _ => {}
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        if let Some(process) = self.process.take() {
            process.kill_rest_of_group();
        }
        self.child = None;
        Some(status)
    }

    fn after_end(&mut self, status: ExitStatus, restarts: u32) {
        if self.service.is_one_shot() && status.success() {
            self.ready_after = Some(self.started.elapsed());
            return self.enter(Phase::Done, None);
        }
        let how = describe(status);
        self.say(&how);
        // What never was healthy would fail again; a person should see it now.
        if !self.was_healthy || self.in_a_row >= restarts {
            return self.enter(Phase::Failed, Some(how));
        }
        let wait = (FIRST_BACKOFF * 2_u32.saturating_pow(self.in_a_row)).min(LONGEST_BACKOFF);
        self.in_a_row += 1;
        self.restarts += 1;
        self.resume = Instant::now() + wait;
        self.enter(Phase::Restarting, Some(format!("{how}; starting again in {:.1} s", wait.as_secs_f64())));
    }

    fn enter(&mut self, phase: Phase, note: Option<String>) {
        if self.phase != phase {
            self.since = seconds_since_1970();
        }
        self.phase = phase;
        self.note = note;
    }

    fn open_log(&self) -> Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        options.open(&self.log).with_context(|| format!("writing {}", self.log.display()))
    }

    /// Leaves the supervisor's own remark in the service's log.
    fn say(&self, text: &str) {
        if let Ok(mut log) = self.open_log() {
            let _ = writeln!(log, "[xtask] {} {text}", self.service.name);
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::SIGKILL;

    fn running(script: &str, probe: Probe) -> (Running, Plan) {
        let service = Service {
            name: "test".into(),
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: "/".into(),
            probe,
            ..Service::default()
        };
        let log = std::env::temp_dir().join(format!(
            "squall-running-{}-{}.log",
            std::process::id(),
            service.stamp()
        ));
        (Running::new(service, log), Plan { start_seconds: 5, restarts: 1, ..Plan::default() })
    }

    fn turn_until(running: &mut Running, plan: &Plan, phase: Phase) {
        let reached = wait_until(Duration::from_secs(20), || {
            running.turn(true, plan);
            running.phase == phase
        });
        assert!(reached, "{:?} instead of {phase:?}: {:?}", running.phase, running.note);
    }

    #[test]
    fn a_service_waits_for_what_it_needs() {
        let (mut running, plan) = running("true", Probe::Ends);
        running.turn(false, &plan);
        assert_eq!(running.phase, Phase::Waiting);
        turn_until(&mut running, &plan, Phase::Done);
    }

    #[test]
    fn a_service_that_fails_before_it_was_healthy_is_not_tried_again() {
        let (mut running, plan) =
            running("exit 7", Probe::Http { port: 1, path: "/".into(), text: String::new() });
        turn_until(&mut running, &plan, Phase::Failed);
        assert_eq!(running.note.as_deref(), Some("ended with status 7"));
        assert_eq!(running.restarts, 0);
    }

    #[test]
    fn a_crashed_service_is_started_again_until_it_has_crashed_too_often() {
        let (mut running, plan) = running("sleep 600", Probe::Runs);
        turn_until(&mut running, &plan, Phase::Healthy);
        running.process.clone().unwrap().signal(SIGKILL);
        turn_until(&mut running, &plan, Phase::Restarting);
        turn_until(&mut running, &plan, Phase::Healthy);
        running.process.clone().unwrap().signal(SIGKILL);
        turn_until(&mut running, &plan, Phase::Failed);
        assert_eq!(running.restarts, 1);
        assert_eq!(running.note.as_deref(), Some("was ended by signal 9"));
    }

    #[test]
    fn stopping_leaves_no_child_of_the_service_behind() {
        let (mut running, plan) = running("sleep 601 & echo $! > /dev/stderr; wait", Probe::Runs);
        turn_until(&mut running, &plan, Phase::Healthy);
        let grandchild = crate::files::last_lines(&running.log, 1)[0].parse().unwrap();
        running.stop(Duration::from_secs(5));
        assert!(wait_until(Duration::from_secs(5), || ProcessId::of(grandchild).is_none()));
        assert_eq!(running.phase, Phase::Stopped);
    }
}
