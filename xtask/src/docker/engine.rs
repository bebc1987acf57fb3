//! The container engine of this machine, reached through the `docker` client alone.
//!
//! Three programs may lack or be too old, each on its own: the client, the engine behind it, Compose. Whoever needs one asks
//! for it here and gets a failure that says which.

use crate::{
    failure::{Exit, Failure},
    process::{SIGTERM, die_with_parent},
    tools::{is_at_least, version_of},
    world::show,
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

/// An engine that is busy answers within a second; one that hangs must not hang us.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first Compose that waits for jobs to end well, and merges files as ours need it.
const OLDEST_COMPOSE: &str = "2.24";
/// The last client that builds with BuildKit by itself; newer ones need the plugin buildx.
const FIRST_CLIENT_WITHOUT_BUILDER: &str = "23";

/// An engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    client: PathBuf,
    /// What a container may use at most.
    pub processors: u32,
}

/// Why there is none.
#[derive(Debug)]
pub enum Absent {
    NoClient,
    /// What the client said, or that it said nothing in time.
    Silent(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Info {
    server_version: Option<String>,
    #[serde(rename = "NCPU")]
    processors: Option<u32>,
    #[serde(default)]
    server_errors: Option<Vec<String>>,
}

impl Engine {
    /// The engine that the `docker` client of the path talks to.
    pub fn find() -> Result<Self, Absent> {
        let client = which::which("docker").map_err(|_| Absent::NoClient)?;
        let asked = duct::cmd(&client, ["info", "--format", "{{json .}}"])
            .stdin_null()
            .stdout_capture()
            .stderr_capture()
            .unchecked()
            .start()
            .map_err(|error| Absent::Silent(error.to_string()))?;
        let answer = match asked.wait_timeout(PATIENCE) {
            Ok(Some(output)) => output.clone(),
            Ok(None) => {
                let _ = asked.kill();
                return Err(Absent::Silent(format!("it did not answer within {} s", PATIENCE.as_secs())));
            }
            Err(error) => return Err(Absent::Silent(error.to_string())),
        };
        let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        let info: Option<Info> = serde_json::from_slice(&answer.stdout).ok();
        let errors = info.as_ref().and_then(|info| info.server_errors.clone()).unwrap_or_default();
        match info.and_then(|info| Some((info.server_version?, info.processors))) {
            Some((version, processors)) if !version.is_empty() && errors.is_empty() => {
                Ok(Self { client, processors: processors.unwrap_or(1).max(1) })
            }
            _ => Err(Absent::Silent(if errors.is_empty() { said } else { errors.join("\n") })),
        }
    }

    /// One whose client is this script.
    #[cfg(test)]
    pub fn pretended(client: PathBuf) -> Self {
        Self { client, processors: 2 }
    }

    /// The engine, or a failure that says what lacks.
    pub fn need(tried: &str) -> Result<Self> {
        Self::find().map_err(|absent| absent.failure(tried).into())
    }

    /// The engine, for a step of CI: without one the step has not run, unless SQUALL_DOCKER=required says that there has to be one.
    pub fn for_step(tried: &str) -> Result<Self> {
        let exit = without_engine(std::env::var("SQUALL_DOCKER").ok().as_deref());
        Self::find().map_err(|absent| absent.failure(tried).exit(exit).into())
    }

    /// `docker` with these arguments. It ends when we do.
    pub fn docker(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.client);
        command.args(arguments).stdin(Stdio::null()).env("DOCKER_CLI_HINTS", "false");
        die_with_parent(&mut command, SIGTERM);
        command
    }

    /// What `docker` prints with these arguments, and what it says when it fails.
    pub fn ask(&self, arguments: &[&str]) -> Result<String> {
        capture(self.docker(arguments))
    }

    /// Whether an image of this name is there.
    pub fn has_image(&self, name: &str) -> bool {
        self.ask(&["image", "inspect", "--format", "{{.Id}}", name]).is_ok()
    }

    /// `docker compose`, else `docker-compose`, when it is new enough.
    pub fn compose(&self) -> Result<Compose> {
        let version = |program: &std::path::Path, arguments: &[&str]| {
            version_of(&program.to_string_lossy(), arguments)
                .filter(|text| text.contains(|c: char| c.is_ascii_digit()))
        };
        let plugin = version(&self.client, &["compose", "version", "--short"]);
        let alone = which::which("docker-compose").ok();
        let alone = alone.and_then(|path| Some((version(&path, &["version", "--short"])?, path)));
        let found = match (plugin, alone) {
            (Some(version), _) => {
                Some((version, Compose { program: self.client.clone(), first: Some("compose") }))
            }
            (None, Some((version, program))) => Some((version, Compose { program, first: None })),
            (None, None) => None,
        };
        let next = format!(
            "install the Compose plugin, {OLDEST_COMPOSE} or newer (Debian 13 and Ubuntu: docker-compose-v2 or docker-compose; \
                            docs/docker.md says how on Debian 12), or run `cargo xtask up --native`"
        );
        let tried = "finding Docker Compose";
        match found {
            Some((version, compose)) if is_at_least(&version, OLDEST_COMPOSE) => Ok(compose),
            Some((version, _)) => {
                let wrong = format!("this Compose is {version}, which cannot read the files of Squall");
                Err(Failure::new(tried, wrong, next).exit(Exit::ToolMissing).into())
            }
            None => {
                let wrong =
                    "there is a Docker engine, but neither `docker compose` nor `docker-compose` runs";
                Err(Failure::new(tried, wrong, next).exit(Exit::ToolMissing).into())
            }
        }
    }

    /// A client that builds with BuildKit: one with the plugin buildx, or one old enough to do it by itself.
    pub fn builder(&self) -> Result<Self> {
        let clients =
            [self.client.clone()].into_iter().chain(which::which_all("docker").into_iter().flatten());
        for client in clients {
            let name = client.to_string_lossy().into_owned();
            let builds_alone = version_of(&name, &["--version"])
                .is_some_and(|version| !is_at_least(&version, FIRST_CLIENT_WITHOUT_BUILDER));
            if builds_alone || version_of(&name, &["buildx", "version"]).is_some() {
                return Ok(Self { client, processors: self.processors });
            }
        }
        let next =
            "install Docker's plugin buildx (Debian: docker-buildx; docs/docker.md says how on Debian 12)";
        let failure = Failure::new(
            "finding BuildKit",
            "this docker client has no buildx, and cannot build without it",
            next,
        );
        Err(failure.exit(Exit::ToolMissing).into())
    }
}

fn without_engine(wish: Option<&str>) -> Exit {
    if wish == Some("required") { Exit::ToolMissing } else { Exit::NotRun }
}

impl Absent {
    /// The sentence, with what a person can do.
    pub fn failure(&self, tried: &str) -> Failure {
        let (wrong, next) = match self {
            Self::NoClient => (
                "there is no docker client on the path".to_owned(),
                "install Docker (Debian: apt-get install docker.io docker-compose), or run the stack with `cargo xtask up --native`",
            ),
            Self::Silent(said) => (
                format!("the docker client is there, but its engine does not answer: {said}"),
                "start the engine (`systemctl start docker`, or `dockerd` as root), or see that you may use it (the group docker); \
                 without one, `cargo xtask up --native` runs the same services",
            ),
        };
        Failure::new(tried, wrong, next).exit(Exit::ToolMissing)
    }
}

/// How Compose is called.
#[derive(Debug, Clone)]
pub struct Compose {
    program: PathBuf,
    first: Option<&'static str>,
}

impl Compose {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.first).stdin(Stdio::null()).env("DOCKER_CLI_HINTS", "false");
        die_with_parent(&mut command, SIGTERM);
        command
    }
}

/// Runs a command quietly and returns what it printed, or an error with what it said.
pub fn capture(mut command: Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {}", show(&command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    anyhow::bail!("{} ended with {}: {said}", show(&command), output.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_an_engine_is_skipped_unless_one_is_required() {
        assert_eq!(without_engine(None), Exit::NotRun);
        assert_eq!(without_engine(Some("")), Exit::NotRun);
        assert_eq!(without_engine(Some("required")), Exit::ToolMissing);
    }
}
