//! The stack in containers, through Docker Compose.
//!
//! `up` decides files, ports and variables ([`record`]), provides images ([`images`]) and secrets
//! ([`secrets`]), and migrates the database of a running stack first ([`migration`]). Then `docker
//! compose up` starts what changed, and the containers are watched ([`containers`]) until all are
//! healthy or one will not be ([`explain`]). Deliberately absent: a supervisor. The engine restarts
//! what crashes and keeps its logs.

pub mod record;
mod services;
mod variables;
mod ports;
pub mod containers;
mod volumes;
mod images;
mod secrets;
mod migration;
mod explain;

use super::{
    Job, Kind, SignIn, Stack, Starting, choose_services, not_running, parse_setup_link,
    state::{Phase, ServiceStatus, StateFolder, Status},
};
use crate::{
    docker::engine::{Engine, capture},
    failure::Failure,
    process::{self, SIGTERM, wait_until},
    world::World,
};
use anyhow::{Context, Result};
use containers::Container;
use duct::Handle;
use record::{Lifecycle, Record, Request};
use services::{ComposeService, Config};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    process::Command,
    time::{Duration, Instant},
};
use variables::Variables;

/// A container without a health check must keep running for this long.
const SETTLE: Duration = Duration::from_secs(2);
/// Services start one after the other, each with a limit of its own; at most this many take all of
/// it.
const SLOW_SERVICES: u64 = 3;

pub struct ComposeStack<'w> {
    world: &'w World,
    engine: Engine,
    folder: StateFolder,
    pub record: Record,
    variables: Variables,
    /// As of the last call of `status`.
    containers: Vec<Container>,
    /// How often each container had restarted before the start.
    restarts: BTreeMap<String, u32>,
    /// The client that starts the containers.
    compose_up: Option<Handle>,
    began: Instant,
    ready_since: Option<Instant>,
}

impl<'w> ComposeStack<'w> {
    pub fn open(world: &'w World, folder: &StateFolder, record: Record) -> Result<Self> {
        let engine = Engine::need("reaching the stack in containers")?;
        let variables = Variables::here(&record.root, record.remembered.clone())?;
        Ok(Self::new(world, engine, folder, record, variables))
    }

    /// Decide everything and provide images and secrets. Starts nothing.
    pub fn plan(world: &'w World, folder: &StateFolder, demo: bool, prod: bool) -> Result<Self> {
        let engine = Engine::need("starting the stack in containers")?;
        let started = Record::load(folder)?;
        let is_running = |record: &&Record| {
            containers::all(&engine, record).is_ok_and(|containers| !containers.is_empty())
        };
        let running = started.as_ref().filter(is_running);
        // The variables of a stack that is down are forgotten, but not where its volumes are.
        let remembered = running.map(|running| running.remembered.clone()).unwrap_or_default();
        let variables = Variables::here(&world.root, remembered)?;
        let request =
            Request { demo, prod, processors: engine.processors, running: running.map(Record::published) };
        let stopped = Record::stopped(folder)?;
        let before = started.as_ref().or(stopped.as_ref());
        let record = Record::decide(world, folder, request, &variables, before)?;
        if let Some(running) = running.filter(|running| running.project != record.project) {
            let (is, wanted) = (&running.project, &record.project);
            let wrong =
                format!("this folder's stack is running as {is}, but COMPOSE_PROJECT_NAME is {wanted}");
            let next = "stop it with `cargo xtask down`, or choose another folder with --state";
            return Err(Failure::new("starting the stack in containers", wrong, next).into());
        }
        let mut stack = Self::new(world, engine, folder, record, variables);
        containers::all(&stack.engine, &stack.record)?;
        stack.record.services = stack.configured()?;
        stack.record.remarks.iter().for_each(|remark| eprintln!("{remark}"));
        images::provide(&stack)?;
        if stack.record.prod {
            secrets::create(&stack.record.secrets)?;
        }
        Ok(stack)
    }

    fn new(
        world: &'w World,
        engine: Engine,
        folder: &StateFolder,
        record: Record,
        variables: Variables,
    ) -> Self {
        Self {
            world,
            engine,
            folder: folder.clone(),
            record,
            variables,
            containers: Vec::new(),
            restarts: BTreeMap::new(),
            compose_up: None,
            began: Instant::now(),
            ready_since: None,
        }
    }

    /// `docker compose` for this stack.
    fn compose(&self) -> Result<Command> {
        let record = &self.record;
        let mut command = self.engine.compose()?.command();
        command.arg("--project-name").arg(&record.project).arg("--project-directory").arg(&record.root);
        for file in &record.files {
            command.arg("--file").arg(file);
        }
        // With one flag, Compose ignores COMPOSE_PROFILES: those of the variable are among them.
        for profile in &record.profiles {
            command.args(["--profile", profile]);
        }
        command.args(["--ansi", "never", "--progress", "plain"]).current_dir(&record.root);
        command.envs(self.variables.added()).envs(&record.environment);
        Ok(command)
    }

