//! `step`: one step, as `ci` runs it: its plan, with the variables it declares and no other, and with
//! nothing left running after it.

use crate::{
    failure::{Exit, Failure},
    process::{self, SIGKILL, SIGTERM, stop_signal},
    steps,
    world::{self, World},
};
use anyhow::{Context, Result};
use squall_steps::{Plan, Step, packages::Packages};
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::Ordering,
    time::Duration,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    id: String,
    /// The copy of the repository to run it in.
    #[arg(long)]
    root: Option<PathBuf>,
}

/// From the first signal to the last one.
const GRACE: Duration = Duration::from_millis(1200);

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let steps = steps::all(&Packages::of(world.metadata()?));
    let step = steps.into_iter().find(|step| step.id == arguments.id);
    let step = step.with_context(|| format!("the step {} is unknown", arguments.id))?;
    // What a command leaves running becomes a child of this process, and is ended with it.
    process::adopt_orphans()?;
    let stop = stop_signal()?;
    let root = arguments.root.as_ref().unwrap_or(&world.root);
    for mut command in commands(root, &step)? {
        process::die_with_parent(&mut command, SIGTERM);
        let program = command.get_program().to_string_lossy().into_owned();
        let started = command.stdin(Stdio::null()).spawn();
        let mut child = match started {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let next = format!("install {program}; `cargo xtask doctor` shows how");
                let failure = Failure::new(format!("starting {program}"), "it is not on the path", next);
                return Err(failure.exit(Exit::ToolMissing).into());
            }
            started => started.with_context(|| format!("starting {program}"))?,
        };
        let mut status = None;
        process::wait_until(Duration::MAX, || {
            status = child.try_wait().ok().flatten();
            status.is_some() || stop.load(Ordering::Relaxed)
        });
        end_descendants();
        match status {
            Some(status) if status.success() => {}
            Some(status) => std::process::exit(status.code().unwrap_or(128 + status.signal().unwrap_or(0))),
            None => return Err(Failure::silent(Exit::Interrupted).into()),
        }
    }
    Ok(())
}

/// Also those in groups of their own, and those whose parents are gone.
fn end_descendants() {
    process::descendants().into_iter().for_each(|pid| process::signal(pid, SIGTERM));
    process::wait_until(GRACE, || process::reap() && process::descendants().is_empty());
    while !process::descendants().is_empty() {
        process::descendants().into_iter().for_each(|pid| process::signal(pid, SIGKILL));
        process::wait_until(Duration::from_millis(200), || {
            process::reap() && process::descendants().is_empty()
        });
    }
}

fn commands(root: &Path, step: &Step) -> Result<Vec<Command>> {
    let Plan::Commands(planned) = &step.plan else {
        let mut command = Command::new(env::current_exe().context("finding xtask itself")?);
        // The variable names the repository, as `cargo run` does.
        command.args(&step.command).current_dir(root).env("CARGO_MANIFEST_DIR", root.join("xtask"));
        return Ok(vec![command]);
    };
    let commands = planned.iter().map(|planned| {
        let mut command = Command::new(&planned.argv[0]);
        command.args(&planned.argv[1..]).current_dir(root.join(&planned.folder)).envs(&planned.environment);
        command.env_remove("CARGO_MANIFEST_DIR");
        command
    });
    Ok(commands.collect())
}

/// The variables of a step: what it declares, what every step gets, and which step it is.
pub fn variables(root: &Path, step: &Step) -> BTreeMap<OsString, OsString> {
    let is_passed_on = |name: &str| {
        let matches = |pattern: &&str| squall_steps::tree::matches(pattern, name);
        steps::PASSED_ON.iter().any(matches) || step.environment.iter().any(|declared| declared == name)
    };
    let set = env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_passed_on));
    let mut variables: BTreeMap<_, _> = set.collect();
    variables.insert(world::STEP.into(), step.id.clone().into());
    variables.insert("LC_ALL".into(), "C.UTF-8".into());
    variables.insert("CARGO_MANIFEST_DIR".into(), root.join("xtask").into());
    variables
}

/// The plan, to be copied into a shell.
pub fn shown(step: &Step) -> String {
    let Plan::Commands(planned) = &step.plan else {
        return format!("cargo xtask {}", step.command.join(" "));
    };
    let line = |command: &squall_steps::step::Command| {
        let set = command.environment.iter().map(|(name, value)| format!("{name}={} ", quoted(value)));
        let words: Vec<_> = command.argv.iter().map(|word| quoted(word)).collect();
        let line = format!("{}{}", set.collect::<String>(), words.join(" "));
        if command.folder.is_empty() { line } else { format!("(cd {} && {line})", command.folder) }
    };
    planned.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
