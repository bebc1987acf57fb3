//! The stack in containers, through Docker Compose.
//!
//! `up` decides files, ports and variables ([`record`]), provides secrets ([`secrets`]) and images,
//! and migrates the database of a running stack first ([`prepare`]). Then `docker compose up`
//! starts what changed, and the containers are watched ([`services`]) until all are healthy or one
//! will not be ([`explain`]). Deliberately absent: a supervisor. The engine restarts what crashes
//! and keeps its logs.

pub mod record;
mod variables;
mod ports;
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
    process::{self, SIGTERM, wait_until},
    world::World,
};
use anyhow::{Context, Result};
use duct::Handle;
use record::{ComposeService, Lifecycle, Record, Request};
use services::Container;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    process::Command,
    time::{Duration, Instant},
};
use variables::Variables;

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
        let variables = Variables::here(&record.root, record.remembered.clone())?;
        Ok(Self::new(world, engine, folder, record, variables))
    }

    /// Decide everything and provide images and secrets. Starts nothing.
    pub fn plan(world: &'w World, folder: &StateFolder, demo: bool, prod: bool) -> Result<Self> {
        const TRIED: &str = "starting the stack in containers";
        let engine = Engine::need(TRIED)?;
        let before = Record::own(folder)?;
        let running = before.as_ref().filter(|record| {
            record.lifecycle == Lifecycle::Started
                && services::containers(&engine, record).is_ok_and(|containers| !containers.is_empty())
        });
        // The variables of a stack that is down are forgotten, but not where its volumes are.
        let remembered = running.map(|running| running.remembered.clone()).unwrap_or_default();
        let variables = Variables::here(&world.root, remembered)?;
        let (processors, is_running) = (engine.processors, running.is_some());
        let request = Request { demo, prod, processors, before: before.as_ref(), is_running };
        let record = Record::decide(world, folder, &variables, &request)?;
        if let Some(running) = running.filter(|running| running.project != record.project) {
            let (is, wanted) = (&running.project, &record.project);
            let wrong =
                format!("this folder's stack is running as {is}, but COMPOSE_PROJECT_NAME is {wanted}");
            let next = "stop it with `cargo xtask down`, or choose another folder with --state";
            return Err(Failure::new(TRIED, wrong, next).into());
        }
        let mut stack = Self::new(world, engine, folder, record, variables);
        services::containers(&stack.engine, &stack.record)?;
        stack.record.services = stack.configured()?;
        prepare::provide_images(&stack)?;
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

    /// `docker compose` for this stack; its files, project and profiles are in the environment.
    fn compose(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.engine.compose()?;
        command.arg("--project-directory").arg(&self.record.root).current_dir(&self.record.root);
        command.args(["--ansi", "never", "--progress", "plain"]).args(arguments);
        command.envs(self.variables.added()).envs(&self.record.environment);
        Ok(command)
    }

    /// The services that Compose reads from the files, in an order in which they can start.
    fn configured(&self) -> Result<Vec<ComposeService>> {
        let next = "fix what Compose names, most often a variable of the shell or of .env; .env.example \
                    describes each";
        let printed = self.world.capture(self.compose(&["config", "--format", "json"])?, next)?;
        services::configured(&printed)
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

    /// Why the stack does not become healthy: a service that failed, else one that runs but is not
    /// healthy, else one that ended.
    fn failure(&self, status: &Status) -> Failure {
        let phases = [Phase::Failed, Phase::Unhealthy, Phase::Restarting, Phase::Starting, Phase::Stopped];
        let in_phase = |phase: &Phase| status.services.iter().find(|service| service.phase == *phase);
        match phases.iter().find_map(in_phase) {
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

    /// What `docker inspect` prints about a container of a service of the stack in a folder.
    pub fn inspected(service: &str, state: &str, image: &str, folder: &str) -> String {
        let labels = serde_json::json!({
            "com.docker.compose.service": service, "com.docker.compose.project.working_dir": folder,
        });
        let state = serde_json::json!({"Status": state, "ExitCode": 0});
        serde_json::json!({"Id": "1", "Image": image, "State": state, "Config": {"Labels": labels}})
            .to_string()
    }

    #[test]
    fn deleting_the_data_of_a_stack_keeps_its_backups_and_works_after_it_was_stopped() {
        let (world, folder) = (World::new(root()).unwrap(), folder("delete"));
        let answers = "'volume ls'*) for role in backups demo postgres s3 watched; do \
                       printf 'squall_%s\\t%s\\n' $role $role; done;;";
        record("squall").save(&folder).unwrap();
        let mut stack = fake(&world, &folder, record("squall"), answers);
        stack.stop().unwrap();
        let project = Record::stopped(&folder).unwrap().unwrap().project;
        data::delete_volumes(&stack.engine, &project).unwrap();
        let asked = asked(&folder.0);
        assert!(asked.contains(" down --remove-orphans\n") && !asked.contains("--volumes"), "{asked}");
        assert!(asked.ends_with("volume rm squall_demo squall_postgres squall_watched\n"), "{asked}");
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_copied_folder_does_not_reach_the_containers_of_the_original() {
        let (world, original) = (World::new(root()).unwrap(), folder("original"));
        let written = Record { folder: Some(original.path()), ..record("squall") };
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
        let container = inspected("api", "running", "", "/original");
        let answers = format!("'ps '*) echo 1;;\n'container inspect'*) echo '[{container}]';;");
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
            data::delete(&folder, false).unwrap();
            stack::native::delete_data(&folder).unwrap();
            assert!(Record::stopped(&folder).unwrap().is_some() && folder.secret("").exists());
        }
        // Started once more, it is the one that the user means.
        containers.save(&folder).unwrap();
        Record::mark_stopped(&folder).unwrap();
        assert_eq!(Record::stopped(&folder).unwrap().unwrap().lifecycle, Lifecycle::Stopped);
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
