//! The containers of a stack as the engine reports them, and what that means for its services.

use super::record::Record;
use crate::{
    docker::engine::Engine,
    failure::Failure,
    stack::state::{Phase, ServiceStatus, Status},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{collections::BTreeMap, path::Path};

/// A service that ends this often before it was healthy will not become so.
pub const HOPELESS_RESTARTS: u32 = 3;

/// One container, as `docker inspect` prints it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    pub id: String,
    /// The id of its image.
    #[serde(default)]
    pub image: String,
    config: ContainerConfig,
    state: ContainerState,
    #[serde(default)]
    pub restart_count: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerConfig {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerState {
    status: String,
    exit_code: i32,
    #[serde(rename = "OOMKilled", default)]
    out_of_memory: bool,
    #[serde(default)]
    error: String,
    health: Option<Health>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: String,
}

/// All containers of a stack, running or not, without those of `compose run`.
///
/// Two clones may use one project name. Containers of another clone are an error: whatever this one
/// does with the project, it would do to them.
pub fn all(engine: &Engine, record: &Record) -> Result<Vec<Container>> {
    let filter = format!("label=com.docker.compose.project={}", record.project);
    let ids = engine.ask(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])?;
    let ids: Vec<_> = ids.lines().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let arguments: Vec<_> = ["container", "inspect"].into_iter().chain(ids.iter().copied()).collect();
    let Ok(printed) = engine.ask(&arguments) else {
        // One of them was removed between the two calls.
        return Ok(Vec::new());
    };
    let mut found: Vec<Container> =
        serde_json::from_str(&printed).context("reading the output of `docker inspect`")?;
    found.retain(|container| container.label("oneoff") != Some("True"));
    let owner = |container: &Container| container.label("project.working_dir").map(str::to_owned);
    match found.iter().filter_map(owner).find(|folder| Path::new(folder) != record.root) {
        Some(folder) => Err(of_another_folder(&record.project, &folder).into()),
        None => Ok(found),
    }
}

fn of_another_folder(project: &str, folder: &str) -> Failure {
    let tried = format!("looking at the containers of the Compose project {project}");
    let next = format!(
        "stop them with `cargo xtask down` in {folder} (if it has moved: `docker compose --project-name {project} \
         down`), or set COMPOSE_PROJECT_NAME to another name for this folder"
    );
    Failure::new(tried, format!("they belong to {folder}"), next)
}

impl Container {
    fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.get(&format!("com.docker.compose.{name}")).map(String::as_str)
    }

    pub fn service(&self) -> &str {
        self.label("service").unwrap_or_default()
    }

    pub fn has_health_check(&self) -> bool {
        self.state.health.is_some()
    }

    fn phase(&self, is_job: bool) -> Phase {
        let health = self.state.health.as_ref().map(|health| health.status.as_str());
        let was_stopped = matches!(self.state.exit_code, 0 | 143 | 137) && !self.state.out_of_memory;
        match (self.state.status.as_str(), health) {
            ("created", _) => Phase::Waiting,
            ("running", _) if is_job => Phase::Starting,
            ("running", None | Some("healthy" | "none" | "")) => Phase::Healthy,
            ("running", Some("starting")) => Phase::Starting,
            ("running", _) => Phase::Unhealthy,
            ("restarting", _) => Phase::Restarting,
            ("exited", _) if is_job && self.state.exit_code == 0 => Phase::Done,
            ("exited", _) if !is_job && was_stopped => Phase::Stopped,
            _ => Phase::Failed,
        }
    }

    pub fn is_healthy(&self) -> bool {
        self.phase(false) == Phase::Healthy
    }

    /// Why it is in its phase, if that is not obvious.
    pub fn note(&self) -> Option<String> {
        let state = &self.state;
        let is_unhealthy = state.health.as_ref().is_some_and(|health| health.status == "unhealthy");
        match state.status.as_str() {
            _ if !state.error.is_empty() => Some(state.error.clone()),
            _ if state.out_of_memory => Some("was killed because it exceeded its memory limit".into()),
            "exited" | "restarting" if state.exit_code != 0 => {
                Some(format!("ended with status {}", state.exit_code))
            }
            "running" if is_unhealthy => Some("does not answer its health check".into()),
            _ => None,
        }
    }
}

/// The status of each service, in the order they start.
pub fn status(record: &Record, containers: &[Container]) -> Status {
    let of_service = |name: &String| {
        let container = containers.iter().find(|container| container.service() == name)?;
        let phase = container.phase(record.is_job(name));
        Some(ServiceStatus {
            name: name.clone(),
            phase,
            port: (name == "edge" && phase != Phase::Waiting).then_some(record.published().front()),
            restarts: container.restart_count,
            stamp: container.id.clone(),
            note: container.note(),
            ..ServiceStatus::default()
        })
    };
    let services = record.services.iter().filter_map(|service| of_service(&service.name)).collect();
    Status { services, ..Status::default() }
}

/// The service that keeps the others from starting: one that runs but is not healthy, else one that
/// ended.
pub fn worst(status: &Status) -> Option<String> {
    let phases = [Phase::Failed, Phase::Unhealthy, Phase::Restarting, Phase::Starting, Phase::Stopped];
    let in_phase = |phase: &Phase| status.services.iter().find(|service| service.phase == *phase);
    phases.iter().find_map(in_phase).map(|service| service.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(state: &str) -> Container {
        let text = format!(r#"{{"Id": "1", "State": {{{state}}}, "Config": {{}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_state_of_a_container_is_a_phase_of_its_service() {
        let job = true;
        for (state, is_job, expected) in [
            (r#""Status": "created", "ExitCode": 0"#, !job, Phase::Waiting),
            (r#""Status": "running", "ExitCode": 0"#, !job, Phase::Healthy),
            (
                r#""Status": "running", "ExitCode": 0, "Health": {"Status": "starting"}"#,
                !job,
                Phase::Starting,
            ),
            (r#""Status": "running", "ExitCode": 0, "Health": {"Status": "healthy"}"#, !job, Phase::Healthy),
            (
                r#""Status": "running", "ExitCode": 0, "Health": {"Status": "unhealthy"}"#,
                !job,
                Phase::Unhealthy,
            ),
            (r#""Status": "exited", "ExitCode": 0"#, job, Phase::Done),
            (r#""Status": "exited", "ExitCode": 0"#, !job, Phase::Stopped),
            (r#""Status": "exited", "ExitCode": 1"#, job, Phase::Failed),
            (r#""Status": "exited", "ExitCode": 137, "OOMKilled": true"#, !job, Phase::Failed),
            (r#""Status": "restarting", "ExitCode": 1"#, !job, Phase::Restarting),
        ] {
            assert_eq!(container(state).phase(is_job), expected, "{state}");
        }
    }

    #[test]
    fn a_container_that_ended_has_a_note_with_the_reason() {
        let note = |state| container(state).note();
        assert_eq!(note(r#""Status": "exited", "ExitCode": 3"#).as_deref(), Some("ended with status 3"));
        let killed = note(r#""Status": "exited", "ExitCode": 137, "OOMKilled": true"#);
        assert!(killed.unwrap().contains("memory"));
        assert_eq!(note(r#""Status": "running", "ExitCode": 0"#), None);
    }
}
