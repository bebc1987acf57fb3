//! Runs the chosen steps, each as a process of its own with its output in a file.

use super::{
    graph::{Place, startable},
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
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(50);

/// How a step ended.
pub struct Outcome {
    pub step: Step,
    pub place: Place,
    pub took: Duration,
    pub output: PathBuf,
}

struct Child {
    index: usize,
    handle: duct::Handle,
    started: Instant,
}

/// Runs until nothing runs and nothing can start.
///
/// One thread starts and waits for all of them: a step is told when the thread that started it ends.
pub fn all(world: &World, steps: &[Step], keep_going: bool, stop: &AtomicBool) -> Result<Vec<Outcome>> {
    let folder = world.build_folder().join("squall-ci");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let output = |step: &Step| folder.join(format!("{}.log", step.id));
    let mut places = vec![Place::Waiting; steps.len()];
    let mut took = vec![Duration::ZERO; steps.len()];
    let mut running: Vec<Child> = Vec::new();
    let mut live = Live::new();
    loop {
        for index in startable(steps, &places, keep_going) {
            live.started(&steps[index]);
            let handle = start(world, &steps[index], File::create(output(&steps[index]))?)?;
            running.push(Child { index, handle, started: Instant::now() });
            places[index] = Place::Running;
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
            places[child.index] = match ended.status.code() {
                Some(0) => Place::Passed,
                Some(code) if code == Exit::NotRun as i32 => Place::Skipped,
                _ => Place::Failed,
            };
            took[child.index] = child.started.elapsed();
            live.ended(&steps[child.index], places[child.index], took[child.index]);
        }
        running = still;
        live.show(running.iter().map(|child| (&steps[child.index], child.started.elapsed())));
    }
    live.clear();
    let outcomes = steps.iter().zip(places).zip(took);
    Ok(outcomes
        .map(|((step, place), took)| Outcome { step: *step, place, took, output: output(step) })
        .collect())
}

/// A step has a process group of its own, so that all of it can be ended, and no terminal to ask on.
fn start(world: &World, step: &Step, output: File) -> Result<duct::Handle> {
    let xtask = std::env::current_exe().context("finding xtask itself")?;
    duct::cmd(xtask, step.command)
        .dir(&world.root)
        // Says which repository is meant, as `cargo run` does.
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
