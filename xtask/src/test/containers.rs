//! `test containers`: the stack as people run it with Docker, driven by the commands they type.
//!
//! Up to healthy, the browser's journey through the edge, a restart, down and up again: the admin
//! that the journey made must still be there. The stack has a name, a port and volumes of its own,
//! and leaves nothing behind.

use super::NEXT;
use crate::{
    build,
    docker::engine::Engine,
    doctor,
    failure::Failure,
    http, ports,
    stack::{self, state::StateFolder},
    world::World,
};
use anyhow::Result;
use std::{fs, path::PathBuf, process::Command};
use xshell::cmd;

const TRIED: &str = "testing the stack in containers";

pub fn run(world: &World, arguments: &[String]) -> Result<()> {
    Engine::for_step(TRIED)?;
    let folder = StateFolder(world.build_folder().join("squall-containers"));
    let stack = Stack { world, watched: folder.0.join("watched"), port: ports::any()?, folder };
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
        self.xtask(&["down"])?;
        self.xtask(&["up", "--docker", "--detach"])?;
        self.check("after down and up")
    }

    fn journey(&self, arguments: &[String]) -> Result<()> {
        let chromium = doctor::chromium(self.world)?;
        build::node_modules(self.world)?;
        let shell = self.world.web_shell()?;
        let npm = cmd!(shell, "npm run --silent test:browser -- {arguments...}")
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
        let mut xtask = Command::new(std::env::current_exe()?);
        xtask.args(arguments).arg("--state").arg(&self.folder.0);
        xtask.env("CARGO_MANIFEST_DIR", self.world.root.join("xtask"));
        xtask.env_remove("DATABASE_URL").env_remove("COMPOSE_PROJECT_NAME");
        // The journey writes log files here and has Squall read them by the same path.
        xtask.env("SQUALL_WATCH", &self.watched).env("SQUALL_WATCH_AT", &self.watched);
        xtask.env("SQUALL_PORT", self.port.to_string());
        self.world.run(xtask, NEXT)
    }
}
