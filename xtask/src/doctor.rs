//! `doctor`: what Squall needs and what this machine has; `--fix` installs the rest.
//!
//! `ci` installs the same provisions for the steps it runs ([`provide`]).

mod browser;
mod check;
mod engine;

use crate::{
    build,
    failure::{self, Exit, Failure},
    postgres::{self, Postgres},
    process, steps,
    world::World,
};
use anyhow::Result;
use check::Check;
use squall_steps::{Provision, packages::Packages};
use std::{collections::BTreeSet, path::Path};
use xshell::cmd;

pub use browser::{chromium, find as find_chromium};
pub use engine::{Guard, engine};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Install what can be installed: PostgreSQL, npm packages, a browser; as root on Debian also
    /// the servers that tests need.
    #[arg(long)]
    fix: bool,
    /// Check only what these steps of `ci`, or the jobs of its workflow, need; --fix then also uses
    /// sudo where it asks for no password, and prepares Docker's base images.
    #[arg(long = "for", value_name = "JOB_OR_STEP", num_args = 1..)]
    steps: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Whether the system has the program; true for what does not come from the system.
pub fn is_installed(provision: Provision, world: &World) -> bool {
    match provision {
        Provision::Postgres | Provision::NpmPackages | Provision::Docker => true,
        Provision::Chromium => browser::find(world).is_some(),
        Provision::Nginx => check::nginx().is_some(),
        Provision::Redis => which::which("redis-server").is_ok(),
        Provision::Promtool => which::which("promtool").is_ok(),
    }
}

/// Installs what is missing, and returns what could not be installed.
///
/// A system program is installed by root on Debian alone; elsewhere its tests are skipped.
pub fn provide(world: &World, provisions: &BTreeSet<Provision>) -> Vec<anyhow::Error> {
    install(world, provisions, is_root_on_debian())
}

fn install(world: &World, provisions: &BTreeSet<Provision>, may_use_apt: bool) -> Vec<anyhow::Error> {
    let missing: Vec<_> = provisions.iter().filter(|provision| !is_installed(**provision, world)).collect();
    let packages: Vec<_> = missing.iter().flat_map(|provision| provision.packages()).copied().collect();
    let mut results = Vec::new();
    if may_use_apt && !packages.is_empty() {
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

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

fn is_root_on_debian() -> bool {
    process::is_root() && is_debian()
}

/// As on a GitHub runner.
fn has_sudo() -> bool {
    duct::cmd!("sudo", "-n", "true").stderr_null().run().is_ok()
}

fn apt_install(world: &World, packages: &[&str]) -> Result<()> {
    eprintln!("installing {} with apt-get", packages.join(", "));
    let shell = world.shell()?;
    // sudo passes no variables on.
    let sudo: &[&str] = if process::is_root() { &[] } else { &["sudo", "-n"] };
    let apt = [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]].concat();
    let (program, apt) = (apt[0], &apt[1..]);
    // A new machine has no package lists. If they cannot be renewed, older ones may still do.
    let _ = cmd!(shell, "{program} {apt...} update --quiet").ignore_stdout().run();
    let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
    let install = cmd!(shell, "{program} {apt...} {install...} {packages...}");
    world.run(install.ignore_stdout(), "check apt's sources and the network, then run the command again")
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let steps = &arguments.steps;
    let needed = if steps.is_empty() { None } else { Some(provisions_of(world, steps)?) };
    let mut checks = check::all(world, needed.as_ref())?;
    if arguments.fix {
        let mut missing: BTreeSet<_> =
            checks.iter().filter(|check| !check.ok).filter_map(|check| check.provision).collect();
        // An engine may lack only the base images, which no check sees.
        missing.extend(needed.iter().flatten().filter(|provision| **provision == Provision::Docker));
        let may_use_apt = is_root_on_debian() || needed.is_some() && is_debian() && has_sudo();
        for error in install(world, &missing, may_use_apt) {
            eprint!("{}", failure::of_command(error, "doctor --fix"));
        }
        let _engine = if needed.is_some() { engine(world, &missing)? } else { None };
        checks = check::all(world, needed.as_ref())?;
    }
    report(&checks, arguments)
}

/// What the steps and all they need have to have installed. A job is all of its steps.
fn provisions_of(world: &World, names: &[String]) -> Result<BTreeSet<Provision>> {
    let all = steps::all(&Packages::of(world.metadata()?));
    let chosen = steps::named(&all, names)?;
    Ok(chosen.iter().flat_map(|step| &step.provisions).copied().collect())
}

fn report(checks: &[Check], arguments: &Arguments) -> Result<()> {
    let text = if arguments.json { serde_json::to_string_pretty(checks)? } else { table(checks) };
    println!("{}", text.trim_end());
    let missing: Vec<_> = checks.iter().filter(|check| !check.ok && !check.optional).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|check| check.tool).collect();
    let is_fixable = missing.iter().any(|check| check.provision.is_some()) && !arguments.fix;
    let fix = if is_fixable { "run the command again with --fix, then " } else { "" };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_needs_what_its_steps_and_those_they_need_declare() {
        let world = World::new(crate::world::tests::root()).unwrap();
        let of = |name: &str| provisions_of(&world, &[name.to_owned()]);
        let web = BTreeSet::from([Provision::NpmPackages]);
        assert_eq!(of("tsc").unwrap(), web);
        assert_eq!(of("web").unwrap(), web);
        assert!(of("rust").unwrap().contains(&Provision::Redis));
        assert!(of("docker-stack").unwrap().contains(&Provision::Docker));
        assert!(of("clippy").unwrap().is_empty());
        assert_eq!(failure::of_command(of("klippy").unwrap_err(), "").exit, Exit::Usage);
    }
}
