//! The containers of a stack as the engine reports them, and what that means for its services.

use super::record::Record;
use crate::{
    docker::engine::Engine,
    failure::Failure,
    stack::state::{Phase, ServiceStatus, Status},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

#[derive(Debug, Clone)]
pub struct Container {
    pub id: String,
    /// The id of its image.
    pub image: String,
    pub service: String,
    /// The folder whose Compose files it was started from.
    folder: Option<String>,
    is_of_run: bool,
    state: String,
    /// Empty without a health check.
    health: String,
    exit_code: i64,
    was_out_of_memory: bool,
    error: String,
    pub restarts: u32,
}

/// All containers of a stack, running or not, without those of `compose run`.
///
/// Two clones may use one project name. Containers of another clone are an error: whatever this one
/// does with the project, it would do to them.
pub fn all(engine: &Engine, record: &Record) -> Result<Vec<Container>> {
    let project = &record.project;
    let filter = format!("label=com.docker.compose.project={project}");
    let ids = engine.ask(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])?;
    let ids: Vec<_> = ids.lines().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // `docker compose ps` has neither restarts nor images.
    let Ok(printed) = engine.ask(&[&["container", "inspect"], &ids[..]].concat()) else {
        // One of them was removed between the two calls.
        return Ok(Vec::new());
    };
    let inspected: Vec<Value> =
        serde_json::from_str(&printed).context("reading the output of `docker inspect`")?;
    let mut containers: Vec<_> = inspected.iter().map(Container::parse).collect();
    containers.retain(|container| !container.is_of_run);
    let folders = containers.iter().filter_map(|container| container.folder.as_deref());
    if let Some(folder) = { folders }.find(|folder| Path::new(folder) != record.root) {
        let tried = format!("looking at the containers of the Compose project {project}");
        let next = format!(
            "stop them with `cargo xtask down` in {folder} (if it has moved: `docker compose --project-name {project} \
             down`), or set COMPOSE_PROJECT_NAME to another name for this folder"
        );
        return Err(Failure::new(tried, format!("they belong to {folder}"), next).into());
    }
    Ok(containers)
}

impl Container {
    /// From what `docker inspect` prints.
    pub fn parse(inspected: &Value) -> Self {
        let state = &inspected["State"];
        let label = |name: &str| inspected["Config"]["Labels"][format!("com.docker.compose.{name}")].as_str();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            id: text(&inspected["Id"]),
            image: text(&inspected["Image"]),
            service: label("service").unwrap_or_default().to_owned(),
            folder: label("project.working_dir").map(str::to_owned),
            is_of_run: label("oneoff") == Some("True"),
            state: text(&state["Status"]),
            health: text(&state["Health"]["Status"]),
            exit_code: state["ExitCode"].as_i64().unwrap_or_default(),
            was_out_of_memory: state["OOMKilled"] == true,
            error: text(&state["Error"]),
            restarts: inspected["RestartCount"]
                .as_u64()
                .map_or(0, |count| count.try_into().unwrap_or(u32::MAX)),
        }
    }

    pub fn has_health_check(&self) -> bool {
        !self.health.is_empty()
    }

    pub fn phase(&self, is_job: bool) -> Phase {
        let was_stopped = matches!(self.exit_code, 0 | 143 | 137) && !self.was_out_of_memory;
        match (self.state.as_str(), self.health.as_str()) {
            ("created", _) => Phase::Waiting,
            ("running", _) if is_job => Phase::Starting,
            ("running", "healthy" | "none" | "") => Phase::Healthy,
            ("running", "starting") => Phase::Starting,
            ("running", _) => Phase::Unhealthy,
            ("restarting", _) => Phase::Restarting,
            ("exited", _) if is_job && self.exit_code == 0 => Phase::Done,
            ("exited", _) if !is_job && was_stopped => Phase::Stopped,
            _ => Phase::Failed,
        }
    }

    /// Why it is in its phase, if that is not obvious.
    fn note(&self) -> Option<String> {
        match self.state.as_str() {
            _ if !self.error.is_empty() => Some(self.error.clone()),
            _ if self.was_out_of_memory => Some("was killed because it exceeded its memory limit".into()),
            "exited" | "restarting" if self.exit_code != 0 => {
                Some(format!("ended with status {}", self.exit_code))
            }
            "running" if self.health == "unhealthy" => Some("does not answer its health check".into()),
            _ => None,
        }
    }
}

/// The status of each service, in the order they start.
pub fn status(record: &Record, containers: &[Container]) -> Status {
    let services = record.services.iter().filter_map(|service| {
        let container = containers.iter().find(|container| container.service == service.name)?;
        let phase = container.phase(service.is_job);
        Some(ServiceStatus {
            name: service.name.clone(),
            phase,
            port: (service.name == "edge" && phase != Phase::Waiting).then_some(record.ports.front()),
            restarts: container.restarts,
            stamp: container.id.clone(),
            note: container.note(),
            ..ServiceStatus::default()
        })
    });
    Status { url: record.url.clone(), services: services.collect(), ..Status::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_container_is_a_phase_of_its_service_with_the_reason() {
        let (job, ended) = (true, Some("ended with status 1"));
        let memory = Some("was killed because it exceeded its memory limit");
        let silent = Some("does not answer its health check");
        for (state, is_job, phase, note) in [
            (r#""Status": "created""#, !job, Phase::Waiting, None),
            (r#""Status": "running""#, !job, Phase::Healthy, None),
            (r#""Status": "running""#, job, Phase::Starting, None),
            (r#""Status": "running", "Health": {"Status": "starting"}"#, !job, Phase::Starting, None),
            (r#""Status": "running", "Health": {"Status": "healthy"}"#, !job, Phase::Healthy, None),
            (r#""Status": "running", "Health": {"Status": "unhealthy"}"#, !job, Phase::Unhealthy, silent),
            (r#""Status": "exited", "ExitCode": 0"#, job, Phase::Done, None),
            (r#""Status": "exited", "ExitCode": 0"#, !job, Phase::Stopped, None),
            (r#""Status": "exited", "ExitCode": 1"#, job, Phase::Failed, ended),
            (r#""Status": "exited", "ExitCode": 137, "OOMKilled": true"#, !job, Phase::Failed, memory),
            (r#""Status": "restarting", "ExitCode": 1"#, !job, Phase::Restarting, ended),
        ] {
            let inspected = serde_json::from_str(&format!(r#"{{"State": {{{state}}}}}"#)).unwrap();
            let container = Container::parse(&inspected);
            assert_eq!((container.phase(is_job), container.note().as_deref()), (phase, note), "{state}");
        }
    }
}
