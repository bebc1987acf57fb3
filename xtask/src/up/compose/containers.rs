//! What the engine says about the containers of a stack, in the words of the native one.

use super::stack::ComposeStack;
use crate::{
    docker::engine::Engine,
    up::state::{Phase, ServiceState, State},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Instant};

/// A service that ends this often before it was healthy will not become so.
const HOPELESS_RESTARTS: u32 = 3;

/// One container, as `docker inspect` prints it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    pub id: String,
    /// The id of the image that it was made of.
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

/// All containers of a stack, running or not; those of `compose run` are not part of it.
pub fn all(engine: &Engine, project: &str) -> Result<Vec<Container>> {
    let filter = format!("label=com.docker.compose.project={project}");
    let ids = engine.ask(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter])?;
    let ids: Vec<_> = ids.lines().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let arguments: Vec<_> = ["container", "inspect"].into_iter().chain(ids.iter().copied()).collect();
    let Ok(printed) = engine.ask(&arguments) else {
        // One of them went away between the two questions.
        return Ok(Vec::new());
    };
    let found: Vec<Container> =
        serde_json::from_str(&printed).context("reading what `docker inspect` printed")?;
    Ok(found.into_iter().filter(|it| it.label("oneoff") != Some("True")).collect())
}

impl Container {
    fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.get(&format!("com.docker.compose.{name}")).map(String::as_str)
    }

    pub fn service(&self) -> &str {
        self.label("service").unwrap_or_default()
    }

    fn phase(&self, is_job: bool) -> Phase {
        let health = self.state.health.as_ref().map(|health| health.status.as_str());
        match (self.state.status.as_str(), health) {
            ("created", _) => Phase::Waiting,
            ("running", _) if is_job => Phase::Starting,
            ("running", None | Some("healthy" | "none" | "")) => Phase::Healthy,
            ("running", Some("starting")) => Phase::Starting,
            ("running", _) => Phase::Unhealthy,
            ("restarting", _) => Phase::Restarting,
            ("exited", _) if is_job && self.state.exit_code == 0 => Phase::Done,
            ("exited", _)
                if !is_job && matches!(self.state.exit_code, 0 | 143 | 137) && !self.state.out_of_memory =>
            {
                Phase::Stopped
            }
            _ => Phase::Failed,
        }
    }

    pub fn is_healthy(&self) -> bool {
        self.phase(false) == Phase::Healthy
    }

    /// Why it is in its phase, where that needs saying.
    pub fn note(&self) -> Option<String> {
        let state = &self.state;
        match state.status.as_str() {
            _ if !state.error.is_empty() => Some(state.error.clone()),
            _ if state.out_of_memory => {
                Some("was ended because it needed more memory than it may have".into())
            }
            "exited" | "restarting" if state.exit_code != 0 => {
                Some(format!("ended with status {}", state.exit_code))
            }
            "running" if state.health.as_ref().is_some_and(|health| health.status == "unhealthy") => {
                Some("does not answer its health check".into())
            }
            _ => None,
        }
    }
}

/// The state of each service, in the order of the stack. Whether it was ready at the look before says when it became so.
pub fn state(stack: &ComposeStack, found: &[Container], began: Instant, before: &State) -> State {
    let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let known_since = |name: &String| {
        before
            .service(name)
            .filter(|service| service.phase.is_ready())
            .and_then(|service| service.ready_after_ms)
    };
    let one = |name: &String| {
        let container = found.iter().find(|container| container.service() == name)?;
        let phase = container.phase(stack.service(name).is_some_and(|service| service.is_job));
        Some(ServiceState {
            name: name.clone(),
            phase,
            process: None,
            port: (name == "edge" && phase != Phase::Waiting).then_some(stack.published().front()),
            restarts: container.restart_count,
            since: 0,
            stamp: container.id.clone(),
            note: container.note(),
            ready_after_ms: phase.is_ready().then(|| known_since(name).unwrap_or(elapsed)),
        })
    };
    State {
        supervisor: None,
        url: stack.url.clone(),
        services: stack.names().iter().filter_map(one).collect(),
        build_failed: None,
    }
}

