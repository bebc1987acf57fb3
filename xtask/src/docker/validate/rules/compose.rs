//! Rules about Compose files, with the Dockerfiles that their services are built from.

mod shape;
mod hardening;
mod wiring;
mod environment;

pub use environment::Readers;

use super::super::{
    compose::{Model, Service, yaml::Place},
    finding::Finding,
    project::Dockerfiles,
};
use std::{collections::BTreeSet, path::Path};

/// What is known around a Compose model.
pub struct Surroundings<'a> {
    pub root: &'a Path,
    pub dockerfiles: &'a Dockerfiles,
    pub readers: &'a Readers,
    /// The services that may publish ports.
    pub edges: &'a [String],
    /// Profiles that no production has.
    pub development_profiles: &'a [String],
}

pub fn check(model: &Model, around: &Surroundings<'_>) -> Vec<Finding> {
    let mut found = Found::default();
    shape::check(model, around, &mut found);
    for service in &model.services {
        hardening::check(model, service, around, &mut found);
        wiring::check(model, service, around, &mut found);
    }
    environment::check(model, around, &mut found);
    found.findings
}

#[derive(Default)]
pub struct Found {
    findings: Vec<Finding>,
}

impl Found {
    pub fn add(&mut self, rule: &'static str, place: &Place, why: String) {
        self.findings.push(Finding::new(rule, &place.file, place.line).saying(why));
    }
}

/// It starts only when somebody asks for it while developing.
fn is_for_development(service: &Service, around: &Surroundings<'_>) -> bool {
    !service.profiles.is_empty()
        && service.profiles.iter().all(|profile| around.development_profiles.contains(profile))
}

/// The stages that services are made of, for the rules about images.
pub fn targets(model: &Model, around: &Surroundings<'_>, path: &str) -> BTreeSet<usize> {
    let built = model.services.iter().filter_map(|service| wiring::stage(service, around));
    built.filter(|(dockerfile, _)| dockerfile.path == path).map(|(_, stage)| stage).collect()
}

/// Stages that are only run once, or whose services check themselves.
pub fn checked_elsewhere(model: &Model, around: &Surroundings<'_>, path: &str) -> BTreeSet<usize> {
    let mut checked = BTreeSet::new();
    let mut unchecked = BTreeSet::new();
    for service in &model.services {
        let Some((_, stage)) =
            wiring::stage(service, around).filter(|(dockerfile, _)| dockerfile.path == path)
        else {
            continue;
        };
        let by_itself = service.healthcheck.as_ref().is_some_and(|check| check.command.is_some());
        match model.is_one_shot(service) || by_itself {
            true => checked.insert(stage),
            false => unchecked.insert(stage),
        };
    }
    checked.difference(&unchecked).copied().collect()
}
