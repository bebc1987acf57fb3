//! The images there are, and how large each may be.

use serde::Serialize;

/// One image of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Its name, and the target of the Dockerfile that makes it.
    pub name: &'static str,
    /// The Dockerfile, from the root of the repository.
    pub dockerfile: &'static str,
    pub about: &'static str,
    /// What it may weigh, if that is promised.
    pub budget: Option<Budget>,
    /// Part of every build; the others are built when they are named.
    pub usual: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    pub megabytes: u64,
    /// The image whose own size does not count.
    pub above: Option<&'static str>,
}

const RUST: &str = "infra/docker/rust.Dockerfile";
const EDGE: &str = "infra/docker/edge.Dockerfile";

/// The Cargo workspace, which is compiled as a whole.
const WORKSPACE: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", ".sqlx", "api", "worker", "crates", "migrations", "tests", "infra/nginx"];
const EDGE_ALONE: [&str; 3] = [EDGE, "infra/docker/precompress.mjs", "web"];

const fn whole(megabytes: u64) -> Option<Budget> {
    Some(Budget { megabytes, above: None })
}

#[rustfmt::skip]
pub const IMAGES: [Image; 7] = [
    Image { name: "migrate", dockerfile: RUST, about: "the job that brings the schema up to date", budget: whole(12), usual: true },
    Image { name: "api", dockerfile: RUST, about: "accepts events and answers questions", budget: whole(12), usual: true },
    Image { name: "worker", dockerfile: RUST, about: "reads sources and digests events", budget: whole(75), usual: true },
    Image { name: "edge", dockerfile: EDGE, about: "nginx with the dashboard: the one published port", budget: Some(Budget { megabytes: 15, above: Some("nginx:1.28-alpine-slim") }), usual: true },
    Image { name: "demo", dockerfile: RUST, about: "a realistic stream of logs", budget: whole(12), usual: true },
    Image { name: "ops", dockerfile: RUST, about: "xtask with backups and migrations, and PostgreSQL's programs", budget: None, usual: true },
    Image { name: "api-test", dockerfile: RUST, about: "the tests of the api", budget: None, usual: false },
];

impl Image {
    /// What it is made from, from the root of the repository: another image is made when one of these changes.
    pub fn sources(&self) -> Vec<&'static str> {
        match self.name {
            // Of the workspace it holds one program; the rest only makes the workspace whole.
            "edge" => {
                [["Cargo.toml", "Cargo.lock", "crates/edge", "infra/nginx"].as_slice(), EDGE_ALONE.as_slice()]
                    .concat()
            }
            _ => self.context(),
        }
    }

    /// What a build sends to the engine.
    pub fn context(&self) -> Vec<&'static str> {
        let more: &[&str] = match self.name {
            "edge" => &EDGE_ALONE,
            "ops" => &[
                RUST,
                "xtask/Cargo.toml",
                "xtask/Cargo.lock",
                "xtask/src",
                "xtask/xtask.toml",
                "xtask/tools.toml",
            ],
            "api-test" => {
                &[RUST, "docs/reference/configuration.md", "web/openapi.json", "infra/docker/api-test.sh"]
            }
            _ => &[RUST],
        };
        [WORKSPACE.as_slice(), more].concat()
    }

    /// `squall/api:local`, as compose.yaml names it.
    pub fn reference(&self, naming: &Naming) -> String {
        format!("{}/{}:{}", naming.prefix, self.name, naming.tag)
    }
}

pub fn named(name: &str) -> Option<Image> {
    IMAGES.iter().find(|image| image.name == name).copied()
}

/// What images of ours are called, beside their own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    pub prefix: String,
    pub tag: String,
}

impl Naming {
    /// As compose.yaml asks for them, by SQUALL_IMAGES and SQUALL_VERSION.
    pub fn of(said: impl Fn(&str) -> Option<String>) -> Self {
        let word = |name, usual: &str| said(name).unwrap_or_else(|| usual.to_owned());
        Self { prefix: word("SQUALL_IMAGES", "squall"), tag: word("SQUALL_VERSION", "local") }
    }

    /// That of this process's environment.
    pub fn here() -> Self {
        Self::of(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    pub fn tagged(self, tag: Option<String>) -> Self {
        Self { tag: tag.unwrap_or(self.tag), ..self }
    }
}
