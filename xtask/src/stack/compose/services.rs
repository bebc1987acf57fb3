//! The services of a stack: what Compose reads about them from the files, and what the engine
//! reports about their containers.

use super::record::{ComposeService, Record};
use crate::{
    docker::engine::Engine,
    failure::Failure,
    stack::state::{Phase, ServiceStatus, Status},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

/// What `docker compose config` prints.
pub struct Configured {
    /// The address that people open.
    pub url: String,
    /// Each after those it waits for.
    pub services: Vec<ComposeService>,
    /// Ports of this machine.
    pub ports: Vec<u16>,
}

pub fn configured(printed: &str) -> Result<Configured> {
    let config: Value =
        serde_json::from_str(printed).context("reading the output of `docker compose config`")?;
    let services = &config["services"];
    let mut named: Vec<_> = services.as_object().into_iter().flatten().collect();
    named.sort_by_key(|(name, _)| depth(services, name));
    let needs = named.iter().filter_map(|(_, service)| service["depends_on"].as_object()).flatten();
    let jobs: BTreeSet<_> = needs
        .filter(|(_, need)| need["condition"] == "service_completed_successfully")
        .map(|(name, _)| name)
        .collect();
    let service = |(name, service): &(&String, &Value)| ComposeService {
        name: (*name).clone(),
        image: text(&service["image"]).to_owned(),
        target: service["build"]["target"].as_str().map(str::to_owned),
        is_job: jobs.contains(name),
    };
    let ports = named.iter().filter_map(|(_, service)| service["ports"].as_array()).flatten();
    Ok(Configured {
        url: text(&services["api"]["environment"]["SQUALL_PUBLIC_URL"]).to_owned(),
        services: named.iter().map(service).collect(),
        ports: ports.filter_map(|port| text(&port["published"]).parse().ok()).collect(),
    })
}

/// How many services have to start before this one, one after the other. Compose has refused
/// cycles.
fn depth(services: &Value, name: &str) -> usize {
    let needs = services[name]["depends_on"].as_object().into_iter().flatten();
    needs.map(|(need, _)| 1 + depth(services, need)).max().unwrap_or(0)
}

/// One container, as `docker inspect` prints it.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Container(Value);

/// All containers of a stack, running or not, without those of `compose run`.
///
/// Two clones may use one project name. Containers of another clone are an error: whatever this one
/// does with the project, it would do to them.
pub fn containers(engine: &Engine, record: &Record) -> Result<Vec<Container>> {
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
    let mut containers: Vec<Container> =
        serde_json::from_str(&printed).context("reading the output of `docker inspect`")?;
    containers.retain(|container| container.label("oneoff") != Some("True"));
    refuse_foreign(&containers, record)?;
    Ok(containers)
}

fn refuse_foreign(containers: &[Container], record: &Record) -> Result<()> {
    let mut folders = containers.iter().filter_map(|container| container.label("project.working_dir"));
    let Some(folder) = folders.find(|folder| Path::new(folder) != record.root) else { return Ok(()) };
    let project = &record.project;
    let tried = format!("looking at the containers of the Compose project {project}");
    let next = format!(
        "stop them with `cargo xtask down` in {folder} (if it has moved: `docker compose --project-name {project} \
         down`), or set COMPOSE_PROJECT_NAME to another name for this folder"
    );
    Err(Failure::new(tried, format!("they belong to {folder}"), next).into())
}

impl Container {
    fn label(&self, name: &str) -> Option<&str> {
        self.0["Config"]["Labels"][format!("com.docker.compose.{name}")].as_str()
    }

    pub fn service(&self) -> &str {
        self.label("service").unwrap_or_default()
    }

    /// The id of its image.
    pub fn image(&self) -> &str {
        text(&self.0["Image"])
    }

    pub fn has_health_check(&self) -> bool {
        self.0["State"]["Health"].is_object()
    }

    /// The ports of this machine at which it is reached; with TLS, that of https (8443 in the
    /// container) comes after that of http (8080).
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        let published = self.0["NetworkSettings"]["Ports"].as_object().into_iter().flatten();
        published.filter_map(|(_, bound)| text(&bound[0]["HostPort"]).parse().ok())
    }

    pub fn status(&self, is_job: bool) -> ServiceStatus {
        let state = &self.0["State"];
        let (error, health) = (text(&state["Error"]), text(&state["Health"]["Status"]));
        let was_out_of_memory = state["OOMKilled"] == true;
        let exit_code = state["ExitCode"].as_i64().unwrap_or_default();
        let was_stopped = matches!(exit_code, 0 | 143 | 137) && !was_out_of_memory;
        let phase = match (text(&state["Status"]), health) {
            ("created", _) => Phase::Waiting,
            ("running", _) if is_job => Phase::Starting,
            ("running", "healthy" | "none" | "") => Phase::Healthy,
            ("running", "starting") => Phase::Starting,
            ("running", _) => Phase::Unhealthy,
            ("restarting", _) => Phase::Restarting,
            ("exited", _) if is_job && exit_code == 0 => Phase::Done,
            ("exited", _) if !is_job && was_stopped => Phase::Stopped,
            _ => Phase::Failed,
        };
        let note = match text(&state["Status"]) {
            _ if !error.is_empty() => Some(error.to_owned()),
            _ if was_out_of_memory => Some("was killed because it exceeded its memory limit".into()),
            "exited" | "restarting" if exit_code != 0 => Some(format!("exited with status {exit_code}")),
            "running" if health == "unhealthy" => Some("does not answer its health check".into()),
            _ => None,
        };
        let restarts = self.0["RestartCount"].as_u64().and_then(|count| count.try_into().ok()).unwrap_or(0);
        let port = self.ports().last();
        let (name, stamp) = (self.service().to_owned(), text(&self.0["Id"]).to_owned());
        ServiceStatus { name, phase, port, restarts, stamp, note, ..ServiceStatus::default() }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The status of each service, in the order they start.
pub fn status(record: &Record, containers: &[Container]) -> Status {
    let services = record.services.iter().filter_map(|service| {
        let container = containers.iter().find(|container| container.service() == service.name)?;
        Some(container.status(service.is_job))
    });
    Status { services: services.collect(), ..Status::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_come_after_what_they_wait_for_and_a_job_is_one_whose_success_is_waited_for() {
        let config = r#"{"services": {
            "edge": {"image": "e", "ports": [{"target": 8080, "published": "8642"}]},
            "api": {"image": "squall/api:local", "build": {"context": ".", "target": "api"},
                    "environment": {"SQUALL_PUBLIC_URL": "https://squall.example"},
                    "depends_on": {"migrate": {"condition": "service_completed_successfully"}}},
            "migrate": {"image": "m", "depends_on": {"postgres": {"condition": "service_healthy"}}},
            "postgres": {"image": "p"},
            "worker": {"image": "w", "depends_on": {"gone": {"condition": "service_healthy"}}}
        }}"#;
        let Configured { url, services, ports } = configured(config).unwrap();
        assert_eq!((url.as_str(), ports), ("https://squall.example", vec![8642]));
        let names: Vec<_> = services.iter().map(|it| (it.name.as_str(), it.is_job)).collect();
        let expected =
            [("edge", false), ("postgres", false), ("migrate", true), ("worker", false), ("api", false)];
        assert_eq!(names, expected);
        assert_eq!(services[4].target.as_deref(), Some("api"));
    }

    #[test]
    fn containers_of_another_clone_are_refused() {
        let container =
            r#"[{"Config": {"Labels": {"com.docker.compose.project.working_dir": "/original"}}}]"#;
        let containers: Vec<Container> = serde_json::from_str(container).unwrap();
        let record = |root: &str| Record { root: root.into(), ..Record::default() };
        refuse_foreign(&containers, &record("/original")).unwrap();
        let error = refuse_foreign(&containers, &record("/copy")).unwrap_err().to_string();
        assert!(error.contains("belong to /original") && error.contains("COMPOSE_PROJECT_NAME"), "{error}");
    }

    #[test]
    fn the_port_of_a_service_is_that_of_https_where_there_are_two() {
        let port = |ports: &str| {
            let inspected = format!(r#"{{"NetworkSettings": {{"Ports": {{{ports}}}}}}}"#);
            serde_json::from_str::<Container>(&inspected).unwrap().status(false).port
        };
        let (http, https) = (r#""8080/tcp": [{"HostPort": "80"}]"#, r#""8443/tcp": [{"HostPort": "443"}]"#);
        assert_eq!(port(&format!("{https}, {http}")), Some(443));
        assert_eq!((port(http), port(r#""5432/tcp": null"#)), (Some(80), None));
    }

    #[test]
    fn the_state_of_a_container_is_a_phase_of_its_service_with_the_reason() {
        let (job, ended) = (true, Some("exited with status 1"));
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
            let inspected = format!(r#"{{"State": {{{state}}}}}"#);
            let status = serde_json::from_str::<Container>(&inspected).unwrap().status(is_job);
            assert_eq!((status.phase, status.note.as_deref()), (phase, note), "{state}");
        }
    }
}
