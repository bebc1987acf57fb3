//! The services of a stack as Compose reads them from the files: their images, and which wait for which.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeService {
    pub name: String,
    pub image: String,
    /// The target of the Dockerfile, for an image that is built here.
    pub target: Option<String>,
    /// Runs once: others wait until it has succeeded.
    pub is_job: bool,
    needs: Vec<String>,
}

/// The part of `docker compose config --format json` that is used.
#[derive(Deserialize)]
pub struct Config {
    services: BTreeMap<String, ConfigService>,
}

#[derive(Deserialize)]
struct ConfigService {
    image: Option<String>,
    build: Option<ConfigBuild>,
    #[serde(default)]
    depends_on: BTreeMap<String, Condition>,
}

#[derive(Deserialize)]
struct ConfigBuild {
    target: Option<String>,
}

#[derive(Deserialize)]
struct Condition {
    condition: String,
}

const JOB_DONE: &str = "service_completed_successfully";

/// The services, each after those it waits for.
pub fn in_order(config: &Config) -> Vec<ComposeService> {
    let is_job = |name: &str| {
        let waits =
            |service: &ConfigService| service.depends_on.get(name).is_some_and(|it| it.condition == JOB_DONE);
        config.services.values().any(waits)
    };
    let mut waiting: Vec<_> = config
        .services
        .iter()
        .map(|(name, service)| ComposeService {
            name: name.clone(),
            image: service.image.clone().unwrap_or_default(),
            target: service.build.as_ref().and_then(|build| build.target.clone()),
            is_job: is_job(name),
            needs: service.depends_on.keys().cloned().collect(),
        })
        .collect();
    let mut ordered: Vec<ComposeService> = Vec::new();
    while !waiting.is_empty() {
        let placed = |name: &String| ordered.iter().any(|service| service.name == *name);
        let known = |name: &String| config.services.contains_key(name);
        // Compose has refused cycles; take the first if it has not.
        let next = waiting
            .iter()
            .position(|it| it.needs.iter().all(|need| placed(need) || !known(need)))
            .unwrap_or(0);
        ordered.push(waiting.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_come_after_what_they_wait_for_and_a_job_is_one_whose_success_is_waited_for() {
        let text = r#"{"services": {
            "api": {"image": "squall/api:local", "build": {"context": ".", "target": "api"},
                    "depends_on": {"migrate": {"condition": "service_completed_successfully"}}},
            "migrate": {"image": "m", "depends_on": {"postgres": {"condition": "service_healthy"}}},
            "postgres": {"image": "p"},
            "worker": {"image": "w", "depends_on": {"gone": {"condition": "service_healthy"}}}
        }}"#;
        let services = in_order(&serde_json::from_str(text).unwrap());
        let names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
        assert_eq!(names, ["postgres", "migrate", "api", "worker"]);
        assert_eq!(
            services.iter().filter(|service| service.is_job).map(|it| &it.name).collect::<Vec<_>>(),
            ["migrate"]
        );
        assert_eq!(services[2].target.as_deref(), Some("api"));
    }
}
