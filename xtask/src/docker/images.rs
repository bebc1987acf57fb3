//! The images of Squall, and how large each may be.

use super::dockerfile::Dockerfile;
use anyhow::Result;
use clap::builder::PossibleValuesParser;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Its name, and the target of the Dockerfile that makes it.
    pub name: &'static str,
    /// From the root of the repository.
    pub dockerfile: &'static str,
    /// The most megabytes it may have above its base.
    pub budget: Option<u64>,
    /// Part of every build; the others are built when they are named.
    pub usual: bool,
}

const RUST: &str = "infra/docker/rust.Dockerfile";
const EDGE: &str = "infra/docker/edge.Dockerfile";

#[rustfmt::skip]
pub const IMAGES: [Image; 7] = [
    Image { name: "migrate", dockerfile: RUST, budget: Some(12), usual: true },
    Image { name: "api", dockerfile: RUST, budget: Some(12), usual: true },
    Image { name: "worker", dockerfile: RUST, budget: Some(75), usual: true },
    Image { name: "edge", dockerfile: EDGE, budget: Some(15), usual: true },
    Image { name: "demo", dockerfile: RUST, budget: Some(12), usual: true },
    Image { name: "ops", dockerfile: RUST, budget: None, usual: true },
    Image { name: "api-test", dockerfile: RUST, budget: None, usual: false },
];

pub fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(IMAGES.map(|image| image.name))
}

impl Image {
    /// `squall/api:local`, as compose.yaml names it.
    pub fn reference(&self, naming: &Naming) -> String {
        format!("{}/{}:{}", naming.prefix, self.name, naming.tag)
    }

    /// The public image that its Dockerfile begins with, or `scratch`.
    pub fn base(&self, root: &Path) -> Result<Option<String>> {
        let dockerfile = Dockerfile::read(root, self.dockerfile)?;
        let stage = dockerfile.target(self.name);
        Ok(stage.and_then(|stage| dockerfile.base_image(stage)).map(str::to_owned))
    }
}

pub fn named(name: &str) -> Option<Image> {
    IMAGES.iter().find(|image| image.name == name).copied()
}

/// What the images are called, beside their own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    pub prefix: String,
    pub tag: String,
}

impl Naming {
    /// As compose.yaml asks for them, by SQUALL_IMAGES and SQUALL_VERSION.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
        Self { prefix: value("SQUALL_IMAGES", "squall"), tag: value("SQUALL_VERSION", "local") }
    }

    /// By this process's environment.
    pub fn here() -> Self {
        Self::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }
}
