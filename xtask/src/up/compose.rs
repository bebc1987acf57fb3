//! The stack in containers: the same commands, the same lines, the same kind of answer as the native one.
//!
//! The flow: choose files and port ([`stack`]) → see that every image is there ([`images`]) → make the secrets ([`secrets`]) →
//! migrate what runs already ([`migration`]) → `docker compose up` → look at the containers until all are healthy ([`containers`]) →
//! say where it is, or which one is not and why ([`explain`]). What was started and did not become healthy is taken down again.
//!
//! Deliberately absent: a supervisor. The engine restarts what crashes and keeps its logs.

pub mod stack;
pub mod kept;
mod services;
mod variables;
mod published;
pub mod containers;
pub mod volumes;
mod images;
mod secrets;
mod migration;
mod explain;

use super::{
    Arguments,
    progress::Progress,
    state::{State, StateFolder},
    stop_signal,
};
use crate::{
    docker::engine::Engine,
    failure::{Exit, Failure},
    process::{self, ProcessId, SIGTERM, wait_until},
    world::World,
};
use anyhow::{Context, Result};
use stack::ComposeStack;
use std::{
    fs::File,
    os::unix::process::CommandExt,
    process::Child,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A container without a health check must run on for so long.
const SETTLE: Duration = Duration::from_secs(2);
/// Between two looks at the containers; each look is two calls of the client.
const PAUSE: Duration = Duration::from_millis(200);
/// The same once all is healthy.
const IDLE_PAUSE: Duration = Duration::from_secs(2);

/// Starts the stack, or brings a running one to what is wanted now.
pub fn up(world: &World, arguments: &Arguments, folder: &StateFolder) -> Result<()> {
    let engine = Engine::need("starting the stack in containers")?;
    let lock = folder.lock()?;
    refuse_beside_native(folder)?;
    let stack = ComposeStack::plan(world, &engine, folder, arguments)?;
    stack.remarks.iter().for_each(|remark| eprintln!("{remark}"));
    images::provide(world, &engine, &stack)?;
    if stack.prod {
        secrets::make(&stack.secrets)?;
    }
    let stop = stop_signal()?;
    let found = containers::all(&engine, &stack.project)?;
    migration::ahead(&engine, &stack, &found, &stop)?;
    let ran_before = !found.is_empty();
    stack.save(folder)?;
    let started = start(&engine, &stack, folder, &stop);
    if let Err(error) = started {
        if !ran_before {
            take_down(&engine, &stack, folder)?;
        }
        return Err(error);
    }
    greet(&engine, &stack)?;
    drop(lock);
    if arguments.detach {
        return Ok(());
    }
    eprintln!("Ctrl-C stops it.");
    show_changes(&engine, &stack, &stop)?;
    take_down(&engine, &stack, folder)?;
    eprintln!("stopped");
    Ok(())
}

/// Two stacks of one folder would have one name, and people would ask the wrong one.
fn refuse_beside_native(folder: &StateFolder) -> Result<()> {
    super::report_leftovers(folder)?;
    if folder.supervisor()?.is_none() {
        return Ok(());
    }
    let wrong = "the stack runs natively already";
    let next = "stop it with `cargo xtask down`, or name another stack with --state";
    Err(Failure::new("starting the stack in containers", wrong, next).into())
}

/// Runs `compose up` and watches what it does until all is healthy.
fn start(engine: &Engine, stack: &ComposeStack, folder: &StateFolder, stop: &AtomicBool) -> Result<()> {
    let log = folder.log("compose");
    std::fs::create_dir_all(folder.logs())?;
    let output = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
    let mut command = stack.compose(engine)?;
    command.args(["up", "--detach", "--no-build", "--pull", "never", "--remove-orphans"]);
    command.stdout(output.try_clone()?).stderr(output).process_group(0);
    let mut child = command.spawn().context("starting Compose")?;
    let watched = watch(engine, stack, &mut child, stop);
    if child.try_wait()?.is_none() {
        // Interrupted, or given up: Compose ends before what it made is taken down.
        if let Some(id) = ProcessId::of(child.id()) {
            id.signal(SIGTERM);
        }
        if !wait_until(Duration::from_secs(10), || child.try_wait().is_ok_and(|ended| ended.is_some())) {
            let _ = child.kill();
        }
        let _ = child.wait();
    }
    match watched? {
        Outcome::Healthy => Ok(()),
        Outcome::Interrupted => Err(Failure::silent(Exit::Interrupted).into()),
        Outcome::Failed(name) => Err(explain::service(engine, stack, &name)?.into()),
        Outcome::Refused => Err(explain::compose(stack, &log).into()),
    }
}

/// How a start ended.
enum Outcome {
    Healthy,
    Interrupted,
    /// This service will not become healthy.
    Failed(String),
    /// Compose itself failed, and no container says why.
    Refused,
}

fn watch(engine: &Engine, stack: &ComposeStack, child: &mut Child, stop: &AtomicBool) -> Result<Outcome> {
    let mut progress = Progress::new();
    let began = Instant::now();
    let mut restarts = None;
    let mut ready: Option<Instant> = None;
    let mut state = State::default();
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok(Outcome::Interrupted);
        }
        let ended = child.try_wait()?;
        let found = containers::all(engine, &stack.project)?;
        let before = restarts.get_or_insert_with(|| containers::restarts(&found));
        state = containers::state(stack, &found, began, &state);
        progress.show(stack.services.iter().map(|service| service.name.as_str()), &state);
        if let Some(failed) = containers::failed(stack, &found, before) {
            return Ok(Outcome::Failed(failed));
        }
        let all_ready = stack.is_fulfilled_by(&state);
        // What has no health check shows only by time that it runs on: it must be there, unchanged, at a later look.
        ready = all_ready.then(|| ready.unwrap_or_else(Instant::now));
        let has_settled =
            ready.is_some_and(|since| !containers::any_unchecked(stack, &found) || since.elapsed() >= SETTLE);
        match ended {
            Some(status) if status.success() && has_settled => return Ok(Outcome::Healthy),
            Some(status) if !status.success() => {
                let unhealthy = containers::unready(stack, &state);
                return Ok(unhealthy.map_or(Outcome::Refused, Outcome::Failed));
            }
            _ => {}
        }
        if began.elapsed() > stack.start_limit() {
            let unready = containers::unready(stack, &state).or_else(|| stack.first_unready(&state));
            return Ok(unready.map_or(Outcome::Refused, Outcome::Failed));
        }
        thread::sleep(PAUSE);
    }
}

