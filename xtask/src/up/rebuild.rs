//! `up --dev`: builds anew when a source changes, and lets the supervisor restart what became another binary.
//!
//! Vite sees to the web app by itself. Files are looked at twice a second, which is cheap for a few hundred of them
//! and works on every file system.

use super::{service::Plan, state::StateFolder};
use crate::{
    build::{self, Binaries},
    files,
    process::{SIGTERM, die_with_parent},
    world::World,
};
use anyhow::Result;
use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};
use xshell::cmd;

const PAUSE: Duration = Duration::from_millis(500);
const SOURCES: [&str; 7] = ["api", "worker", "crates", "migrations", ".sqlx", "Cargo.toml", "Cargo.lock"];

/// The thread lives as long as the process.
pub fn watch_in_background(root: PathBuf, folder: StateFolder) {
    thread::spawn(move || {
        if let Err(error) = watch(root, &folder) {
            eprintln!("no longer rebuilding on change: {error:#}");
        }
    });
}

fn watch(root: PathBuf, folder: &StateFolder) -> Result<()> {
    let world = World::new(root)?;
    let sources: Vec<_> = SOURCES.iter().map(|source| world.root.join(source)).collect();
    let look = || files::change_mark(&sources, &["target"]);
    let mut built = look()?;
    loop {
        thread::sleep(PAUSE);
        let seen = look()?;
        if seen != built {
            built = seen;
            rebuild(&world, folder)?;
        }
    }
}

fn rebuild(world: &World, folder: &StateFolder) -> Result<()> {
    let note = folder.0.join("build-failed");
    let log = fs::File::create(folder.log("build"))?;
    let shell = world.shell()?;
    let mut cargo = Command::from(cmd!(shell, "cargo build --workspace --bins"));
    die_with_parent(&mut cargo, SIGTERM);
    cargo.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    if !cargo.status()?.success() {
        let last = files::last_lines(&folder.log("build"), 30).join("\n");
        return files::replace(&note, &format!("the build failed; the old binaries run on:\n{last}"));
    }
    let _ = fs::remove_file(&note);
    let _lock = folder.lock()?;
    let Some(mut plan) = Plan::read(&folder.plan())? else { return Ok(()) };
    let ours = world.target()?.join(Binaries::Dev.profile().folder());
    for service in plan.services.iter_mut().filter(|service| service.program.starts_with(&ours)) {
        service.build = build::mark(&service.program)?;
    }
    plan.write(&folder.plan())
}
