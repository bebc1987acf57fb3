//! The folder of one stack, and the status that its supervisor writes there.
//!
//! A status may be older than the last crash, or belong to the folder this one was copied from. The
//! lock that the supervisor holds on *this* folder decides whether the stack is running; a process
//! id alone never does.

use super::service::{Plan, Service};
use crate::{
    files,
    process::{ProcessId, SIGINT, SIGTERM},
    world::path_variable,
};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

#[derive(Debug, Clone)]
pub struct StateFolder(pub PathBuf);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub supervisor: Option<ProcessId>,
    /// The folder it was written for, as a path to show and as what tells a copy from a rename.
    pub folder: Option<PathBuf>,
    pub identity: Option<String>,
    pub services: Vec<ServiceStatus>,
    /// Output of the last rebuild of `--dev`, if it failed.
    pub build_failed: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    pub name: String,
    pub phase: Phase,
    pub process: Option<ProcessId>,
    pub port: Option<u16>,
    pub restarts: u32,
    /// Seconds since 1970 when the phase began.
    pub since: u64,
    /// Identifies the process: the stamp of its definition, or the id of its container.
    pub stamp: String,
    /// Why it is in this phase, if that is not obvious.
    pub note: Option<String>,
    /// Milliseconds from its start to its first good answer.
    pub ready_after_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Something it needs is not ready.
    #[default]
    Waiting,
    Starting,
    Healthy,
    /// Running, but not answering.
    Unhealthy,
    /// Ran once and succeeded.
    Done,
    /// Crashed; will be started again.
    Restarting,
    /// Will not be started again.
    Failed,
    Stopped,
}

impl Phase {
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Healthy | Self::Done)
    }

    pub fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

impl ServiceStatus {
    pub fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(ProcessId::is_alive)
    }

    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid)
    }
}

impl StateFolder {
    /// `--state`, else SQUALL_STATE, else target/squall.
    pub fn choose(root: &Path, chosen: Option<&Path>) -> Result<Self> {
        let chosen = chosen.filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned);
        let folder = chosen.or_else(|| path_variable("SQUALL_STATE"));
        Ok(Self(std::path::absolute(folder.unwrap_or_else(|| root.join("target/squall")))?))
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

    pub fn plan_file(&self) -> PathBuf {
        self.0.join("plan.json")
    }

    pub fn status_file(&self) -> PathBuf {
        self.0.join("state.json")
    }

    /// The path that files in it record, to notice a copy.
    pub fn path(&self) -> PathBuf {
        self.0.canonicalize().unwrap_or_else(|_| self.0.clone())
    }

    /// Whether a file that recorded this path was written for this folder.
    pub fn is_own(&self, recorded: Option<&Path>) -> bool {
        recorded.is_none_or(|recorded| recorded == self.path())
    }

    /// Held while `up`, `down` or `restart` changes the stack.
    pub fn lock(&self) -> Result<File> {
        files::lock(&self.0.join("up.lock"), || {
            eprintln!("waiting for another xtask that is changing this stack");
        })
    }

    /// Held by the supervisor all its life.
    pub fn supervisor_lock(&self) -> PathBuf {
        self.0.join("supervisor.lock")
    }

    /// Survives a rename, and differs in a copy.
    pub fn identity(&self) -> Result<String> {
        let metadata = fs::metadata(&self.0).with_context(|| format!("reading {}", self.0.display()))?;
        Ok(format!("{}:{}", metadata.dev(), metadata.ino()))
    }

    /// The plan of this folder; one of another folder or of an older xtask counts as none.
    pub fn plan(&self) -> Result<Option<Plan>> {
        let plan = files::read_json::<Plan>(&self.plan_file())?;
        Ok(plan.filter(|plan| self.is_own(plan.folder.as_deref())))
    }

    pub fn status(&self) -> Result<Status> {
        Ok(files::read_json(&self.status_file())?.unwrap_or_default())
    }

    pub fn write(&self, status: &Status) -> Result<()> {
        files::replace(&self.status_file(), &serde_json::to_string_pretty(status)?)
    }

    /// The supervisor of this stack, if one is running.
    pub fn supervisor(&self) -> Result<Option<ProcessId>> {
        if !files::is_locked(&self.supervisor_lock())? {
            return Ok(None);
        }
        let status = self.status()?;
        // A copied status names the original's, until the supervisor of the copy has written its own.
        let is_own = status.identity == self.identity().ok();
        Ok(status.supervisor.filter(|supervisor| is_own && supervisor.is_alive()))
    }

    /// End what a killed supervisor of this folder left running, and return the names.
    pub fn end_leftovers(&self) -> Result<Vec<String>> {
        if files::is_locked(&self.supervisor_lock())? { Ok(Vec::new()) } else { self.end_recorded() }
    }

