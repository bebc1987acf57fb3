//! The container engine of this machine, reached through the `docker` client.
//!
//! The client, the engine behind it and Compose can each be missing or too old; a failure names the
//! one.

use crate::{
    failure::{Exit, Failure},
    process::{SIGTERM, die_with_parent},
    tools::{is_at_least, version_of},
    world::show,
};
use anyhow::{Context, Result, anyhow, bail};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// A busy engine answers within a second.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// The first Compose that waits for jobs to succeed and merges files as ours need it.
pub const OLDEST_COMPOSE: &str = "2.24";
pub const NO_COMPOSE: &str = "`docker compose` is missing or too old (Ubuntu: apt-get install docker-compose-v2; \
                              Debian 13: docker-compose; Debian 12: see docs/guide/containers.md)";
pub const INSTALL: &str = "Debian: apt-get install docker.io docker-compose docker-buildx";

/// An engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    client: PathBuf,
    /// What a container may use at most.
    pub processors: u32,
}

/// Why no engine answers.
#[derive(Debug)]
pub enum Unavailable {
    NoClient,
    /// What the client printed, or that the engine did not answer in time.
    NotResponding(String),
}

impl Engine {
    /// The engine that the `docker` client of the path reaches.
    pub fn find() -> Result<Self, Unavailable> {
        let client = which::which("docker").map_err(|_| Unavailable::NoClient)?;
        match count_processors(&client) {
            Ok(processors) => Ok(Self { client, processors }),
            Err(error) => Err(Unavailable::NotResponding(format!("{error:#}"))),
        }
    }

    /// The engine, or a failure that names what is missing.
    pub fn need(tried: &str) -> Result<Self> {
        Self::find().map_err(|error| error.failure(tried).into())
    }

    /// The engine for a step of CI, which is skipped without one unless SQUALL_DOCKER=required.
    pub fn for_step(tried: &str) -> Result<Self> {
        let exit = if is_required() { Exit::Failed } else { Exit::NotRun };
        Self::find().map_err(|error| error.failure(tried).exit(exit).into())
    }

    /// `docker` with these arguments. It ends when this process does.
    pub fn docker(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.client);
        command.args(arguments).stdin(Stdio::null()).env("DOCKER_CLI_HINTS", "false");
        die_with_parent(&mut command, SIGTERM);
        command
    }

    /// What `docker` prints with these arguments; its error output when it fails.
    pub fn ask(&self, arguments: &[&str]) -> Result<String> {
        capture(self.docker(arguments))
    }

    pub fn has_image(&self, name: &str) -> bool {
        self.ask(&["image", "inspect", "--format", "{{.Id}}", name]).is_ok()
    }

    /// `docker compose`, if it is new enough.
    pub fn compose(&self) -> Result<Command> {
        if has_compose() {
            return Ok(self.docker(["compose"]));
        }
        let next = format!("install Compose {OLDEST_COMPOSE} or newer, or run `cargo xtask up --native`");
        Err(Failure::new("finding Docker Compose", NO_COMPOSE, next).exit(Exit::ToolMissing).into())
    }
}

/// Whether the docker client has a Compose that is new enough. That needs no engine.
pub fn has_compose() -> bool {
    let version = version_of("docker", &["compose", "version", "--short"]);
    version.is_some_and(|version| is_at_least(&version, OLDEST_COMPOSE))
}

/// What a container may use, if the engine answers in time.
fn count_processors(client: &Path) -> Result<u32> {
    let format = "{{range .ServerErrors}}{{println .}}{{else}}{{with .NCPU}}{{.}}{{end}}{{end}}";
    let info = duct::cmd(client, ["info", "--format", format]).stdin_null();
    let info = info.stdout_capture().stderr_capture().unchecked().start()?;
    let Some(output) = info.wait_timeout(ANSWERS_WITHIN)? else {
        info.kill()?;
        bail!("no answer within {} s", ANSWERS_WITHIN.as_secs());
    };
    let [printed, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    printed.trim().parse().map_err(|_| anyhow!("{}", format!("{printed}{errors}").trim()))
}

/// Whether steps of CI that need Docker must run.
pub fn is_required() -> bool {
    std::env::var("SQUALL_DOCKER").is_ok_and(|value| value == "required")
}

impl Unavailable {
    pub fn failure(&self, tried: &str) -> Failure {
        let (wrong, next) = match self {
            Self::NoClient => (
                "there is no docker client on the path".to_owned(),
                format!("install Docker ({INSTALL}), or run the stack with `cargo xtask up --native`"),
            ),
            Self::NotResponding(message) => (
                format!("the docker client is installed, but its engine does not answer: {message}"),
                "start the engine (`systemctl start docker`, or `dockerd` as root), or join the group docker; \
                 `cargo xtask up --native` runs the same services without it"
                    .to_owned(),
            ),
        };
        Failure::new(tried, wrong, next).exit(Exit::ToolMissing)
    }
}

/// Runs a command quietly and returns what it printed, or an error with its error output.
pub fn capture(mut command: Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {}", show(&command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    bail!("{} exited with {}: {message}", show(&command), output.status)
}