    /// The services that Compose reads from the files, in an order in which they can start.
    fn configured(&self) -> Result<Vec<ComposeService>> {
        let mut command = self.compose()?;
        command.args(["config", "--format", "json"]);
        let output = command.output().context("starting Compose")?;
        if !output.status.success() {
            let relative =
                self.record.files.iter().filter_map(|file| file.strip_prefix(&self.record.root).ok());
            let names: Vec<_> = relative.filter_map(|file| file.to_str()).collect();
            let wrong = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let next = "fix what Compose names, most often a variable of the shell or of .env; .env.example \
                        describes each";
            return Err(Failure::new(format!("reading {}", names.join(" and ")), wrong, next).into());
        }
        let config: Config = serde_json::from_slice(&output.stdout)
            .context("reading the output of `docker compose config`")?;
        Ok(config.services())
    }

    fn start_containers(&mut self) -> Result<()> {
        let before = containers::all(&self.engine, &self.record)?;
        self.restarts = before.into_iter().map(|it| (it.id, it.restart_count)).collect();
        fs::create_dir_all(self.folder.logs())?;
        let log = File::create(self.folder.log("compose"))?;
        let mut command = self.compose()?;
        command.args(["up", "--detach", "--no-build", "--pull", "never", "--remove-orphans"]);
        let child = process::watched(&command, SIGTERM).stderr_to_stdout().stdout_file(log);
        self.compose_up = Some(child.start().context("starting Compose")?);
        (self.began, self.ready_since) = (Instant::now(), None);
        Ok(())
    }

    /// Interrupted or failed: the client ends before the containers are removed.
    fn end_compose_up(&mut self) {
        let Some(child) = self.compose_up.take() else { return };
        child.pids().into_iter().for_each(|pid| process::end_group(pid, SIGTERM));
        wait_until(Duration::from_secs(10), || child.try_wait().is_ok_and(|ended| ended.is_some()));
        let _ = child.kill();
    }

    /// A service that will not become healthy: it failed, or ends again and again.
    fn hopeless(&self, status: &Status) -> Option<String> {
        let hopeless = |service: &&ServiceStatus| {
            let before = self.restarts.get(&service.stamp).copied().unwrap_or(0);
            service.phase == Phase::Failed
                || service.restarts.saturating_sub(before) >= containers::HOPELESS_RESTARTS
        };
        status.services.iter().find(hopeless).map(|service| service.name.clone())
    }

    fn first_unready(&self, status: &Status) -> Option<String> {
        let is_ready = |name: &str| status.service(name).is_some_and(|service| service.phase.is_ready());
        self.services().into_iter().find(|name| !is_ready(name))
    }

    /// The service that keeps the others from starting.
    fn failure(&self, status: &Status) -> Result<Failure> {
        let by_phase = containers::worst(status).filter(|_| self.first_unready(status).is_some());
        match by_phase {
            Some(name) => explain::service(self, &name),
            None => Ok(explain::compose(self, &self.folder.log("compose"))),
        }
    }
}

