//! Runs the chosen steps, each as a process of its own with its output in a file.

use super::{
    Outcome,
    graph::{Status, startable},
    report::Live,
    steps::Step,
};
use crate::{
    failure::{Exit, Failure},
    process::{self, SIGTERM},
    world::World,
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(50);

struct Child {
    index: usize,
    handle: duct::Handle,
    started: Instant,
}

/// Runs until no step is running and none can start.
///
/// One thread starts and waits for all of them: a step is signalled when the thread that started
/// it ends.
pub fn all(world: &World, steps: &[Step], keep_going: bool, stop: &AtomicBool) -> Result<Vec<Outcome>> {
    let folder = world.build_folder().join("squall-ci");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let output = |step: &Step| folder.join(format!("{}.log", step.id));
    let mut statuses = vec![Status::Waiting; steps.len()];
    let mut times = vec![Duration::ZERO; steps.len()];
    let mut running: Vec<Child> = Vec::new();
    let mut live = Live::new();
    loop {
        for index in startable(steps, &statuses, keep_going) {
            live.started(&steps[index]);
            let handle = start(world, &steps[index], File::create(output(&steps[index]))?)?;
            running.push(Child { index, handle, started: Instant::now() });
            statuses[index] = Status::Running;
        }
        if running.is_empty() {
            break;
        }
        thread::sleep(PAUSE);
        if stop.load(Ordering::Relaxed) {
            live.clear();
            end(running);
            return Err(Failure::silent(Exit::Interrupted).into());
        }
        let mut still = Vec::new();
        for child in running {
            let Some(ended) = child.handle.try_wait()? else {
                still.push(child);
                continue;
            };
            statuses[child.index] = status(ended.status.code());
            times[child.index] = child.started.elapsed();
            live.ended(&steps[child.index], statuses[child.index], times[child.index]);
        }
        running = still;
        live.show(running.iter().map(|child| (&steps[child.index], child.started.elapsed())));
    }
    live.clear();
    let outcomes = steps.iter().zip(statuses).zip(times);
    Ok(outcomes
        .map(|((step, status), elapsed)| Outcome { step: *step, status, elapsed, output: output(step) })
        .collect())
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
fn start(world: &World, step: &Step, output: File) -> Result<duct::Handle> {
    let xtask = std::env::current_exe().context("finding xtask itself")?;
    duct::cmd(xtask, step.command)
        .dir(&world.root)
        // Names the repository, as `cargo run` does.
        .env("CARGO_MANIFEST_DIR", world.root.join("xtask"))
        .stdin_null()
        .stderr_to_stdout()
        .stdout_file(output)
        .unchecked()
        .before_spawn(|command| {
            command.process_group(0);
            process::die_with_parent(command, SIGTERM);
            Ok(())
        })
        .start()
        .with_context(|| format!("starting the step {}", step.id))
}

fn end(running: Vec<Child>) {
    for child in &running {
        child.handle.pids().into_iter().for_each(|pid| process::end_group(pid, SIGTERM));
    }
    for child in running {
        let _ = child.handle.wait_timeout(Duration::from_secs(20));
        let _ = child.handle.kill();
    }
}