/// Whether one that runs on has no health check.
pub fn any_unchecked(stack: &ComposeStack, found: &[Container]) -> bool {
    let is_job =
        |container: &Container| stack.service(container.service()).is_some_and(|service| service.is_job);
    found.iter().any(|container| container.state.health.is_none() && !is_job(container))
}

/// How often each container was restarted before we looked.
pub fn restarts(found: &[Container]) -> BTreeMap<String, u32> {
    found.iter().map(|container| (container.id.clone(), container.restart_count)).collect()
}

/// A service that will not become healthy: it ended badly, or ends again and again.
pub fn failed(stack: &ComposeStack, found: &[Container], before: &BTreeMap<String, u32>) -> Option<String> {
    let hopeless = |container: &&Container| {
        let is_job = stack.service(container.service()).is_some_and(|service| service.is_job);
        let again = container.restart_count
            - before.get(&container.id).copied().unwrap_or(0).min(container.restart_count);
        container.phase(is_job) == Phase::Failed || again >= HOPELESS_RESTARTS
    };
    found.iter().find(hopeless).map(|container| container.service().to_owned())
}

/// The service that keeps the others from starting: one that runs and is not well, else one that ended.
pub fn unready(stack: &ComposeStack, state: &State) -> Option<String> {
    let bad = [Phase::Failed, Phase::Unhealthy, Phase::Restarting, Phase::Starting, Phase::Stopped];
    let of = |phase: &Phase| state.services.iter().find(|service| service.phase == *phase);
    let found = bad.iter().find_map(of)?;
    (found.phase != stack.good_phase(&found.name)).then(|| found.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(state: &str, restarts: u32) -> Container {
        let text = format!(
            r#"{{"Id": "1", "RestartCount": {restarts}, "State": {state},
                "Config": {{"Labels": {{"com.docker.compose.service": "api"}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_engines_words_become_ours() {
        let check =
            |state, is_job, expected| assert_eq!(container(state, 0).phase(is_job), expected, "{state}");
        check(r#"{"Status": "created", "ExitCode": 0}"#, false, Phase::Waiting);
        check(r#"{"Status": "running", "ExitCode": 0}"#, false, Phase::Healthy);
        check(
            r#"{"Status": "running", "ExitCode": 0, "Health": {"Status": "starting"}}"#,
            false,
            Phase::Starting,
        );
        check(
            r#"{"Status": "running", "ExitCode": 0, "Health": {"Status": "healthy"}}"#,
            false,
            Phase::Healthy,
        );
        check(
            r#"{"Status": "running", "ExitCode": 0, "Health": {"Status": "unhealthy"}}"#,
            false,
            Phase::Unhealthy,
        );
        check(r#"{"Status": "exited", "ExitCode": 0}"#, true, Phase::Done);
        check(r#"{"Status": "exited", "ExitCode": 0}"#, false, Phase::Stopped);
        check(r#"{"Status": "exited", "ExitCode": 1}"#, true, Phase::Failed);
        check(r#"{"Status": "exited", "ExitCode": 137, "OOMKilled": true}"#, false, Phase::Failed);
        check(r#"{"Status": "restarting", "ExitCode": 1}"#, false, Phase::Restarting);
    }

    #[test]
    fn a_container_that_ended_says_how() {
        let note = |state| container(state, 0).note();
        assert_eq!(note(r#"{"Status": "exited", "ExitCode": 3}"#).as_deref(), Some("ended with status 3"));
        assert!(
            note(r#"{"Status": "exited", "ExitCode": 137, "OOMKilled": true}"#).unwrap().contains("memory")
        );
        assert_eq!(note(r#"{"Status": "running", "ExitCode": 0}"#), None);
    }
}
