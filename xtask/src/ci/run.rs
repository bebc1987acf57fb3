//! Runs the chosen steps, each as a process of its own with its output in a file, and looks first
//! whether an earlier run with the same key has passed.

use super::{
    Options,
    graph::{Run, State, computable, revived, startable},
    report, sources,
};
use crate::{
    doctor::{self, Guard},
    failure,
    failure::{Exit, Failure},
    process::{self, SIGKILL, SIGTERM},
    world::World,
};
use anyhow::{Context, Result};
use squall_steps::{
    Input, Step,
    key::{Key, Sources},
    store::{Ended, Store, hash_of_outputs},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::Write,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

const PAUSE: Duration = Duration::from_millis(50);

/// From Ctrl-C to the end of everything that was started.
const GRACE: Duration = Duration::from_millis(1800);

/// All that a run works with.
pub struct Session<'a> {
    pub world: &'a World,
    pub store: &'a Store,
    pub sources: Sources,
    pub options: &'a Options,
    /// Where the logs are.
    pub folder: &'a Path,
}

impl Session<'_> {
    /// Runs until no step is running and none can start.
    ///
    /// One thread starts and waits for all of them: a step is signalled when the thread that started
    /// it ends.
    pub fn run(&mut self, steps: &[Step], stop: &AtomicBool) -> Result<Vec<Run>> {
        let mut runs: Vec<_> = steps.iter().map(|step| Run::new(step.clone(), self.folder)).collect();
        let mut children = BTreeMap::new();
        self.decide(&mut runs)?;
        let _engine = self.provide(&runs)?;
        if runs.iter().any(|run| run.state != State::Cached) {
            // What was installed is part of the keys.
            let tools = sources::tools(self.world, steps);
            if tools != self.sources.tools {
                self.sources.tools = tools;
                runs = steps.iter().map(|step| Run::new(step.clone(), self.folder)).collect();
            }
        }
        loop {
            self.decide(&mut runs)?;
            for index in startable(&runs, self.options.keep_going) {
                self.put_back_outputs(&runs, &runs[index].step)?;
                runs[index].before = self.store.last(&runs[index].step.id).map(|last| last.seconds);
                report::started(&runs[index]);
                children.insert(index, (self.start(&runs[index])?, Instant::now()));
                runs[index].state = State::Running;
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
                    run.state = state(ended.status.code());
                } else if run.elapsed > Duration::from_secs(run.step.limit_seconds) {
                    end([child].into_iter());
                    run.state = State::Failed;
                    let limit = run.step.limit_seconds / 60;
                    append(
                        &run.log,
                        &format!(
                            "Failed: it still ran after {limit} min, the limit of this step, and was ended\n"
                        ),
                    )?;
                }
                if run.state != State::Running {
                    self.keep(run)?;
                    report::ended(run);
                }
            }
            children.retain(|index, _| runs[*index].state == State::Running);
            report::running(children.keys().map(|index| &runs[*index]));
        }
    }

    /// Finds which steps have a result already. Knowing one output may make the next key known.
    fn decide(&self, runs: &mut [Run]) -> Result<()> {
        loop {
            let known = computable(runs);
            let is_done = known.is_empty();
            for index in known {
                let outputs = runs.iter().filter_map(|run| Some((run.step.id.clone(), run.outputs.clone()?)));
                let outputs: BTreeMap<_, _> = outputs.collect();
                let run = &mut runs[index];
                run.state = State::Waiting;
                let is_missing =
                    |input: &Input| matches!(input, Input::Outputs(id) if !outputs.contains_key(id));
                if run.step.inputs.iter().any(is_missing) {
                    // What it reads was not made in this run: a result would have no true key.
                    continue;
                }
                let key = Key::of(&run.step, &self.sources, &outputs)?;
                let is_wanted = !self.options.no_cache && run.step.uncacheable.is_none();
                run.hit = is_wanted.then(|| self.store.find(&key.hash())).flatten();
                run.key = Some(key);
                run.is_audited = run.hit.is_some() && self.is_chosen_for_audit(&run.step.id);
                if let Some(hit) = run.hit.as_ref().filter(|_| !run.is_audited) {
                    run.state = State::Cached;
                    run.elapsed = Duration::from_secs_f64(hit.seconds);
                    run.outputs = Some(hit.outputs_hash());
                    fs::write(&run.log, self.store.log_of(hit).unwrap_or_default())?;
                }
            }
            let revived = revived(runs);
            if is_done && revived.is_empty() {
                return Ok(());
            }
            for index in revived {
                runs[index].state = State::Waiting;
            }
        }
    }

    fn is_chosen_for_audit(&self, id: &str) -> bool {
        let Some(percent) = self.options.audit else { return false };
        RandomState::new().hash_one(id) % 100 < u64::from(percent)
    }

    /// Before the steps that run: two of them must not download the same thing, and a person sees what
    /// is installed. A step whose provision fails reports it; the others still run.
    fn provide(&self, runs: &[Run]) -> Result<Option<Guard>> {
        let running = runs.iter().filter(|run| run.state != State::Cached);
        let provisions: BTreeSet<_> = running.flat_map(|run| &run.step.provisions).copied().collect();
        for error in doctor::provide(self.world, &provisions) {
            eprint!("{}", failure::of_command(error, "ci"));
        }
        doctor::engine(self.world, &provisions)
    }

    /// Gives a step the files of the cached steps that it needs.
    fn put_back_outputs(&self, runs: &[Run], step: &Step) -> Result<()> {
        for needed in runs.iter().filter(|run| step.needs.contains(&run.step.id)) {
            if let (State::Cached, Some(hit)) = (needed.state, &needed.hit) {
                let root = &self.world.root;
                let put_back = self.store.put_back(root, hit, &needed.step.outputs);
                put_back.with_context(|| format!("putting back what the step {} made", needed.step.id))?;
            }
        }
        Ok(())
    }

    /// A step gets a process group of its own, no terminal, and only the variables that it declares.
    fn start(&self, run: &Run) -> Result<duct::Handle> {
        let log = File::create(&run.log).with_context(|| format!("creating {}", run.log.display()))?;
        let command = command(&self.world.root, &run.step)?;
        let step =
            process::watched(&command, SIGTERM).full_env(super::step::variables(&self.world.root, &run.step));
        let step = step.stderr_to_stdout().stdout_file(log);
        step.start().with_context(|| format!("starting the step {}", run.step.id))
    }

    /// Stores what a step did, unless its inputs changed meanwhile.
    fn keep(&self, run: &mut Run) -> Result<()> {
        if run.state == State::Skipped {
            return Ok(());
        }
        let Some(key) = &run.key else { return Ok(()) };
        let has_passed = run.state == State::Passed;
        let outputs = match &run.step.outputs {
            outputs if has_passed => self.store.take(&self.world.root, outputs)?,
            _ => Vec::new(),
        };
        run.outputs = has_passed.then(|| hash_of_outputs(&outputs));
        if let Some(hit) = run.hit.as_ref().filter(|_| run.is_audited) {
            let difference = match &run.outputs {
                None => Some("it fails now"),
                Some(now) => (*now != hit.outputs_hash()).then_some("it made other files"),
            };
            if let Some(difference) = difference {
                self.store.forget(&key.hash());
                run.state = State::Failed;
                let text = format!("its cached result said that it passes, and {difference}");
                append(&run.log, &format!("Failed: {text}; the result is deleted\n"))?;
                return Ok(());
            }
        }
        let mut now = self.sources.clone();
        now.tree = sources::tree(&self.world.root)?;
        now.codes = self.store.codes(&self.world.root, &now.tree);
        if sources::reads_image(&run.step) {
            now.images = sources::images(&self.world.root)?;
        }
        if squall_steps::key::identities(&run.step, &now)? != key.files {
            run.remark = Some("its inputs changed while it ran; the result is not kept".to_owned());
            return Ok(());
        }
        let log = fs::read(&run.log).unwrap_or_default();
        let finished = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let seconds = run.elapsed.as_secs_f64();
        let ended = Ended { passed: has_passed, seconds, finished, log: &log, outputs };
        self.store.keep(&run.step.id, ended, key);
        Ok(())
    }
}

