//! A service: its process, what it waits for, how its health is checked, how it is stopped.

use crate::{
    files, http,
    postgres::{self, account::Account},
    process::{SIGINT, SIGTERM, Signal},
    world::StackSettings,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The services that a stack should have, in the order they start. `up` writes it, the supervisor
/// carries it out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The folder it was written for.
    pub folder: Option<PathBuf>,
    pub url: String,
    pub database_url: String,
    pub services: Vec<Service>,
    pub settings: StackSettings,
    /// With `--dev`: the repository whose sources are watched.
    pub watch: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    /// Empty if it has no process of its own: another service serves it.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub folder: PathBuf,
    /// Names of the services that must be ready before this one starts.
    pub needs: Vec<String>,
    pub probe: Probe,
    /// The user who runs it, if it is another one.
    pub account: Option<Account>,
    /// For PostgreSQL: its data folder.
    pub data: Option<PathBuf>,
    /// Where its standard output goes, if not to the log.
    pub output: Option<PathBuf>,
    /// Identifies its binary; a service restarts when this changes.
    pub build: String,
    /// How often a person asked for a restart.
    pub restart_requests: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// Done when it ends with success.
    Ends,
    /// Ready as long as it runs.
    #[default]
    Runs,
    /// Ready when it answers `path` with status 200 and a body that holds `text`.
    Http { port: u16, path: String, text: String },
    /// Ready when it accepts PostgreSQL connections.
    Postgres { port: u16 },
}

impl Probe {
    pub fn ready(port: u16) -> Self {
        Self::Http { port, path: "/readyz".into(), text: String::new() }
    }

    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ends | Self::Runs => None,
            Self::Http { port, .. } | Self::Postgres { port } => Some(*port),
        }
    }
}

impl Plan {
    pub fn write(&self, path: &Path) -> Result<()> {
        files::replace(path, &serde_json::to_string_pretty(self)?)
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    pub fn port(&self, name: &str) -> Option<u16> {
        self.service(name)?.probe.port()
    }

    pub fn stamps(&self) -> Vec<String> {
        self.services.iter().map(Service::stamp).collect()
    }

    /// Ask for one service to be restarted, or for all that do not run only once.
    pub fn request_restart(&mut self, name: Option<&str>) {
        for service in &mut self.services {
            let meant = name.map_or(!service.is_one_shot(), |name| service.name == name);
            service.restart_requests += u32::from(meant);
        }
    }
}

impl Service {
    /// Services with the same stamp are the same process. A change of what it waits for needs no
    /// restart.
    pub fn stamp(&self) -> String {
        let process = Self { needs: Vec::new(), ..self.clone() };
        files::fingerprint(&serde_json::to_string(&process).unwrap_or_default())[..16].to_owned()
    }

    pub fn has_process(&self) -> bool {
        !self.program.as_os_str().is_empty()
    }

    pub fn is_one_shot(&self) -> bool {
        self.probe == Probe::Ends
    }

    /// The signal that ends it cleanly: on SIGTERM, PostgreSQL would wait for its clients.
    pub fn stop_signal(&self) -> Signal {
        if self.data.is_some() { SIGINT } else { SIGTERM }
    }

    /// Whether it answers; the supervisor watches the process itself.
    pub fn answers(&self) -> bool {
        match &self.probe {
            Probe::Ends => false,
            Probe::Runs => true,
            Probe::Postgres { port } => postgres::is_ready(*port),
            Probe::Http { port, path, text } => http::get(*port, path)
                .is_ok_and(|answer| answer.status == 200 && answer.body.contains(text.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let service = |name: &str, probe| Service { name: name.into(), probe, ..Service::default() };
        Plan {
            services: vec![service("migrate", Probe::Ends), service("api", Probe::Runs)],
            ..Plan::default()
        }
    }

    #[test]
    fn a_new_build_and_a_requested_restart_change_the_stamp_and_another_need_does_not() {
        let service = plan().services.remove(1);
        let stamp = service.stamp();
        assert_ne!(stamp, Service { build: "new".into(), ..service.clone() }.stamp());
        assert_ne!(stamp, Service { restart_requests: 1, ..service.clone() }.stamp());
        assert_eq!(stamp, Service { needs: vec!["migrate".into()], ..service }.stamp());
    }

    #[test]
    fn restarting_all_leaves_out_what_runs_once() {
        let mut plan = plan();
        let requests =
            |plan: &Plan| plan.services.iter().map(|service| service.restart_requests).collect::<Vec<_>>();
        plan.request_restart(None);
        assert_eq!(requests(&plan), [0, 1]);
        plan.request_restart(Some("migrate"));
        assert_eq!(requests(&plan), [1, 1]);
    }
}
