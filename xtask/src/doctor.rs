//! `doctor`: what Squall needs and what this machine has; `--fix` installs the rest.
//!
//! `ci` installs the same provisions for the steps it runs ([`provide`]).

mod browser;
mod check;

use crate::{
    build,
    failure::{self, Exit, Failure},
    postgres::{self, Postgres},
    process,
    world::World,
};
use anyhow::Result;
use check::Check;
use serde::Serialize;
use std::{collections::BTreeSet, path::Path};
use xshell::cmd;

pub use browser::chromium;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Install what can be installed: PostgreSQL, npm packages, a browser; as root on Debian also
    /// the servers that tests need.
    #[arg(long)]
    fix: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What can be installed for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provision {
    Postgres,
    NpmPackages,
    Chromium,
    Nginx,
    Redis,
}

impl Provision {
    /// The Debian packages of a program that comes from the system.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres | Self::NpmPackages => &[],
            // Without a font, pages show boxes instead of letters.
            Self::Chromium => &["chromium", "fonts-liberation"],
            Self::Nginx => &["nginx-light"],
            Self::Redis => &["redis-server"],
        }
    }

    /// Whether the system has the program; true for what does not come from the system.
    pub fn is_installed(self, world: &World) -> bool {
        match self {
            Self::Postgres | Self::NpmPackages => true,
            Self::Chromium => browser::find(world).is_some(),
            Self::Nginx => check::nginx().is_some(),
            Self::Redis => which::which("redis-server").is_ok(),
        }
    }
}

/// Installs what is missing, and returns what could not be installed.
///
/// A system program is installed by root on Debian alone; elsewhere its tests are skipped.
pub fn provide(world: &World, provisions: &BTreeSet<Provision>) -> Vec<anyhow::Error> {
    let missing: Vec<_> = provisions.iter().filter(|provision| !provision.is_installed(world)).collect();
    let packages: Vec<_> = missing.iter().flat_map(|provision| provision.packages()).copied().collect();
    let mut results = Vec::new();
    if is_root_on_debian() && !packages.is_empty() {
        results.push(apt_install(world, &packages));
    } else if missing.contains(&&Provision::Chromium) {
        results.push(chromium(world).map(drop));
    }
    if provisions.contains(&Provision::Postgres) && postgres::given_url().is_none() {
        results.push(Postgres::provide(world).map(drop));
    }
    if provisions.contains(&Provision::NpmPackages) {
        results.push(build::node_modules(world));
    }
    results.into_iter().filter_map(Result::err).collect()
}

fn is_root_on_debian() -> bool {
    process::is_root() && Path::new("/etc/debian_version").exists()
}

fn apt_install(world: &World, packages: &[&str]) -> Result<()> {
    eprintln!("installing {} with apt-get", packages.join(", "));
    let shell = world.shell()?;
    let _noninteractive = shell.push_env("DEBIAN_FRONTEND", "noninteractive");
    // A new machine has no package lists. If they cannot be renewed, older ones may still do.
    let _ = cmd!(shell, "apt-get update --quiet").ignore_stdout().run();
    let install = cmd!(shell, "apt-get install --yes --quiet --no-install-recommends {packages...}");
    world.run(install.ignore_stdout(), "check apt's sources and the network, then run the command again")
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let mut checks = check::all(world)?;
    if arguments.fix {
        let missing: BTreeSet<_> =
            checks.iter().filter(|check| !check.ok).filter_map(|check| check.provision).collect();
        for error in provide(world, &missing) {
            eprint!("{}", failure::of_command(error, "doctor --fix"));
        }
        checks = check::all(world)?;
    }
    let text = if arguments.json { serde_json::to_string_pretty(&checks)? } else { table(&checks) };
    println!("{}", text.trim_end());
    let missing: Vec<_> = checks.iter().filter(|check| !check.ok && !check.optional).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|check| check.tool).collect();
    let is_fixable = missing.iter().any(|check| check.provision.is_some()) && !arguments.fix;
    let fix = if is_fixable { "run `cargo xtask doctor --fix`, then " } else { "" };
    let next = format!("{fix}install what is missing as the table shows");
    let wrong = format!("missing or too old: {}", names.join(", "));
    Err(Failure::new("checking what Squall needs", wrong, next).exit(Exit::ToolMissing).into())
}

fn table(checks: &[Check]) -> String {
    let mut text = format!("  {:<13} {:<22} {:<38} {}\n", "TOOL", "NEEDED", "FOUND", "HOW TO GET IT");
    for check in checks {
        let missing = if check.optional { '–' } else { '✗' };
        let mark = if check.ok { '✓' } else { missing };
        let found = check.found.as_deref().unwrap_or("not found");
        let how = if check.ok { "" } else { &check.how };
        let line = format!("{mark} {:<13} {:<22} {found:<38} {how}", check.tool, check.needed);
        text += &format!("{}\n", line.trim_end());
    }
    text
}
