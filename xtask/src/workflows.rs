//! `workflows`: .github/workflows, written from the same steps that `ci` runs.
//!
//! Each job installs the tools, lets `doctor --fix` fetch the rest and runs its steps with one `cargo xtask ci`.

use crate::{
    ci::steps::{Job, STEPS, Step},
    failure::Failure,
    files,
    openapi::first_difference,
    tools::Tools,
    world::World,
};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::fs;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Action {
    /// Writes .github/workflows.
    #[command(after_help = "Example:\n  cargo xtask workflows generate")]
    Generate,
    /// Fails if .github/workflows is not what `generate` would write.
    #[command(after_help = "Example:\n  cargo xtask workflows check")]
    Check,
}

/// An action of GitHub's, pinned by the commit that the version's tag named.
struct Pin {
    action: &'static str,
    commit: &'static str,
    version: &'static str,
}

const CHECKOUT: Pin =
    Pin { action: "actions/checkout", commit: "3d3c42e5aac5ba805825da76410c181273ba90b1", version: "v7.0.1" };
const CACHE: Pin =
    Pin { action: "actions/cache", commit: "27d5ce7f107fe9357f9df03efb73ab90386fccae", version: "v5.0.5" };
const SETUP_NODE: Pin = Pin {
    action: "actions/setup-node",
    commit: "820762786026740c76f36085b0efc47a31fe5020",
    version: "v7.0.0",
};
const SETUP_PYTHON: Pin = Pin {
    action: "actions/setup-python",
    commit: "5fda3b95a4ea91299a34e894583c3862153e4b97",
    version: "v7.0.0",
};

/// The Node.js and Python that the jobs run with; tools.toml says only the oldest that will do.
const NODE: &str = "22";
const PYTHON: &str = "3.12";
/// Tests of the Rust code start these themselves. A runner has neither; .ci/run installs the same.
const SERVERS: [&str; 2] = ["redis-server", "nginx-light"];
const INSTALL: &str =
    "sudo apt-get update --quiet && sudo apt-get install --yes --quiet --no-install-recommends";

const JOBS: [(Job, &str, &str, u32); 5] = [
    (Job::Static, "static", "Formatting, lints, types, queries", 30),
    (Job::Rust, "rust", "Rust tests, migrations", 45),
    (Job::Web, "web", "Web tests and build", 20),
    (Job::Browser, "browser", "API description, browser tests", 45),
    (Job::Docker, "docker", "Images, the stack in containers", 60),
];

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let path = world.root.join(".github/workflows/ci.yml");
    let fresh = ci(&Tools::read(world)?);
    if arguments.action == Action::Generate {
        fs::create_dir_all(world.root.join(".github/workflows"))?;
        return fs::write(&path, fresh).with_context(|| format!("writing {}", path.display()));
    }
    let committed = files::read_if_there(&path)?.unwrap_or_default();
    if committed == fresh {
        return Ok(());
    }
    let wrong = format!(
        "it is not what the steps make; the first difference is {}",
        first_difference(&committed, &fresh)
    );
    let next = "run `cargo xtask workflows generate`, and commit .github/workflows/ci.yml";
    Err(Failure::new("comparing .github/workflows/ci.yml with the steps of `ci`", wrong, next).into())
}

fn ci(tools: &Tools) -> String {
    let head = "\
# Written by `cargo xtask workflows generate` from xtask/src/ci/steps.rs. Do not edit; CI fails when it differs.
name: CI

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

concurrency:
  group: ci-${{ github.ref }}
  # A newer commit of a pull request makes the older run worthless; each commit of main keeps its own.
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}

env:
  CARGO_TERM_COLOR: always

jobs:
";
    let jobs = JOBS.iter().map(|(job, id, name, minutes)| self::job(tools, *job, id, name, *minutes));
    head.to_owned() + &jobs.collect::<Vec<_>>().join("\n")
}