impl Stack for ComposeStack<'_> {
    fn kind(&self) -> Kind {
        Kind::Containers
    }

    fn services(&self) -> Vec<String> {
        self.record.services.iter().map(|service| service.name.clone()).collect()
    }

    fn url(&self) -> String {
        self.record.url.clone()
    }

    fn remembered(&self) -> BTreeMap<String, String> {
        self.record.remembered.clone()
    }

    fn status(&mut self) -> Result<Status> {
        self.containers = containers::all(&self.engine, &self.record)?;
        Ok(containers::status(&self.record, &self.containers))
    }

    fn is_running(&self) -> Result<bool> {
        Ok(!containers::all(&self.engine, &self.record)?.is_empty())
    }

    fn is_healthy(&self, status: &Status) -> bool {
        self.first_unready(status).is_none()
    }

    fn start(&mut self, _detached: bool) -> Result<()> {
        migration::ahead(self)?;
        self.record.save(&self.folder)?;
        self.start_containers()
    }

    fn starting(&mut self, status: &Status) -> Result<Starting> {
        let ended = match &self.compose_up {
            Some(child) => child.try_wait()?.map(|output| output.status.success()),
            None => Some(true),
        };
        if let Some(name) = self.hopeless(status) {
            return Ok(Starting::Failed(explain::service(self, &name)?));
        }
        // A container without a health check must still run, unchanged, at a later look.
        let ready = self.is_healthy(status).then(|| self.ready_since.unwrap_or_else(Instant::now));
        self.ready_since = ready;
        let is_checked =
            self.containers.iter().all(|it| it.has_health_check() || self.record.is_job(it.service()));
        let limit = Duration::from_secs(self.record.start_seconds * SLOW_SERVICES);
        match ended {
            Some(true) if ready.is_some_and(|since| is_checked || since.elapsed() >= SETTLE) => {
                Ok(Starting::Healthy)
            }
            Some(false) => {
                let status = self.status()?;
                Ok(Starting::Failed(self.failure(&status)?))
            }
            _ if self.began.elapsed() > limit => Ok(Starting::Failed(self.failure(status)?)),
            _ => Ok(Starting::Waiting),
        }
    }

    fn restart(&mut self, service: Option<&str>) -> Result<()> {
        if !self.is_running()? {
            return Err(not_running(format!("restarting {}", service.unwrap_or("the stack"))));
        }
        let meant = |name: &String| service.is_some() || !self.record.is_job(name);
        let services = choose_services(self.services(), service)?.into_iter().filter(meant);
        let mut command = self.compose()?;
        command.args(["restart", "--no-deps"]).args(services);
        capture(command)?;
        self.start_containers()
    }

    /// Remove the containers and networks of every profile. Volumes stay.
    fn stop(&mut self) -> Result<bool> {
        self.end_compose_up();
        let was_running = self.is_running()?;
        let mut command = self.compose()?;
        // Each service has its own grace period, in its `stop_grace_period`.
        command.args(["--profile", "*", "down", "--remove-orphans"]);
        capture(command)?;
        Record::mark_stopped(&self.folder)?;
        Ok(was_running)
    }

    fn logs(&self, service: Option<&str>, lines: usize, follow: bool) -> Result<()> {
        let services = choose_services(self.services(), service)?;
        let mut command = self.compose()?;
        command.args(["logs", "--no-color", "--tail", &lines.to_string()]).args(follow.then_some("--follow"));
        command.args(service.map(|_| "--no-log-prefix")).args(services);
        self.world.run(command, "see the output of Compose above")
    }

    fn job(&self, job: &Job) -> Result<Command> {
        let mut command = self.compose()?;
        command.args(["--profile", "ops", "run", "--rm", "--no-TTY", "--no-deps"]);
        match job.program {
            "squall-backup" => {
                images::provide_for_job(self, "ops")?;
                command.args(["ops", job.program]);
            }
            _ => {
                images::provide_for_job(self, migration::JOB)?;
                command.arg(migration::JOB);
            }
        }
        command.args(&job.arguments);
        Ok(command)
    }

    fn sign_in(&self) -> Result<Option<SignIn>> {
        if self.record.service("seed").is_none() {
            return Ok(None);
        }
        let mut command = self.compose()?;
        command.args(["logs", "--no-color", "--no-log-prefix", "seed"]);
        Ok(capture(command)?.lines().rev().find_map(SignIn::parse))
    }

    fn setup_link(&self) -> Result<Option<String>> {
        let mut command = self.compose()?;
        command.args(["exec", "-T", "api", "/squall-api", "setup-link"]);
        parse_setup_link(&capture(command)?)
    }
}

impl Drop for ComposeStack<'_> {
    fn drop(&mut self) {
        self.end_compose_up();
    }
}

/// Delete the volumes of the stack that `down` has removed, now (`just_stopped`) or earlier.
pub fn delete_data(folder: &StateFolder, just_stopped: bool) -> Result<()> {
    let Some(record) = Record::stopped(folder)? else { return Ok(()) };
    if record.lifecycle == Lifecycle::Superseded && !just_stopped {
        let project = &record.project;
        println!(
            "kept the volumes of the stack that ran in containers before (`docker volume ls --filter \
             label=com.docker.compose.project={project}` lists them); to delete them, run `docker volume rm NAME`, or \
             `cargo xtask up --docker` and then `cargo xtask down --delete-data`"
        );
        return Ok(());
    }
    let tried = format!("deleting the volumes of {}, which ran in containers", record.project);
    let engine = Engine::find().map_err(|unavailable| {
        let next = format!(
            "start the engine and run the command again; if there will be none, delete {} by hand",
            folder.0.display()
        );
        let failure = unavailable.failure(&tried);
        Failure::new(tried.clone(), failure.failed, next).exit(failure.exit)
    })?;
    let volumes = volumes::delete(&engine, &record.project)?;
    if !volumes.data.is_empty() {
        println!("deleted the volumes {}", volumes.data.join(", "));
    }
    if let Some(kept) = volumes.describe_kept() {
        println!("{kept}");
    }
    Record::forget(folder)
}

