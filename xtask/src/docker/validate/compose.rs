//! Compose files as one model whose every value knows its file and line.
//!
//! The flow: each file is read with its places ([`yaml`]) → files are laid over each other as Compose does it ([`merge`]) → `${…}` gets its
//! defaults ([`interpolate`]) → services are taken out ([`service`]). Where a Compose client answers, its own reading of the same
//! files takes the place of ours ([`client`]), and ours says where each value stands.

pub mod yaml;
mod merge;
mod interpolate;
mod service;
pub mod client;

pub use interpolate::Use;
pub use service::{Build, Service};

use super::finding::Finding;
use yaml::{Node, Place};

/// Files that are run together.
#[derive(Debug)]
pub struct Model {
    /// As a person would say it: `compose.yaml + infra/compose.prod.yaml`.
    pub title: String,
    pub files: Vec<String>,
    /// What relative paths count from.
    pub folder: String,
    pub is_production: bool,
    pub root: Node,
    pub services: Vec<Service>,
    pub uses: Vec<Use>,
}

/// A Compose file as it was found.
#[derive(Debug, Clone)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Model {
    /// Lays the sources over each other. What cannot be read is a finding, and then there is no model.
    pub fn read(sources: &[Source], is_production: bool) -> Result<Self, Vec<Finding>> {
        let mut faults = Vec::new();
        let mut roots = Vec::new();
        for source in sources {
            match yaml::parse(&source.path, &source.text) {
                Ok(root) => roots.push(root),
                Err((line, said)) => {
                    faults.push(
                        Finding::new("SQ-C00", &source.path, line).saying(format!("this is no YAML: {said}")),
                    );
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut uses = Vec::new();
        let mut merged: Option<Node> = None;
        for mut root in roots {
            interpolate::all(&mut root, &mut uses);
            merged = Some(match merged {
                Some(below) => merge::over(below, root),
                None => merge::settled(root),
            });
        }
        let files: Vec<_> = sources.iter().map(|source| source.path.clone()).collect();
        let first = files.first().cloned().unwrap_or_default();
        let root = merged.unwrap_or_else(|| Node::null(Place { file: first.into(), line: 1 }));
        let folder =
            files.first().and_then(|file| file.rsplit_once('/')).map_or("", |(folder, _)| folder).to_owned();
        let services = service::all(&root, &folder);
        Ok(Self { folder, title: files.join(" + "), files, is_production, root, services, uses })
    }

    /// The same model as Compose itself reads it, with the places of ours.
    pub fn dressed(mut self, read: &serde_json::Value) -> Self {
        self.root = client::dress(read, Some(&self.root), &self.root.place);
        self.services = service::all(&self.root, &self.folder);
        self
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Whether it ends by itself and is meant to: others wait for its end, or nobody restarts it.
    pub fn is_one_shot(&self, service: &Service) -> bool {
        let awaited = self.services.iter().flat_map(|other| &other.dependencies).any(|dependency| {
            dependency.on == service.name
                && dependency.condition.as_deref() == Some("service_completed_successfully")
        });
        let never = service.restart.as_ref().is_some_and(|(restart, _)| restart == "no");
        awaited || (never && service.healthcheck.is_none())
    }
}