fn job(tools: &Tools, job: Job, id: &str, name: &str, minutes: u32) -> String {
    let steps = || STEPS.iter().filter(move |step| step.job == job);
    let wheel = &tools.postgres.wheel;
    let cargo_home = ["~/.cargo/registry", "~/.cargo/git/db", "target", "xtask/target"];
    let mut text =
        format!("  {id}:\n    name: {name}\n    runs-on: ubuntu-24.04\n    timeout-minutes: {minutes}\n");
    if job == Job::Docker {
        // A runner has an engine; a job that skips all its steps would look as if they had passed.
        text += "    env:\n      SQUALL_DOCKER: required\n";
    }
    text += "    steps:\n";
    text += &uses(&CHECKOUT, &[("persist-credentials", "false")]);
    text += &uses(
        &SETUP_NODE,
        &[
            ("node-version", &format!("'{NODE}'")),
            ("cache", "npm"),
            ("cache-dependency-path", "web/package-lock.json"),
        ],
    );
    text += &uses(&SETUP_PYTHON, &[("python-version", &format!("'{PYTHON}'"))]);
    let compiles = |step: &Step| step.uses.contains(&crate::ci::steps::Resource::Target);
    // Images are compiled inside the engine, which keeps a cache of its own.
    if (steps().any(compiles) && job != Job::Docker) || job == Job::Rust {
        let key =
            format!("cargo-{id}-${{{{ runner.os }}}}-${{{{ hashFiles('Cargo.lock', 'xtask/Cargo.lock') }}}}");
        let restore = format!("cargo-{id}-${{{{ runner.os }}}}-");
        let paths = format!("|\n{}", cargo_home.map(|path| format!("            {path}\n")).concat());
        text += &uses(&CACHE, &[("path", paths.trim_end()), ("key", &key), ("restore-keys", &restore)]);
    }
    let key = format!("tools-{}-{}-${{{{ hashFiles('xtask/tools.toml') }}}}", wheel.package, wheel.version);
    text += &uses(&CACHE, &[("path", "~/.cache/squall"), ("key", &key)]);
    if job == Job::Rust {
        text += &format!("      - run: {INSTALL} {}\n", SERVERS.join(" "));
    }
    text += "      - run: cargo xtask doctor --fix\n";
    let ids: Vec<_> = steps().map(|step| step.id).collect();
    text + &format!("      - run: cargo xtask ci --keep-going {}\n", ids.join(" "))
}

fn uses(pin: &Pin, with: &[(&str, &str)]) -> String {
    let with: String = with.iter().map(|(name, value)| format!("          {name}: {value}\n")).collect();
    format!("      - uses: {}@{} # {}\n        with:\n{with}", pin.action, pin.commit, pin.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn world() -> World {
        World::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()).unwrap()
    }

    #[test]
    fn the_committed_workflow_is_the_generated_one() {
        run(&world(), &Arguments { action: Action::Check }).unwrap();
    }

    #[test]
    fn every_step_is_in_exactly_one_job_and_every_command_is_ours() {
        let text = ci(&Tools::read(&world()).unwrap());
        let runs: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("- run: ")).collect();
        assert!(runs.iter().all(|run| run.starts_with("cargo xtask ") || run.starts_with(INSTALL)));
        for step in &STEPS {
            let jobs = runs.iter().filter(|run| run.split(' ').any(|word| word == step.id)).count();
            assert!(jobs >= 1, "{} is in no job", step.id);
        }
    }

    #[test]
    fn the_job_that_tests_rust_has_the_servers_that_a_bare_machine_gets() {
        let text = ci(&Tools::read(&world()).unwrap());
        let (_, rust) = text.split_once("\n  rust:\n").unwrap();
        let (rust, _) = rust.split_once("\n\n").unwrap();
        let script = fs::read_to_string(world().root.join(".ci/run")).unwrap();
        for server in SERVERS {
            assert!(rust.contains(&format!(" {server}")), "{rust}");
            assert!(script.contains(&format!("packages+=({server})")), "{server}");
        }
    }

    #[test]
    fn the_job_with_docker_does_not_pass_without_an_engine() {
        let text = ci(&Tools::read(&world()).unwrap());
        assert_eq!(text.matches("SQUALL_DOCKER: required").count(), 1);
        assert!(text.find("SQUALL_DOCKER").unwrap() > text.find("\n  docker:\n").unwrap());
    }

    #[test]
    fn every_action_is_pinned_by_a_whole_commit() {
        let text = ci(&Tools::read(&world()).unwrap());
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("- uses: ")) {
            let (_, commit) = line.split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # ").unwrap();
            assert!(
                commit.len() == 40
                    && commit.chars().all(|c| c.is_ascii_hexdigit())
                    && version.starts_with('v'),
                "{line}"
            );
        }
    }
}
