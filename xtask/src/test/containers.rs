//! `test containers`: the stack as people run it with Docker, driven by the commands they type.
//!
//! Up to healthy, the browser's journey through the edge, a restart, a failed migration, down and up
//! again: the admin that the journey made must still be there. Deleting the data keeps backups. The
//! stack has a name, a port and volumes of its own, and leaves nothing behind.

use super::NEXT;
use crate::{
    build,
    docker::engine::Engine,
    doctor,
    failure::Failure,
    http, ports,
    stack::{self, compose::record::Record, state::StateFolder},
    world::World,
};
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};
use xshell::cmd;

const TRIED: &str = "testing the stack in containers";

pub fn run(world: &World, arguments: &[String]) -> Result<()> {
    let engine = Engine::for_step(TRIED)?;
    let folder = StateFolder(world.build_folder().join("squall-containers"));
    let stack = Stack { world, engine, watched: folder.0.join("watched"), port: ports::any()?, folder };
    stack.xtask(&["down", "--delete-data"])?;
    // What the journey leaves must not be taken for the next one's.
    let _ = fs::remove_dir_all(&stack.watched);
    fs::create_dir_all(&stack.watched)?;
    // Stop the stack even if the test failed.
    let tested = stack.test(arguments);
    tested.and(stack.xtask(&["down", "--delete-data"]))
}

struct Stack<'a> {
    world: &'a World,
    engine: Engine,
    folder: StateFolder,
    watched: PathBuf,
    port: u16,
}

impl Stack<'_> {
    fn test(&self, arguments: &[String]) -> Result<()> {
        self.xtask(&["up", "--docker", "--detach"])?;
        self.journey(arguments)?;
        self.check("after the journey")?;
        self.xtask(&["restart"])?;
        self.check("after a restart")?;
        self.fail_to_migrate()?;
        self.check("after a failed migration")?;
        self.xtask(&["down"])?;
        self.xtask(&["up", "--docker", "--detach"])?;
        self.check("after down and up")?;
        self.delete_data()
    }

    /// A version whose migration fails replaces nothing.
    fn fail_to_migrate(&self) -> Result<()> {
        let record = self.record()?;
        let built = record.services.iter().filter(|service| service.target.is_some());
        let mut images = BTreeSet::new();
        for service in built {
            let (name, _) = service.image.rsplit_once(':').context("an image of Squall has a tag")?;
            // That of PostgreSQL ends at once: it has no password for a new database.
            let base = if service.name == "migrate" { record.service("postgres") } else { Some(service) };
            let image = format!("{name}:broken");
            self.engine.ask(&["tag", &base.context("the stack has a database")?.image, &image])?;
            images.insert(image);
        }
        let of_project = format!("label=com.docker.compose.project={}", record.project);
        let containers = || self.engine.ask(&["ps", "--quiet", "--no-trunc", "--filter", &of_project]);
        let before = containers()?;
        let mut up = self.command(&["up", "--docker", "--detach"])?;
        up.env("SQUALL_VERSION", "broken");
        let printed =
            self.world.capture(up, NEXT).map_or_else(|error| error.to_string(), |_| "success".into());
        for image in &images {
            self.engine.ask(&["rmi", image])?;
        }
        ensure!(printed.contains("nothing was replaced"), "the migration should have failed, but: {printed}");
        ensure!(containers()? == before, "the failed migration replaced containers");
        Ok(())
    }

    /// Backups outlive the data.
    fn delete_data(&self) -> Result<()> {
        let project = self.record()?.project;
        let (of_project, backups) =
            (format!("com.docker.compose.project={project}"), format!("{project}_backups"));
        let role = "com.docker.compose.volume=backups";
        self.engine.ask(&["volume", "create", "--label", &of_project, "--label", role, &backups])?;
        self.xtask(&["down", "--delete-data"])?;
        let left =
            self.engine.ask(&["volume", "ls", "--quiet", "--filter", &format!("label={of_project}")])?;
        self.engine.ask(&["volume", "rm", &backups])?;
        ensure!(left.trim() == backups, "only backups should be left, but: {left}");
        Ok(())
    }

    fn record(&self) -> Result<Record> {
        Record::load(&self.folder)?.context("the stack is not running in containers")
    }

    fn journey(&self, arguments: &[String]) -> Result<()> {
        let chromium = doctor::chromium(self.world)?;
        build::node_modules(self.world)?;
        let shell = self.world.web_shell()?;
        // The first run, and the tests for which it matters what serves the page; `test browser` has all.
        let npm = cmd!(shell, "npm run --silent test:browser -- --grep @edge {arguments...}")
            .env("CHROMIUM_PATH", chromium)
            .env("SQUALL_URL", format!("http://127.0.0.1:{}", self.port))
            .env("SQUALL_SETUP_URL", self.setup_link()?.unwrap_or_default())
            .env("SQUALL_WATCH_DIR", &self.watched);
        self.world.run(npm, NEXT)
    }

    /// The edge answers for the api, and the admin is there.
    fn check(&self, when: &str) -> Result<()> {
        let wrong = match http::get(self.port, "/api/v1/setup") {
            Ok(answer) if answer.status >= 500 => format!("the edge answers with status {}", answer.status),
            Err(error) => format!("the edge does not answer: {error:#}"),
            Ok(_) if self.setup_link()?.is_some() => "the admin is gone: the data was not kept".to_owned(),
            Ok(_) => {
                println!("{when}: the edge answers, and the data is there");
                return Ok(());
            }
        };
        let next = "read the logs of the containers with `cargo xtask logs --state target/squall-containers`";
        Err(Failure::new(TRIED, format!("{when} {wrong}"), next).into())
    }

    fn setup_link(&self) -> Result<Option<String>> {
        stack::open(self.world, &self.folder)?.setup_link()
    }

    fn xtask(&self, arguments: &[&str]) -> Result<()> {
        self.world.run(self.command(arguments)?, NEXT)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut xtask = Command::new(std::env::current_exe()?);
        xtask.args(arguments).arg("--state").arg(&self.folder.0);
        xtask.env("CARGO_MANIFEST_DIR", self.world.root.join("xtask"));
        xtask.env_remove("DATABASE_URL").env_remove("COMPOSE_PROJECT_NAME");
        // The journey writes log files here and has Squall read them by the same path.
        xtask.env("SQUALL_WATCH", &self.watched).env("SQUALL_WATCH_AT", &self.watched);
        xtask.env("SQUALL_PORT", self.port.to_string());
        Ok(xtask)
    }
}