/// Runs a step as `ci` runs it, in a clone at `root`.
pub fn command(root: &Path, step: &Step) -> Result<Command> {
    let mut command = Command::new(env::current_exe().context("finding xtask itself")?);
    command.args(["step", &step.id]).current_dir(root);
    Ok(command)
}

/// A program that this machine does not have is a reason to skip, not a defect of the change.
fn state(code: Option<i32>) -> State {
    match code {
        Some(0) => State::Passed,
        Some(code) if code == Exit::NotRun as i32 || code == Exit::ToolMissing as i32 => State::Skipped,
        _ => State::Failed,
    }
}

fn append(log: &Path, line: &str) -> Result<()> {
    let mut file = File::options().append(true).open(log)?;
    Ok(file.write_all(line.as_bytes())?)
}

/// Ends steps with all that they have started.
fn end<'a>(children: impl Iterator<Item = &'a duct::Handle> + Clone) {
    children.clone().flat_map(duct::Handle::pids).for_each(|pid| process::end_group(pid, SIGTERM));
    let until = Instant::now() + GRACE;
    for child in children {
        if !matches!(child.wait_deadline(until), Ok(Some(_))) {
            child.pids().into_iter().for_each(|pid| process::end_group(pid, SIGKILL));
            let _ = child.kill();
        }
    }
}
