//! The stack in containers, through Docker Compose.
//!
//! `up` decides files, project and variables ([`record`]), provides secrets ([`secrets`]) and
//! images, and migrates the database of a running stack first ([`prepare`]). Then `docker compose
//! up` starts what changed, and the containers are watched ([`services`]) until all are healthy or
//! one will not be ([`explain`]). Deliberately absent: a supervisor. The engine restarts what
//! crashes and keeps its logs.

pub mod record;
mod variables;
mod secrets;
mod prepare;
mod services;
mod explain;
pub mod data;

use super::{
    Job, Kind, SignIn, Stack, Starting, choose_services, not_running, parse_setup_link,
    state::{Phase, ServiceStatus, StateFolder, Status},
};
use crate::{
    docker::engine::{Engine, capture},
    failure::Failure,
    ports,
    process::{self, SIGTERM, wait_until},
    world::World,
};
use anyhow::{Context, Result};
use duct::Handle;
use record::{Record, SECRETS};
use services::Container;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    process::Command,
    time::{Duration, Instant},
};
use variables::{PROFILES, Variables};

/// A service that ends this often before it was healthy will not become so.
const HOPELESS_RESTARTS: u32 = 3;
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
        let variables = Variables::after_up(&record.remembered);
        Ok(Self::new(world, engine, folder, record, variables))
    }

    /// Decide everything and provide images and secrets. Starts nothing.
    pub fn plan(world: &'w World, folder: &StateFolder, demo: bool, prod: bool) -> Result<Self> {
        let engine = Engine::need("starting the stack in containers")?;
        let mut before = Record::own(folder)?;
        // `docker compose down` may have removed the containers.
        if let Some(record) = before.take() {
            let is_running = !services::containers(&engine, &record)?.is_empty();
            before = Some(if is_running { record } else { record.stopped() });
        }
        let remembered = before.as_ref().map(|before| before.remembered.clone()).unwrap_or_default();
        let mut variables = Variables::for_up(&remembered);
        let record = Record::decide(world, folder, &mut variables, before.as_ref(), demo, prod)?;
        let mut stack = Self::new(world, engine, folder, record, variables);
        // Those of another clone are refused before anything is built.
        let containers = services::containers(&stack.engine, &stack.record)?;
        let next = "fix what Compose names, most often a variable of the shell or of .env; .env.example \
                    describes each";
        let printed = world.capture(stack.compose(&["config", "--format", "json"])?, next)?;
        let configured = services::configured(&printed)?;
        (stack.record.url, stack.record.services) = (configured.url, configured.services);
        // Compose would notice it only after it has stopped what runs.
        let is_own =
            |port: &u16| containers.iter().any(|container| container.ports().any(|own| own == *port));
        if let Some(port) =
            { configured.ports }.into_iter().find(|port| !is_own(port) && ports::is_in_use(*port))
        {
            return Err(explain::port_in_use(port).into());
        }
        prepare::provide_images(&stack)?;
        if stack.record.is_prod() {
            secrets::create(&world.root.join(stack.variables.get(SECRETS).unwrap_or_default()))?;
        }
        Ok(stack)
    }

    fn new(
        world: &'w World,
        engine: Engine,
        folder: &StateFolder,
        record: Record,
        mut variables: Variables,
    ) -> Self {
        // Not remembered: the machine may get fewer.
        variables.set_default("SQUALL_CPUS", engine.processors.to_string());
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

    /// `docker compose` for this stack, whatever this shell has set for Compose itself.
    fn compose(&self, arguments: &[&str]) -> Result<Command> {
        let Record { root, project, files, profiles, .. } = &self.record;
        let mut command = self.engine.compose()?;
        command.arg("--project-directory").arg(root).args(["--project-name", project]).current_dir(root);
        command.args(files.iter().flat_map(|file| ["--file", file]));
        command.args(["--ansi", "never", "--progress", "plain"]).args(arguments);
        command.envs(self.variables.all()).env(PROFILES, profiles);
        Ok(command)
    }

    fn start_containers(&mut self) -> Result<()> {
        self.restarts = self.status()?.services.into_iter().map(|it| (it.stamp, it.restarts)).collect();
        fs::create_dir_all(self.folder.logs())?;
        let log = File::create(self.folder.log("compose"))?;
        let up = ["up", "--detach", "--no-build", "--pull", "never", "--remove-orphans"];
        let client = process::watched(&self.compose(&up)?, SIGTERM).stderr_to_stdout().stdout_file(log);
        self.compose_up = Some(client.start().context("starting Compose")?);
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

    /// Why the stack does not become healthy: a service that the engine could not start or that
    /// failed, else one that runs but is not healthy, else one that ended.
    fn failure(&self, status: &Status) -> Failure {
        let phases = [Phase::Failed, Phase::Unhealthy, Phase::Restarting, Phase::Starting, Phase::Stopped];
        let in_phase = |phase: &Phase| status.services.iter().find(|service| service.phase == *phase);
        let not_started = status.services.iter().find(|it| it.phase == Phase::Waiting && it.note.is_some());
        match not_started.or_else(|| phases.iter().find_map(in_phase)) {
            Some(service) => explain::service(self, service),
            None => explain::compose(self),
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

    fn status(&mut self) -> Result<Status> {
        self.containers = services::containers(&self.engine, &self.record)?;
        Ok(services::status(&self.record, &self.containers))
    }

    fn is_running(&self) -> Result<bool> {
        Ok(!services::containers(&self.engine, &self.record)?.is_empty())
    }

    fn is_healthy(&self, status: &Status) -> bool {
        let phase = |name: &str| status.service(name).map(|service| service.phase);
        self.services().iter().all(|name| phase(name).is_some_and(Phase::is_ready))
    }

    fn start(&mut self, _detached: bool) -> Result<()> {
        prepare::migrate(self)?;
        self.record.save(&self.folder)?;
        self.start_containers()
    }

    fn starting(&mut self, status: &Status) -> Result<Starting> {
        let is_hopeless = |service: &&ServiceStatus| {
            let before = self.restarts.get(&service.stamp).copied().unwrap_or(0);
            service.phase == Phase::Failed || service.restarts.saturating_sub(before) >= HOPELESS_RESTARTS
        };
        if let Some(service) = status.services.iter().find(is_hopeless) {
            return Ok(Starting::Failed(explain::service(self, service)));
        }
        let has_started = match &self.compose_up {
            Some(child) => child.try_wait()?.map(|output| output.status.success()),
            None => Some(true),
        };
        if has_started == Some(false) {
            let status = self.status()?;
            return Ok(Starting::Failed(self.failure(&status)));
        }
        // A container without a health check must still run, unchanged, at a later look.
        self.ready_since = self.is_healthy(status).then(|| self.ready_since.unwrap_or_else(Instant::now));
        let is_checked =
            self.containers.iter().all(|it| it.has_health_check() || self.record.is_job(it.service()));
        let is_ready = self.ready_since.is_some_and(|since| is_checked || since.elapsed() >= SETTLE);
        let limit = Duration::from_secs(self.world.settings.stack.start_seconds * SLOW_SERVICES);
        Ok(match has_started {
            Some(true) if is_ready => Starting::Healthy,
            _ if self.began.elapsed() > limit => Starting::Failed(self.failure(status)),
            _ => Starting::Waiting,
        })
    }

    fn restart(&mut self, service: Option<&str>) -> Result<()> {
        if !self.is_running()? {
            return Err(not_running(format!("restarting {}", service.unwrap_or("the stack"))));
        }
        let meant = |name: &String| service.is_some() || !self.record.is_job(name);
        let services = choose_services(self.services(), service)?.into_iter().filter(meant);
        let mut command = self.compose(&["restart", "--no-deps"])?;
        command.args(services);
        capture(command)?;
        self.start_containers()
    }

    /// Remove the containers and networks of every profile. Volumes stay.
    fn stop(&mut self) -> Result<bool> {
        self.end_compose_up();
        let was_running = self.is_running()?;
        // Each service has its own grace period, in its `stop_grace_period`.
        capture(self.compose(&["--profile", "*", "down", "--remove-orphans"])?)?;
        Record::mark_stopped(&self.folder)?;
        Ok(was_running)
    }

    fn logs(&self, service: Option<&str>, lines: usize, follow: bool) -> Result<()> {
        let services = choose_services(self.services(), service)?;
        let mut command = self.compose(&["logs", "--no-color", "--tail", &lines.to_string()])?;
        command.args(follow.then_some("--follow")).args(service.map(|_| "--no-log-prefix")).args(services);
        self.world.run(command, "see the output of Compose above")
    }

    fn job(&self, job: &Job) -> Result<Command> {
        let (service, program) = match job.program {
            "squall-backup" => ("ops", Some(job.program)),
            _ => (prepare::MIGRATE, None),
        };
        prepare::provide_image(self, service)?;
        let mut command = self.compose(&["run", "--rm", "--no-TTY", "--no-deps", service])?;
        command.args(program).args(&job.arguments);
        Ok(command)
    }

    fn sign_in(&self) -> Result<Option<SignIn>> {
        if self.record.service("seed").is_none() {
            return Ok(None);
        }
        let printed = capture(self.compose(&["logs", "--no-color", "--no-log-prefix", "seed"])?)?;
        Ok(printed.lines().rev().find_map(SignIn::parse))
    }

    fn setup_link(&self) -> Result<Option<String>> {
        parse_setup_link(&capture(self.compose(&["exec", "-T", "api", "/squall-api", "setup-link"])?)?)
    }
}

impl Drop for ComposeStack<'_> {
    fn drop(&mut self) {
        self.end_compose_up();
    }
}
