//! A step as data. Explain, run, key, help, workflows and docs read this one value.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One node of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its name on the command line.
    pub id: String,
    /// What it shows, in a few words.
    pub title: String,
    /// The job of the workflow that runs it.
    pub job: String,
    /// The `cargo xtask` command that runs it alone.
    pub command: Vec<String>,
    /// What it runs.
    pub plan: Plan,
    /// Steps that must pass first.
    pub needs: Vec<String>,
    /// What its result depends on, besides its plan.
    pub inputs: Vec<Input>,
    /// What it leaves for other steps.
    pub outputs: Outputs,
    /// The variables that reach it, and are part of its key.
    pub environment: Vec<String>,
    /// The programs whose versions are part of its key.
    pub tools: Vec<String>,
    /// What no other step may use meanwhile.
    pub occupies: Vec<Resource>,
    /// What is installed before it runs.
    pub provisions: Vec<Provision>,
    /// When it counts as hanging and is ended.
    pub limit_seconds: u64,
    /// Why a result of it must not be used again.
    pub uncacheable: Option<String>,
}

/// What a step runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Commands, one after the other, until one fails.
    Commands(Vec<Command>),
    /// Code of xtask, whose sources are then an input.
    Xtask,
}

/// One command of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program, and its arguments.
    pub argv: Vec<String>,
    /// The working folder, from the root of the repository; empty for the root.
    pub folder: String,
    /// Variables it sets.
    pub environment: BTreeMap<String, String>,
}

/// What a result depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A cargo package with its tests, and all packages of the workspace it is built from: of Rust
    /// sources only the code counts, of other files all.
    Package(String),
    /// Files of git, tracked or new: a path, a folder with a slash at its end, or a pattern with `*`
    /// (within a name) and `**` (any folders).
    Files(String),
    /// The same, where of Rust sources only the code counts: see [`crate::code`].
    Code(String),
    /// The output files of a needed step.
    Outputs(String),
    /// What the COPY lines of an image's Dockerfile name and .dockerignore leaves: of Rust sources only
    /// the code counts.
    Image(String),
}

/// What a step leaves for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outputs {
    /// Its result alone.
    Nothing,
    /// A folder, kept with the result and put back on a hit.
    Folder(String),
    /// Something that stays on the machine, such as cargo's target folder. The step runs whenever a
    /// step that needs it runs.
    Machine,
}

/// Two steps that occupy the same resource never run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Cargo's target folder, which one cargo locks at a time.
    Target,
    /// About one core of npm, Vite, Vitest or TypeScript.
    Node,
}

/// What can be installed for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provision {
    /// A private PostgreSQL.
    Postgres,
    /// The packages of web/package-lock.json.
    NpmPackages,
    /// A browser.
    Chromium,
    /// nginx, for tests of the edge.
    Nginx,
    /// Redis, for tests of shared limits and live updates.
    Redis,
    /// promtool of Prometheus, for tests of the alert rules.
    Promtool,
    /// An engine with Compose, buildx and the base images.
    Docker,
}

impl Provision {
    /// The Debian packages of a program that comes from the system.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres | Self::NpmPackages | Self::Docker => &[],
            // Without a font, pages show boxes instead of letters.
            Self::Chromium => &["chromium", "fonts-liberation"],
            Self::Nginx => &["nginx-light"],
            Self::Redis => &["redis-server"],
            Self::Promtool => &["prometheus"],
        }
    }
}