/// Restarts one service, or all but the jobs, and waits until all is healthy again.
pub fn restart(stack: &ComposeStack, folder: &StateFolder, service: Option<&str>) -> Result<()> {
    let engine = Engine::need("restarting containers")?;
    if let Some(name) = service.filter(|name| stack.service(name).is_none()) {
        return Err(super::service::unknown(name, &stack.names()).into());
    }
    if containers::all(&engine, &stack.project)?.is_empty() {
        let tried = format!("restarting {}", service.unwrap_or("the stack"));
        return Err(Failure::new(tried, "nothing runs", "start the stack with `cargo xtask up`").into());
    }
    let stop = stop_signal()?;
    let mut command = stack.compose(&engine)?;
    command.args(["restart", "--no-deps"]);
    match service {
        Some(name) => command.arg(name),
        None => {
            command.args(stack.services.iter().filter(|service| !service.is_job).map(|service| &service.name))
        }
    };
    crate::docker::engine::capture(command)?;
    start(&engine, stack, folder, &stop)
}

/// Says where the stack is and how to get in.
fn greet(engine: &Engine, stack: &ComposeStack) -> Result<()> {
    println!("Squall is up: {}", stack.url);
    if let Some((email, password)) = stack.sign_in(engine)? {
        println!("Sign in as {email} with the password {password}");
    }
    if let Some(link) = stack.setup_link(engine)? {
        println!("First run: make the admin at {link}");
    }
    Ok(())
}

/// Prints each change until `stop` is set, or somebody else took the stack down.
fn show_changes(engine: &Engine, stack: &ComposeStack, stop: &AtomicBool) -> Result<()> {
    let mut before = State::default();
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let found = containers::all(engine, &stack.project)?;
        if found.is_empty() {
            return Ok(());
        }
        let now = containers::state(stack, &found, began, &before);
        for service in now.services.iter().filter(|_| !before.services.is_empty()) {
            if before.service(&service.name).map(|before| before.phase) != Some(service.phase) {
                eprintln!("{}", super::progress::line(&service.name, Some(service)));
            }
        }
        before = now;
        process::wait_until(IDLE_PAUSE, || stop.load(Ordering::Relaxed));
    }
    Ok(())
}

/// Ends and removes the containers and networks, of every profile. Volumes stay.
pub fn take_down(engine: &Engine, stack: &ComposeStack, folder: &StateFolder) -> Result<()> {
    let mut command = stack.compose(engine)?;
    // Each service has its own time to end, in its `stop_grace_period`.
    command.args(["--profile", "*", "down", "--remove-orphans"]);
    crate::docker::engine::capture(command)?;
    ComposeStack::put_away(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// A client that writes down what it is asked, and answers as an engine with the volumes of a used stack does.
    fn pretended(folder: &Path) -> Engine {
        let client = folder.join("docker");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>{}/asked\ncase \"$1 $2\" in\n'compose version') echo 2.40.3;;\n\
             'volume ls') for role in backups demo postgres s3 watched; do printf 'squall_%s\\t%s\\n' $role $role; done;;\nesac\n",
            folder.display()
        );
        process::write_script(&client, &script);
        Engine::pretended(client)
    }

    #[test]
    fn deleting_the_data_of_a_stack_keeps_its_backups_and_works_after_it_was_stopped() {
        let folder = StateFolder(std::env::temp_dir().join(format!("squall-down-{}", std::process::id())));
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(&folder.0).unwrap();
        let engine = pretended(&folder.0);
        stack::tests::stack("squall").save(&folder).unwrap();
        let stack = ComposeStack::load(&folder).unwrap().unwrap();
        take_down(&engine, &stack, &folder).unwrap();
        assert!(ComposeStack::load(&folder).unwrap().is_none());
        let left = ComposeStack::stopped(&folder).unwrap().unwrap();
        let sorted = volumes::delete_data(&engine, &left.project).unwrap();
        assert_eq!(sorted.kept, ["squall_backups", "squall_s3"]);
        let asked = fs::read_to_string(folder.0.join("asked")).unwrap();
        assert!(asked.contains(" down --remove-orphans\n") && !asked.contains("--volumes"), "{asked}");
        assert!(asked.ends_with("volume rm squall_demo squall_postgres squall_watched\n"), "{asked}");
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
