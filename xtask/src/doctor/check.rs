//! The checks of `doctor`: one line of the table per tool.

use super::{Provision, browser};
use crate::{
    build,
    docker::engine::{Engine, Unavailable},
    failure,
    postgres::{self, Postgres},
    tools::{Tools, is_at_least, version_of},
    world::World,
};
use anyhow::Result;
use serde::Serialize;
use std::process::Command;

#[derive(Debug, Serialize)]
pub struct Check {
    pub tool: &'static str,
    pub needed: String,
    /// Its version or path.
    pub found: Option<String>,
    pub ok: bool,
    /// Squall runs without it.
    pub optional: bool,
    pub how: String,
    /// What `--fix` installs.
    pub provision: Option<Provision>,
}

pub fn all(world: &World) -> Result<Vec<Check>> {
    let tools = Tools::read(world)?;
    let rustup = format!("rustup update stable (rust-version {} or newer)", tools.rust.minimum);
    let component = |name: &str| format!("rustup component add {name}");
    Ok(vec![
        tool("rustc", &["--version"], &tools.rust.minimum, &rustup),
        tool("cargo", &["--version"], &tools.rust.minimum, &rustup),
        Check { tool: "rustfmt", ..tool("cargo", &["fmt", "--version"], "", &component("rustfmt")) },
        Check { tool: "clippy", ..tool("cargo", &["clippy", "--version"], "", &component("clippy")) },
        Check {
            tool: "C compiler",
            ..tool("cc", &["--version"], "", "Debian: apt-get install gcc libc6-dev")
        },
        tool(
            "node",
            &["--version"],
            &tools.node.minimum,
            "the Node.js site, or Debian: apt-get install nodejs",
        ),
        tool("npm", &["--version"], "", "comes with Node.js; Debian: apt-get install npm"),
        tool("python3", &["--version"], &tools.python.minimum, "Debian: apt-get install python3"),
        Check {
            tool: "pip",
            ..tool("python3", &["-m", "pip", "--version"], "", "Debian: apt-get install python3-pip")
        },
        tool("git", &["--version"], "", "Debian: apt-get install git"),
        postgres(world, &tools),
        npm_packages(world),
        chromium(),
        redis(),
        nginx(),
        docker(),
    ])
}

fn tool(program: &'static str, arguments: &[&str], minimum: &str, how: &str) -> Check {
    let found = version_of(program, arguments);
    let ok = found.as_deref().is_some_and(|found| minimum.is_empty() || is_at_least(found, minimum));
    let needed = if minimum.is_empty() { "any".into() } else { format!("≥ {minimum}") };
    // `pip 23.2.1 from /a/long/path`: the version is enough.
    let found = found.map(|found| found.split(" from ").next().unwrap_or(&found).to_owned());
    Check { tool: program, needed, found, ok, optional: false, how: how.into(), provision: None }
}

fn provided(tool: &'static str, needed: &str, found: Option<String>, provision: Provision) -> Check {
    let how = "cargo xtask doctor --fix".into();
    let (ok, needed, provision) = (found.is_some(), needed.into(), Some(provision));
    Check { tool, needed, found, ok, optional: false, how, provision }
}

fn postgres(world: &World, tools: &Tools) -> Check {
    let needed = format!("≥ {} with pgvector", tools.postgres.minimum);
    let check = |found| provided("postgresql", &needed, found, Provision::Postgres);
    if postgres::given_url().is_some() {
        return check(Some("the server named by DATABASE_URL".into()));
    }
    match Postgres::find(world) {
        Ok(Some(postgres)) => check(Some(format!("{} in {}", postgres.version, postgres.bin.display()))),
        Ok(None) => Check {
            how: "cargo xtask doctor --fix (or set SQUALL_PG_BIN or DATABASE_URL)".into(),
            ..check(None)
        },
        Err(error) => Check { how: failure::of_command(error, "doctor").next, ..check(None) },
    }
}

fn npm_packages(world: &World) -> Check {
    let is_there = world.web().join("node_modules").exists();
    let found = is_there.then(|| "web/node_modules".to_owned());
    let check = provided("npm packages", "web/package-lock.json", found, Provision::NpmPackages);
    match build::node_modules_are_fresh(world) {
        Ok(true) => check,
        _ => Check { ok: false, found: check.found.map(|found| found + ", out of date"), ..check },
    }
}

fn chromium() -> Check {
    let found = browser::find().map(|path| path.display().to_string());
    let how = "cargo xtask doctor --fix (or set CHROMIUM_PATH)".into();
    Check { how, ..provided("chromium", "for browser tests", found, Provision::Chromium) }
}

fn redis() -> Check {
    let how = "only for tests of shared limits and live updates; Debian: apt-get install redis-server";
    let provision = Some(Provision::Redis);
    Check { optional: true, provision, ..tool("redis-server", &["--version"], "", how) }
}

/// It prints its version to standard error, and is outside an ordinary user's path on Debian.
fn nginx() -> Check {
    let ask = |program| Command::new(program).arg("-v").output().ok();
    let output = ask("nginx").or_else(|| ask("/usr/sbin/nginx"));
    let printed = output.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned());
    let found = printed.and_then(|line| line.strip_prefix("nginx version: nginx/").map(str::to_owned));
    let ok = found.as_deref().is_some_and(|found| is_at_least(found, "1.22"));
    let how = "Debian: apt-get install nginx-light".into();
    Check { ok, optional: true, how, ..provided("nginx", "≥ 1.22, for tests", found, Provision::Nginx) }
}

fn docker() -> Check {
    let (found, ok) = match Engine::find() {
        Ok(engine) if engine.compose().is_ok() => (Some("an engine that answers, with Compose"), true),
        Ok(_) => (Some("an engine that answers, without Compose"), false),
        Err(Unavailable::NoClient) => (None, false),
        Err(Unavailable::NotResponding(_)) => (Some("a client whose engine does not answer"), false),
    };
    let how = "Debian: apt-get install docker.io docker-compose; optional (docs/guide/containers.md)";
    Check {
        tool: "docker",
        needed: "any, with Compose".into(),
        found: found.map(str::to_owned),
        ok,
        optional: true,
        how: how.into(),
        provision: None,
    }
}
