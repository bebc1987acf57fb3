//! The services of a stack as Compose reads them from the files: their images, and which wait for
//! which.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeService {
    pub name: String,
    pub image: String,
    /// The target of the Dockerfile, for an image that is built here.
    pub target: Option<String>,
    /// Runs once: others wait until it has succeeded.
    pub is_job: bool,
}

/// The part of `docker compose config --format json` that is used.
#[derive(Deserialize)]
struct Config {
    services: BTreeMap<String, ConfigService>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigService {
    image: String,
    build: serde_json::Value,
    depends_on: BTreeMap<String, serde_json::Value>,
}

/// The services, each after those it waits for.
pub fn parse(config: &[u8]) -> Result<Vec<ComposeService>> {
    let config: Config =
        serde_json::from_slice(config).context("reading the output of `docker compose config`")?;
    let conditions = config.services.values().flat_map(|service| &service.depends_on);
    let waits_for_success = |need: &serde_json::Value| need["condition"] == "service_completed_successfully";
    let jobs: BTreeSet<_> =
        conditions.filter(|(_, need)| waits_for_success(need)).map(|(name, _)| name).collect();
    let mut services: Vec<_> = config.services.iter().collect();
    services.sort_by_key(|(name, _)| depth(&config, name));
    let service = |(name, service): (&String, &ConfigService)| ComposeService {
        name: name.clone(),
        image: service.image.clone(),
        target: service.build["target"].as_str().map(str::to_owned),
        is_job: jobs.contains(name),
    };
    Ok(services.into_iter().map(service).collect())
}

/// How many services have to start before this one, one after the other. Compose has refused
/// cycles.
fn depth(config: &Config, name: &str) -> usize {
    let needs = config.services.get(name).map(|service| service.depends_on.keys());
    needs.into_iter().flatten().map(|need| 1 + depth(config, need)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_come_after_what_they_wait_for_and_a_job_is_one_whose_success_is_waited_for() {
        let config = br#"{"services": {
            "api": {"image": "squall/api:local", "build": {"context": ".", "target": "api"},
                    "depends_on": {"migrate": {"condition": "service_completed_successfully"}}},
            "migrate": {"image": "m", "depends_on": {"postgres": {"condition": "service_healthy"}}},
            "postgres": {"image": "p"},
            "worker": {"image": "w", "depends_on": {"gone": {"condition": "service_healthy"}}}
        }}"#;
        let services = parse(config).unwrap();
        let names: Vec<_> = services.iter().map(|it| (it.name.as_str(), it.is_job)).collect();
        assert_eq!(names, [("postgres", false), ("migrate", true), ("worker", false), ("api", false)]);
        assert_eq!(services[3].target.as_deref(), Some("api"));
    }
}
