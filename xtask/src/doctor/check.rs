//! The checks of `doctor`: one row of the table per tool.

use super::browser;
use crate::{
    build,
    docker::engine::{Engine, INSTALL, OLDEST_COMPOSE, Unavailable},
    failure,
    postgres::{self, Postgres},
    tools::{Tools, is_at_least, version_of},
    world::World,
};
use anyhow::Result;
use serde::Serialize;
use squall_steps::Provision;
use std::collections::BTreeSet;

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

/// The checks; with `needed` only those of what steps need, none of which is optional then.
pub fn all(world: &World, needed: Option<&BTreeSet<Provision>>) -> Result<Vec<Check>> {
    let mut checks = every(world)?;
    if let Some(needed) = needed {
        checks.retain(|check| check.provision.is_some_and(|provision| needed.contains(&provision)));
        checks.iter_mut().for_each(|check| check.optional = false);
    }
    Ok(checks)
}

fn every(world: &World) -> Result<Vec<Check>> {
    let tools = Tools::read(world)?;
    let (rust, node, python) = (&tools.rust.minimum, &tools.node.minimum, &tools.python.minimum);
    let rustup = format!("rustup update stable (rust-version {rust} or newer)");
    let nodejs = "the Node.js site, or Debian: apt-get install nodejs";
    let redis = "only for tests of shared limits and live updates; Debian: apt-get install redis-server";
    let chromium = browser::find(world).map(|path| path.display().to_string());
    Ok(vec![
        check("rustc", version("rustc --version"), rust, &rustup),
        check("cargo", version("cargo --version"), rust, &rustup),
        check("rustfmt", version("cargo fmt --version"), "", "rustup component add rustfmt"),
        check("clippy", version("cargo clippy --version"), "", "rustup component add clippy"),
        check("C compiler", version("cc --version"), "", "Debian: apt-get install gcc libc6-dev"),
        check("node", version("node --version"), node, nodejs),
        check("npm", version("npm --version"), "", "comes with Node.js; Debian: apt-get install npm"),
        check("python3", version("python3 --version"), python, "Debian: apt-get install python3"),
        check("pip", version("python3 -m pip --version"), "", "Debian: apt-get install python3-pip"),
        check("git", version("git --version"), "", "Debian: apt-get install git"),
        postgres(world, &tools),
        npm_packages(world),
        Check {
            needed: "for browser tests".into(),
            provision: Some(Provision::Chromium),
            ..check("chromium", chromium, "", "cargo xtask doctor --fix (or set CHROMIUM_PATH)")
        },
        Check {
            optional: true,
            provision: Some(Provision::Redis),
            ..check("redis-server", version("redis-server --version"), "", redis)
        },
        Check {
            needed: "≥ 1.22, for tests".into(),
            optional: true,
            provision: Some(Provision::Nginx),
            ..check("nginx", nginx(), "1.22", "Debian: apt-get install nginx-light")
        },
        Check {
            needed: "for tests of alert rules".into(),
            optional: true,
            provision: Some(Provision::Promtool),
            ..check("promtool", version("promtool --version"), "", "Debian: apt-get install prometheus")
        },
        docker(),
        buildx(),
    ])
}

fn check(tool: &'static str, found: Option<String>, minimum: &str, how: &str) -> Check {
    let ok = found.as_deref().is_some_and(|found| minimum.is_empty() || is_at_least(found, minimum));
    let needed = if minimum.is_empty() { "any".into() } else { format!("≥ {minimum}") };
    Check { tool, needed, found, ok, optional: false, how: how.into(), provision: None }
}

fn version(command: &str) -> Option<String> {
    let words: Vec<_> = command.split(' ').collect();
    let found = version_of(words[0], &words[1..])?;
    // `pip 23.2.1 from /a/long/path`, `Redis server v=7.0.15 sha=…`: the version is enough.
    let end = [" from ", " sha=", " (branch"].iter().filter_map(|after| found.find(after)).min();
    Some(found[..end.unwrap_or(found.len())].to_owned())
}

fn postgres(world: &World, tools: &Tools) -> Check {
    let mut how = "cargo xtask doctor --fix (or set SQUALL_PG_BIN or DATABASE_URL)".to_owned();
    let found = match Postgres::find(world) {
        _ if postgres::given_url().is_some() => Some("the server named by DATABASE_URL".into()),
        Ok(found) => found.map(|it| format!("{} in {}", it.version, it.bin.display())),
        Err(error) => {
            how = failure::of_command(error, "doctor").next;
            None
        }
    };
    let needed = format!("≥ {} with pgvector", tools.postgres.minimum);
    Check { needed, provision: Some(Provision::Postgres), ..check("postgresql", found, "", &how) }
}

fn npm_packages(world: &World) -> Check {
    let ok = build::node_modules_are_fresh(world).unwrap_or(false);
    let outdated = if ok { "" } else { ", out of date" };
    let is_there = world.web().join("node_modules").exists();
    let found = is_there.then(|| format!("web/node_modules{outdated}"));
    let needed = "web/package-lock.json".into();
    let provision = Some(Provision::NpmPackages);
    Check { ok, needed, provision, ..check("npm packages", found, "", "cargo xtask doctor --fix") }
}

/// Outside an ordinary user's path on Debian.
pub fn nginx() -> Option<String> {
    version("nginx -v").or_else(|| version("/usr/sbin/nginx -v"))
}

fn docker() -> Check {
    let (found, ok) = match Engine::find() {
        Ok(engine) if engine.compose().is_ok() => (Some("an engine that answers, with Compose"), true),
        Ok(_) => (Some("an engine that answers, without Compose, or with one that is too old"), false),
        Err(Unavailable::NoClient) => (None, false),
        Err(Unavailable::NotResponding(_)) => (Some("a client whose engine does not answer"), false),
    };
    let needed = format!("with Compose ≥ {OLDEST_COMPOSE}");
    Check {
        ok,
        needed,
        optional: true,
        provision: Some(Provision::Docker),
        ..check("docker", found.map(str::to_owned), "", &how_to_get_docker())
    }
}

fn buildx() -> Check {
    let needed = "to build images".into();
    let found = version("docker buildx version");
    let provision = Some(Provision::Docker);
    Check { needed, optional: true, provision, ..check("docker buildx", found, "", &how_to_get_docker()) }
}

fn how_to_get_docker() -> String {
    format!("{INSTALL}; optional (docs/guide/containers.md)")
}
