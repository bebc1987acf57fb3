//! What a service is: a process, what it waits for, how its health is seen, how it is ended.

use crate::{
    failure::Failure,
    files::{self, fingerprint},
    http,
    postgres::{account::Account, probe},
    process::{SIGINT, SIGTERM},
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// The services that a stack should have, in the order they start. `up` writes it, the supervisor makes it so.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    pub url: String,
    pub database_url: String,
    pub services: Vec<Service>,
    pub start_seconds: u64,
    pub stop_seconds: u64,
    pub restarts: u32,
    pub log_megabytes: u64,
    /// With `--dev`: the repository whose sources are watched.
    pub watch: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub folder: PathBuf,
    /// Names of the services that must be ready before this one starts.
    pub needs: Vec<String>,
    pub probe: Probe,
    pub port: Option<u16>,
    /// Who runs it, if not we.
    pub account: Option<Account>,
    /// For PostgreSQL: its data folder.
    pub data: Option<PathBuf>,
    /// Where its standard output goes, if not to the log.
    pub output: Option<PathBuf>,
    /// What the binary and other inputs look like; a service restarts when this changes.
    pub build: String,
    /// Counts the restarts a person has asked for.
    pub asked: u32,
}

/// How a service shows that it is ready.
#[derive(Debug, Clone, Default, Hash, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// It does one thing and ends with success.
    Ends,
    /// It is ready as long as it runs.
    #[default]
    Runs,
    /// 200 for `path`, with a body that holds `text`.
    Http { port: u16, path: String, text: String },
    /// It takes PostgreSQL connections.
    Postgres { port: u16 },
    /// No process of its own: it is served by another one.
    Served { port: u16, path: String, text: String },
}

impl Plan {
    /// The plan in the state folder, if there is one.
    pub fn read(path: &std::path::Path) -> Result<Option<Self>> {
        // A plan of an older xtask that no longer parses is as good as none.
        Ok(files::read_if_there(path)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub fn write(&self, path: &std::path::Path) -> Result<()> {
        files::replace(path, &serde_json::to_string_pretty(self)?)
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    pub fn port(&self, name: &str) -> Option<u16> {
        self.service(name)?.port
    }

    /// Asks for a service to be restarted, or all of them.
    pub fn ask_restart(&mut self, name: Option<&str>) -> Result<()> {
        let names: Vec<_> = self.services.iter().map(|service| service.name.clone()).collect();
        if let Some(name) = name.filter(|name| !names.iter().any(|known| known == name)) {
            return Err(unknown(name, &names).into());
        }
        for service in &mut self.services {
            let meant = name.map_or(service.probe != Probe::Ends, |name| service.name == name);
            service.asked += u32::from(meant);
        }
        Ok(())
    }
}

/// A service that is not in the stack.
pub fn unknown(name: &str, names: &[String]) -> Failure {
    let next = format!("use one of: {}", names.join(", "));
    Failure::new(format!("finding the service {name}"), "this stack has no such service", next)
        .exit(crate::failure::Exit::Usage)
}

impl Service {
    /// Two services of the same stamp are the same process. What it waited for makes no other process of it.
    pub fn stamp(&self) -> String {
        fingerprint(&Self { needs: Vec::new(), ..self.clone() })
    }

    pub fn has_process(&self) -> bool {
        !matches!(self.probe, Probe::Served { .. })
    }

    pub fn is_one_shot(&self) -> bool {
        self.probe == Probe::Ends
    }

    /// The signal that ends it in good order: PostgreSQL would wait for its clients on SIGTERM.
    pub fn stop_signal(&self) -> i32 {
        if self.data.is_some() { SIGINT } else { SIGTERM }
    }

    /// Whether it answers. The process itself is watched by the supervisor.
    pub fn answers(&self) -> bool {
        match &self.probe {
            Probe::Ends => false,
            Probe::Runs => true,
            Probe::Postgres { port } => probe::is_ready(*port),
            Probe::Http { port, path, text } | Probe::Served { port, path, text } => http::get(*port, path)
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
    fn a_new_build_or_a_wish_to_restart_changes_the_stamp() {
        let service = plan().services.remove(1);
        assert_eq!(service.stamp(), service.clone().stamp());
        assert_ne!(service.stamp(), Service { build: "new".into(), ..service.clone() }.stamp());
        assert_ne!(service.stamp(), Service { asked: 1, ..service.clone() }.stamp());
    }

    #[test]
    fn restarting_all_leaves_out_what_runs_once() {
        let mut plan = plan();
        plan.ask_restart(None).unwrap();
        assert_eq!(plan.services.iter().map(|service| service.asked).collect::<Vec<_>>(), [0, 1]);
        plan.ask_restart(Some("migrate")).unwrap();
        assert_eq!(plan.services[0].asked, 1);
    }

    #[test]
    fn restarting_an_unknown_service_names_the_known_ones() {
        let error = plan().ask_restart(Some("apu")).unwrap_err();
        assert!(
            Failure::from_error(error, "restart").to_string().ends_with("Next:   use one of: migrate, api\n")
        );
    }
}
