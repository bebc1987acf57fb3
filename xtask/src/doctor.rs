//! `doctor`: what this machine has of what Squall needs, and with `--fix` the rest.
//!
//! Every other command calls the same provisions for what it needs ([`provide`]); `doctor` only shows them all.

mod browser;
mod check;

use crate::{
    build,
    failure::{Exit, Failure},
    postgres::{self, Postgres},
    world::World,
};
use anyhow::Result;
use check::Check;
use serde::Serialize;

pub use browser::chromium;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Fetches what can be fetched: PostgreSQL, npm packages, a browser.
    #[arg(long)]
    fix: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What a command may need that can be provided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provision {
    Postgres,
    NpmPackages,
    Chromium,
}

/// Fetches what lacks, saying what is fetched and where it is pinned.
pub fn provide(world: &World, provision: Provision) -> Result<()> {
    let say = |line: &str| eprintln!("{line}");
    match provision {
        Provision::Postgres if postgres::given_url().is_some() => Ok(()),
        Provision::Postgres => Postgres::provide(world, &say).map(drop),
        Provision::NpmPackages => build::node_modules(world, &say),
        Provision::Chromium => chromium(world, &say).map(drop),
    }
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let mut checks = check::all(world)?;
    if arguments.fix {
        let lacking: Vec<_> =
            checks.iter().filter(|check| !check.ok).filter_map(|check| check.provision).collect();
        // One that fails must not keep the others from being fetched.
        let failures: Vec<_> =
            lacking.into_iter().filter_map(|provision| provide(world, provision).err()).collect();
        for error in failures {
            eprint!("{}", Failure::from_error(error, "doctor --fix"));
        }
        checks = check::all(world)?;
    }
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&checks)?),
        false => print!("{}", table(&checks)),
    }
    let missing: Vec<_> = checks.iter().filter(|check| !check.ok && !check.optional).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|check| check.tool).collect();
    let fixable = missing.iter().any(|check| check.provision.is_some()) && !arguments.fix;
    let next = match fixable {
        true => {
            "run `cargo xtask doctor --fix`, which fetches what can be fetched; install the others as the table says"
        }
        false => "install them as the table says",
    };
    let wrong = format!("missing or too old: {}", names.join(", "));
    Err(Failure::new("looking for what Squall needs on this machine", wrong, next)
        .exit(Exit::ToolMissing)
        .into())
}

fn table(checks: &[Check]) -> String {
    let mut text = format!("  {:<13} {:<22} {:<38} {}\n", "TOOL", "NEEDED", "FOUND", "HOW TO GET IT");
    for check in checks {
        let mark = match (check.ok, check.optional) {
            (true, _) => '✓',
            (false, true) => '–',
            (false, false) => '✗',
        };
        let found = check.found.as_deref().unwrap_or("nothing");
        let how = if check.ok { "" } else { check.how.as_str() };
        let line = format!("{mark} {:<13} {:<22} {found:<38} {how}", check.tool, check.needed);
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_how_to_get_only_what_lacks() {
        let check = |tool, ok: bool| Check {
            tool,
            needed: "≥ 20".into(),
            found: ok.then(|| "v20.1".into()),
            ok,
            optional: false,
            how: "apt-get install it".into(),
            provision: None,
        };
        let text = table(&[check("node", true), check("npm", false)]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].starts_with("✓ node") && !lines[1].contains("apt-get"), "{text}");
        assert!(
            lines[2].starts_with("✗ npm")
                && lines[2].contains("nothing")
                && lines[2].ends_with("apt-get install it"),
            "{text}"
        );
    }
}