#[cfg(test)]
mod tests {
    use super::{record::tests::*, *};
    use crate::{stack, world::tests::root};
    use std::path::Path;

    /// A stack whose client writes down its arguments and answers with these lines of a shell's
    /// `case`.
    pub fn fake<'w>(
        world: &'w World,
        folder: &StateFolder,
        record: Record,
        answers: &str,
    ) -> ComposeStack<'w> {
        let client = folder.0.join("docker");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>{}/asked\ncase \"$*\" in\n'compose version'*) echo 2.40.3;;\n{answers}\nesac\n",
            folder.0.display()
        );
        process::write_script(&client, &script);
        ComposeStack::new(world, Engine::fake(client), folder, record, Variables::default())
    }

    pub fn asked(folder: &Path) -> String {
        fs::read_to_string(folder.join("asked")).unwrap_or_default()
    }

    #[test]
    fn deleting_the_data_of_a_stack_keeps_its_backups_and_works_after_it_was_stopped() {
        let (world, folder) = (World::new(root()).unwrap(), folder("delete"));
        let answers = "'volume ls'*) for role in backups demo postgres s3 watched; do \
                       printf 'squall_%s\\t%s\\n' $role $role; done;;";
        record("squall").save(&folder).unwrap();
        let mut stack = fake(&world, &folder, Record::load(&folder).unwrap().unwrap(), answers);
        stack.stop().unwrap();
        assert!(Record::load(&folder).unwrap().is_none());
        let project = Record::stopped(&folder).unwrap().unwrap().project;
        let volumes = volumes::delete(&stack.engine, &project).unwrap();
        assert_eq!(volumes.kept, ["squall_backups", "squall_s3"]);
        let asked = asked(&folder.0);
        assert!(asked.contains(" down --remove-orphans\n") && !asked.contains("--volumes"), "{asked}");
        assert!(asked.ends_with("volume rm squall_demo squall_postgres squall_watched\n"), "{asked}");
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_copied_folder_does_not_reach_the_containers_of_the_original() {
        let (world, original) = (World::new(root()).unwrap(), folder("original"));
        let mut written = record("squall");
        (written.folder, written.root) = (Some(original.path()), "/original".into());
        written.save(&original).unwrap();
        assert!(Record::load(&original).unwrap().is_some());
        let copy = folder("copy");
        fs::copy(original.0.join("compose.json"), copy.0.join("compose.json")).unwrap();
        // `down`, `ps` and the others find no stack here, and `down --delete-data` no volumes.
        assert!(Record::load(&copy).unwrap().is_none());
        assert_eq!(stack::copied_from(&copy).unwrap(), Some(original.path()));
        Record::mark_stopped(&copy).unwrap();
        assert!(Record::stopped(&copy).unwrap().is_none());
        // `up` in the copy has the same project, and finds whose containers they are.
        let inspected = r#"[{"Id": "1", "State": {"Status": "running", "ExitCode": 0}, "Config": {"Labels": {
            "com.docker.compose.service": "api", "com.docker.compose.project.working_dir": "/original"}}}]"#;
        let answers = format!("'ps '*) echo 1;;\n'container inspect'*) echo '{inspected}';;");
        let stack = fake(&world, &copy, Record { root: "/copy".into(), ..written }, &answers);
        let error = stack.is_running().unwrap_err().to_string();
        assert!(error.contains("belong to /original") && error.contains("COMPOSE_PROJECT_NAME"), "{error}");
        assert!(!asked(&copy.0).contains("down"));
        fs::remove_dir_all(&original.0).unwrap();
        fs::remove_dir_all(&copy.0).unwrap();
    }

    #[test]
    fn the_volumes_of_containers_stay_if_a_native_stack_ran_after_them() {
        let folder = folder("native-after");
        fs::create_dir_all(folder.secret("")).unwrap();
        // Its database has its password in this folder.
        let containers = Record { prod: true, secrets: folder.secret(""), ..record("squall") };
        containers.save(&folder).unwrap();
        Record::mark_stopped(&folder).unwrap();
        Record::supersede(&folder).unwrap();
        // The second time, the plan and data of the native stack are gone.
        for _ in 0..2 {
            delete_data(&folder, false).unwrap();
            stack::native::delete_data(&folder).unwrap();
            assert!(Record::stopped(&folder).unwrap().is_some());
        }
        assert!(folder.secret("").exists());
        // Started once more, it is the one that the user means.
        containers.save(&folder).unwrap();
        Record::mark_stopped(&folder).unwrap();
        assert_eq!(Record::stopped(&folder).unwrap().unwrap().lifecycle, Lifecycle::Stopped);
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
