//! tools.toml: which tools are needed, in which version, and what is fetched from where.

use crate::{
    failure::{Exit, Failure},
    world::{World, read_toml},
};
use anyhow::Result;
use serde::Deserialize;
use std::{
    env,
    process::{Command, Stdio},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    pub rust: Tool,
    pub node: Tool,
    pub python: Tool,
    pub postgres: Postgres,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub minimum: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    pub minimum: String,
    pub wheel: Wheel,
}

/// A Python package that carries binaries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    pub client: String,
    pub package: String,
    pub version: String,
    /// The version of the server inside.
    pub server: String,
    pub python: String,
    pub platform: Vec<Platform>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    pub os: String,
    pub arch: String,
    pub tag: String,
    pub sha256: String,
}

impl Tools {
    pub fn read(world: &World) -> Result<Self> {
        read_toml(&world.root.join("xtask/tools.toml"))
    }
}

impl Wheel {
    /// The file for this machine.
    pub fn here(&self) -> Result<&Platform> {
        let here =
            |platform: &&Platform| platform.os == env::consts::OS && platform.arch == env::consts::ARCH;
        self.platform.iter().find(here).ok_or_else(|| {
            let wrong = format!("xtask/tools.toml pins no PostgreSQL for {} on {}", env::consts::OS, env::consts::ARCH);
            let next = "install PostgreSQL 16 or newer with pgvector and set SQUALL_PG_BIN to its bin folder, \
                        or set DATABASE_URL to a server that runs already";
            Failure::new("finding PostgreSQL for this machine", wrong, next).exit(Exit::ToolMissing).into()
        })
    }
}

/// A version's numbers, so that 20.9 < 20.10.
pub fn version_numbers(text: &str) -> Vec<u32> {
    let start = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let end =
        text[start..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text.len(), |end| start + end);
    text[start..end].split('.').map_while(|number| number.parse().ok()).collect()
}

pub fn is_at_least(found: &str, minimum: &str) -> bool {
    version_numbers(found) >= version_numbers(minimum)
}

/// What a tool prints about its version; `None` when it is not there or does not run.
pub fn version_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn versions_are_compared_by_number() {
        let check = |found, minimum, expected| {
            assert_eq!(is_at_least(found, minimum), expected, "{found} ≥ {minimum}");
        };
        check("v20.20.2", "20", true);
        check("v20.9.0", "20.10", false);
        check("rustc 1.95.0 (59807616e 2026-04-14)", "1.95", true);
        check("Python 3.8.1", "3.9", false);
        check("git version 2.39.5", "2", true);
        check("no number", "1", false);
    }

    #[test]
    fn every_pin_is_a_whole_hash() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let tools = Tools::read(&World::new(root).unwrap()).unwrap();
        for platform in &tools.postgres.wheel.platform {
            assert_eq!(platform.sha256.len(), 64, "{}", platform.tag);
            assert!(platform.sha256.chars().all(|c| c.is_ascii_hexdigit()), "{}", platform.tag);
        }
    }
}
