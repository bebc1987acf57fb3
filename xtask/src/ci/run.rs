//! Runs the chosen steps, each as a process of its own with its output in a file.

use super::{
    graph::{Run, Status, startable},
    report,
    steps::Step,
};
use crate::{
    failure::{Exit, Failure},
    process::{self, SIGTERM},
    world::World,
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(50);

/// Runs until no step is running and none can start.
///
/// One thread starts and waits for all of them: a step is signalled when the thread that started
/// it ends.
pub fn all(world: &World, steps: &[Step], keep_going: bool, stop: &AtomicBool) -> Result<Vec<Run>> {
    let folder = world.build_folder().join("squall-ci");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let mut runs: Vec<_> = steps.iter().map(|step| Run::new(*step, &folder)).collect();
    let mut children = BTreeMap::new();
    loop {
        for index in startable(&runs, keep_going) {
            report::started(&runs[index].step);
            children.insert(index, (start(world, &runs[index])?, Instant::now()));
            runs[index].status = Status::Running;
        }
        if children.is_empty() {
            return Ok(runs);
        }
        thread::sleep(PAUSE);
        if stop.load(Ordering::Relaxed) {
            eprintln!();
            end(children.values().map(|(child, _)| child));
            return Err(Failure::silent(Exit::Interrupted).into());
        }
        for (index, (child, started)) in &children {
            let run = &mut runs[*index];
            run.elapsed = started.elapsed();
            if let Some(ended) = child.try_wait()? {
                run.status = status(ended.status.code());
                report::ended(run);
            }
        }
        children.retain(|index, _| runs[*index].status == Status::Running);
        report::running(children.keys().map(|index| &runs[*index]));
    }
}

/// A program that this machine does not have is a reason to skip, not a defect of the change.
fn status(code: Option<i32>) -> Status {
    match code {
        Some(0) => Status::Passed,
        Some(code) if code == Exit::NotRun as i32 || code == Exit::ToolMissing as i32 => Status::Skipped,
        _ => Status::Failed,
    }
}

/// A step gets its own process group, so that all of it can be ended, and no terminal.
fn start(world: &World, run: &Run) -> Result<duct::Handle> {
    let mut command = Command::new(env::current_exe().context("finding xtask itself")?);
    // The variable names the repository, as `cargo run` does.
    command.args(run.step.command).env("CARGO_MANIFEST_DIR", world.root.join("xtask"));
    let step = process::watched(command.current_dir(&world.root), SIGTERM);
    let step = step.stderr_to_stdout().stdout_file(File::create(&run.output)?);
    step.start().with_context(|| format!("starting the step {}", run.step.id))
}

fn end<'a>(children: impl Iterator<Item = &'a duct::Handle> + Clone) {
    children.clone().flat_map(duct::Handle::pids).for_each(|pid| process::end_group(pid, SIGTERM));
    for child in children {
        let _ = child.wait_timeout(Duration::from_secs(20));
        let _ = child.kill();
    }
}
