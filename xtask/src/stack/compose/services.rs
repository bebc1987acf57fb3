//! The services of a stack as Compose reads them from the files: their images, and which wait for
//! which.

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
pub struct Config {
    services: BTreeMap<String, ConfigService>,
}

#[derive(Deserialize)]
struct ConfigService {
    #[serde(default)]
    image: String,
    #[serde(default)]
    build: ConfigBuild,
    #[serde(default)]
    depends_on: BTreeMap<String, Condition>,
}

#[derive(Default, Deserialize)]
struct ConfigBuild {
    target: Option<String>,
}

#[derive(Deserialize)]
struct Condition {
    condition: String,
}

impl Config {
    /// The services, each after those it waits for.
    pub fn services(self) -> Vec<ComposeService> {
        let conditions = self.services.values().flat_map(|service| &service.depends_on);
        let jobs: BTreeSet<_> = conditions
            .filter(|(_, it)| it.condition == "service_completed_successfully")
            .map(|(name, _)| name.clone())
            .collect();
        let mut names: Vec<_> = self.services.keys().cloned().collect();
        names.sort_by_key(|name| self.depth(name));
        let service = |name: String| ComposeService {
            image: self.services[&name].image.clone(),
            target: self.services[&name].build.target.clone(),
            is_job: jobs.contains(&name),
            name,
        };
        names.into_iter().map(service).collect()
    }

    /// How many services have to start before this one, one after the other. Compose has refused
    /// cycles.
    fn depth(&self, name: &str) -> usize {
        let needs = self.services.get(name).map(|service| service.depends_on.keys());
        needs.into_iter().flatten().map(|need| 1 + self.depth(need)).max().unwrap_or(0)
    }
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
        let services = serde_json::from_str::<Config>(text).unwrap().services();
        let names: Vec<_> = services.iter().map(|it| (it.name.as_str(), it.is_job)).collect();
        assert_eq!(names, [("postgres", false), ("migrate", true), ("worker", false), ("api", false)]);
        assert_eq!(services[3].target.as_deref(), Some("api"));
    }
}