    /// The same for a caller that holds the supervisor's lock.
    pub fn end_recorded(&self) -> Result<Vec<String>> {
        let mut status = self.status()?;
        // A living supervisor without the lock of this folder is another folder's, and so are its
        // services.
        if status.supervisor.as_ref().is_some_and(ProcessId::is_alive) {
            return Ok(Vec::new());
        }
        if status.supervisor.is_some() {
            // On Linux the kernel has signalled the services; give them a moment to end.
            thread::sleep(Duration::from_millis(50));
        }
        // A copied status names processes of the original.
        let is_own = status.identity == self.identity().ok();
        let plan = self.plan()?.unwrap_or_default();
        let mut ended = Vec::new();
        for service in status.services.iter_mut().rev() {
            let process = service.process.take().filter(ProcessId::is_alive);
            if let Some(process) = process.filter(|_| is_own) {
                let signal = plan.service(&service.name).map_or(SIGTERM, Service::stop_signal);
                process.stop(signal, Duration::from_secs(plan.settings.stop_seconds.max(1)));
                ended.push(service.name.clone());
            }
            if !matches!(service.phase, Phase::Failed | Phase::Stopped) {
                service.phase = Phase::Stopped;
            }
        }
        if status.supervisor.take().is_some() {
            self.write(&status)?;
        }
        Ok(ended)
    }

    /// Stop the stack cleanly. Returns whether one was running.
    pub fn stop(&self, grace: Duration) -> Result<bool> {
        let Some(supervisor) = self.supervisor()? else {
            return Ok(!self.end_leftovers()?.is_empty());
        };
        // It gives each service its own grace period; this one is for all of them together.
        supervisor.stop(SIGINT, grace * 4);
        self.end_leftovers()?;
        Ok(true)
    }
}

impl Status {
    pub fn service(&self, name: &str) -> Option<&ServiceStatus> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Whether exactly the plan is up and healthy.
    pub fn fulfils(&self, plan: &Plan) -> bool {
        let ready = |stamp| self.services.iter().any(|it| it.stamp == stamp && it.phase.is_ready());
        self.services.len() == plan.services.len() && plan.stamps().into_iter().all(ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};
    use tempfile::TempDir;

    /// The id of a process that has ended; it belongs to this test now.
    fn reused() -> Option<ProcessId> {
        Some(ProcessId { pid: std::process::id(), started: "1@00000000".into() })
    }

    fn folder() -> (TempDir, StateFolder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder(parent.path().join("original"));
        fs::create_dir(&folder.0).unwrap();
        (parent, folder)
    }

    /// A service as its supervisor records it.
    fn running(name: &str) -> (Child, ServiceStatus) {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let process = ProcessId::of(child.id());
        (child, ServiceStatus { name: name.into(), phase: Phase::Healthy, process, ..Default::default() })
    }

    #[test]
    fn a_supervisor_whose_id_was_given_to_another_process_does_not_count() {
        let (_parent, folder) = folder();
        let _lock = files::try_lock(&folder.supervisor_lock()).unwrap().unwrap();
        folder.write(&Status { supervisor: reused(), ..Status::default() }).unwrap();
        assert_eq!(folder.supervisor().unwrap(), None);
        assert_eq!(folder.end_recorded().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn leftovers_of_a_killed_supervisor_are_ended_and_nothing_else() {
        let (_parent, folder) = folder();
        let (mut orphan, api) = running("api");
        let worker = ServiceStatus { name: "worker".into(), process: reused(), ..api.clone() };
        let (identity, services) = (folder.identity().ok(), vec![api, worker]);
        folder.write(&Status { supervisor: reused(), identity, services, ..Status::default() }).unwrap();
        assert_eq!(folder.end_leftovers().unwrap(), ["api"]);
        assert!(!orphan.wait().unwrap().success());
        let stopped = |service: &ServiceStatus| service.phase == Phase::Stopped && service.process.is_none();
        assert!(folder.status().unwrap().services.iter().all(stopped));
    }

    #[test]
    fn stopping_a_copied_folder_leaves_the_original_stack_running() {
        let (parent, original) = folder();
        let _lock = files::try_lock(&original.supervisor_lock()).unwrap().unwrap();
        let (mut api, service) = running("api");
        // The living supervisor is this test, which a stop would interrupt.
        for (name, supervisor) in [("living", ProcessId::own().ok()), ("killed", reused())] {
            let (path, identity) = (Some(original.path()), original.identity().ok());
            let services = vec![service.clone()];
            let status = Status { supervisor, folder: path, identity, services, build_failed: None };
            original.write(&status).unwrap();
            let copied = StateFolder(parent.path().join(name));
            assert!(Command::new("cp").arg("-a").args([&original.0, &copied.0]).status().unwrap().success());
            assert_eq!(original.supervisor().unwrap().is_some(), name == "living");
            assert_eq!(copied.supervisor().unwrap(), None);
            assert!(!copied.stop(Duration::from_secs(1)).unwrap());
            assert!(api.try_wait().unwrap().is_none(), "the original's service was ended");
            assert!(!copied.is_own(copied.status().unwrap().folder.as_deref()));
        }
        api.kill().unwrap();
        api.wait().unwrap();
    }

    #[test]
    fn a_status_file_that_was_cut_short_counts_as_none() {
        let (_parent, folder) = folder();
        files::replace(&folder.status_file(), "{\"supervisor\": {\"pi").unwrap();
        assert!(folder.status().unwrap().services.is_empty());
    }
}
