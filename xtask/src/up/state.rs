//! What runs: written by the supervisor as a whole after each change, read by every other command.
//!
//! A state file may be older than the last crash. Nothing in it is believed before the process ids in it were
//! compared with the start times beside them.

use super::service::{Plan, Service};
use crate::{
    files,
    process::{ProcessId, SIGINT, SIGTERM},
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The folder of one stack, and what stands where in it.
#[derive(Debug, Clone)]
pub struct StateFolder(pub PathBuf);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    pub supervisor: Option<ProcessId>,
    pub url: String,
    pub services: Vec<ServiceState>,
    /// What the last rebuild of `--dev` said, if it failed.
    pub build_failed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    pub name: String,
    pub phase: Phase,
    pub process: Option<ProcessId>,
    pub port: Option<u16>,
    pub restarts: u32,
    /// Seconds since 1970 when the phase began.
    pub since: u64,
    /// Which service of which plan this is.
    pub stamp: String,
    /// Why it is in this phase, where that needs saying.
    pub note: Option<String>,
    /// Milliseconds from its start to its first good answer.
    pub ready_after_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Something it needs is not ready.
    Waiting,
    Starting,
    Healthy,
    /// It runs and does not answer.
    Unhealthy,
    /// It ran once, with success.
    Done,
    /// It crashed and will be started again.
    Restarting,
    /// It will not be started again.
    Failed,
    Stopped,
}

impl Phase {
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Healthy | Self::Done)
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Done => "done",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

impl StateFolder {
    /// `--state`, else SQUALL_STATE, else target/squall.
    pub fn choose(root: &Path, chosen: Option<&Path>) -> Result<Self> {
        let named = chosen.map(Path::to_owned).or_else(|| env::var_os("SQUALL_STATE").map(PathBuf::from));
        let folder = named
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| root.join("target/squall"));
        Ok(Self(std::path::absolute(folder)?))
    }

    pub fn plan(&self) -> PathBuf {
        self.0.join("plan.json")
    }

    pub fn state(&self) -> PathBuf {
        self.0.join("state.json")
    }

    pub fn secret(&self, name: &str) -> PathBuf {
        self.0.join("secrets").join(name)
    }

    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    pub fn log(&self, service: &str) -> PathBuf {
        self.logs().join(format!("{service}.log"))
    }

    /// Held by whoever changes the stack: `up`, `down`, `restart`.
    pub fn lock(&self) -> Result<File> {
        files::lock(&self.0.join("up.lock"), || {
            eprintln!("another xtask is changing this stack; waiting for it");
        })
    }

    /// Held by the supervisor all its life.
    pub fn supervisor_lock(&self) -> PathBuf {
        self.0.join("supervisor.lock")
    }

    pub fn read(&self) -> Result<State> {
        Ok(files::read_if_there(&self.state())?
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    pub fn write(&self, state: &State) -> Result<()> {
        files::replace(&self.state(), &serde_json::to_string_pretty(state)?)
    }

    /// The supervisor of this stack, if it lives.
    pub fn supervisor(&self) -> Result<Option<ProcessId>> {
        Ok(self.read()?.supervisor.filter(ProcessId::is_alive))
    }

    /// After a crash of the supervisor: ends what it left and says what that was.
    pub fn clean_up(&self) -> Result<Vec<String>> {
        let mut state = self.read()?;
        if state.supervisor.as_ref().is_some_and(ProcessId::is_alive) {
            return Ok(Vec::new());
        }
        if state.supervisor.is_some() {
            // On Linux the kernel has told the services already, and they are about to end.
            thread::sleep(Duration::from_millis(50));
        }
        let plan = Plan::read(&self.plan())?.unwrap_or_default();
        let mut ended = Vec::new();
        for service in state.services.iter_mut().rev() {
            if let Some(process) = service.process.take().filter(ProcessId::is_alive) {
                let signal = plan.service(&service.name).map_or(SIGTERM, Service::stop_signal);
                process.stop(signal, Duration::from_secs(plan.stop_seconds.max(1)));
                ended.push(service.name.clone());
            }
            if !matches!(service.phase, Phase::Failed | Phase::Stopped) {
                service.phase = Phase::Stopped;
            }
        }
        if state.supervisor.take().is_some() {
            self.write(&state)?;
        }
        Ok(ended)
    }

    /// Ends the stack in good order. Says whether there was one.
    pub fn stop(&self, grace: Duration) -> Result<bool> {
        let Some(supervisor) = self.supervisor()? else {
            return Ok(!self.clean_up()?.is_empty());
        };
        // It gives each service its own grace, so that ours is for all of them together.
        supervisor.stop(SIGINT, grace * 4);
        self.clean_up()?;
        Ok(true)
    }
}

impl State {
    pub fn service(&self, name: &str) -> Option<&ServiceState> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Whether this is exactly the plan, up and healthy.
    pub fn fulfils(&self, plan: &Plan) -> bool {
        let ready = |service: &Service| {
            self.service(&service.name)
                .is_some_and(|state| state.stamp == service.stamp() && state.phase.is_ready())
        };
        self.services.len() == plan.services.len() && plan.services.iter().all(ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    fn folder(name: &str) -> StateFolder {
        let folder = env::temp_dir().join(format!("squall-state-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        StateFolder(folder)
    }

    fn service(name: &str, process: Option<ProcessId>) -> ServiceState {
        ServiceState {
            name: name.into(),
            phase: Phase::Healthy,
            process,
            port: None,
            restarts: 0,
            since: 0,
            stamp: String::new(),
            note: None,
            ready_after_ms: None,
        }
    }

    #[test]
    fn a_supervisor_whose_id_was_given_to_another_process_does_not_count() {
        let folder = folder("reused");
        let reused = ProcessId { pid: std::process::id(), started: "1@00000000".into() };
        folder.write(&State { supervisor: Some(reused), ..State::default() }).unwrap();
        assert_eq!(folder.supervisor().unwrap(), None);
        assert_eq!(folder.clean_up().unwrap(), Vec::<String>::new());
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn what_a_killed_supervisor_left_is_ended_and_nothing_else() {
        let folder = folder("orphans");
        let mut orphan = Command::new("sleep").arg("600").spawn().unwrap();
        let reused = ProcessId { pid: std::process::id(), started: "1@00000000".into() };
        let services =
            vec![service("api", ProcessId::of(orphan.id())), service("worker", Some(reused.clone()))];
        folder.write(&State { supervisor: Some(reused), services, ..State::default() }).unwrap();
        assert_eq!(folder.clean_up().unwrap(), ["api"]);
        assert!(!orphan.wait().unwrap().success());
        let state = folder.read().unwrap();
        assert!(
            state.services.iter().all(|service| service.phase == Phase::Stopped && service.process.is_none())
        );
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_state_file_that_was_cut_short_counts_as_none() {
        let folder = folder("cut");
        files::replace(&folder.state(), "{\"supervisor\": {\"pi").unwrap();
        assert!(folder.read().unwrap().services.is_empty());
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
