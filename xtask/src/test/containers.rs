//! `test containers`: the stack as people run it with Docker, driven by the commands they type.
//!
//! Up to healthy, the browser's journey through the edge, a restart, down and up again: the admin that the journey made must still
//! be there. The stack has a name, a port and volumes of its own, and leaves nothing behind.

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
    // Whatever happens, nothing of it stays up; the logs of what failed were shown before.
    let tested = stack.test(arguments);
    let gone = stack.xtask(&["down", "--delete-data"]);
    tested.and(gone)
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
        let chromium = doctor::chromium(self.world, &|line| eprintln!("{line}"))?;
        build::node_modules(self.world, &|line| eprintln!("{line}"))?;
        let link = stack::open(self.world, &self.folder)?.setup_link()?.unwrap_or_default();
        let shell = self.world.web_shell()?;
        let npm = cmd!(shell, "npm run --silent test:browser -- {arguments...}")
            .env("CHROMIUM_PATH", chromium)
            .env("SQUALL_URL", self.url())
            .env("SQUALL_SETUP_URL", link)
            .env("SQUALL_WATCH_DIR", &self.watched);
        self.world.run(npm, NEXT)
    }

    /// The edge answers for the api, and the admin is there.
    fn check(&self, when: &str) -> Result<()> {
        let answer = http::get(self.port, "/api/v1/setup");
        let next = "see what the containers say with `cargo xtask logs --state target/squall-containers`";
        match answer {
            Ok(answer) if answer.status < 500 => {}
            Ok(answer) => {
                let wrong = format!("{when} the edge answers with status {}", answer.status);
                return Err(Failure::new(TRIED, wrong, next).into());
            }
            Err(error) => {
                return Err(
                    Failure::new(TRIED, format!("{when} the edge does not answer: {error:#}"), next).into()
                );
            }
        }
        if stack::open(self.world, &self.folder)?.setup_link()?.is_some() {
            return Err(Failure::new(
                TRIED,
                format!("{when} the admin is gone: the data were not kept"),
                next,
            )
            .into());
        }
        println!("{when}: the edge answers, and the data are there");
        Ok(())
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn xtask(&self, arguments: &[&str]) -> Result<()> {
        let mut xtask = Command::new(std::env::current_exe()?);
        xtask.args(arguments).arg("--state").arg(&self.folder.0);
        xtask
            .env("CARGO_MANIFEST_DIR", self.world.root.join("xtask"))
            .env_remove("DATABASE_URL")
            .env_remove("COMPOSE_PROJECT_NAME");
        // The journey writes log files here and tells Squall to read them by the same path.
        xtask.env("SQUALL_WATCH", &self.watched).env("SQUALL_WATCH_AT", &self.watched);
        xtask.env("SQUALL_PORT", self.port.to_string());
        self.world.run(xtask, NEXT)
    }
}
