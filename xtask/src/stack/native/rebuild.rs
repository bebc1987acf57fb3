//! `up --dev`: rebuild when a source changes, and let the supervisor restart what became another
//! binary.
//!
//! Vite reloads the web app on its own. Polling twice a second is cheap for a few hundred files and
//! works on every file system.

use crate::{
    build::{self, Binaries, STACK},
    files,
    process::{SIGTERM, watched},
    stack::state::StateFolder,
    world::World,
};
use anyhow::Result;
use std::{fs, path::PathBuf, thread, time::Duration};
use xshell::cmd;

const PAUSE: Duration = Duration::from_millis(500);

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
    let packages = world.packages(&STACK)?;
    let folders = packages.iter().filter_map(|package| package.manifest_path.parent());
    let shared = ["migrations", ".sqlx", "Cargo.toml", "Cargo.lock"].map(|name| world.root.join(name));
    let sources: Vec<PathBuf> = folders.map(|folder| folder.into()).chain(shared).collect();
    let mark = || files::change_mark(&sources, &["target"]);
    let mut built = mark()?;
    loop {
        thread::sleep(PAUSE);
        let seen = mark()?;
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
    let cargo = watched(&cmd!(shell, "cargo build --locked --workspace --bins").into(), SIGTERM);
    if !cargo.stderr_to_stdout().stdout_file(log).run()?.status.success() {
        let last = files::last_lines(&folder.log("build"), 30).join("\n");
        return files::replace(&note, &format!("the build failed; the old binaries keep running:\n{last}"));
    }
    let _ = fs::remove_file(&note);
    let _lock = folder.lock()?;
    let Some(mut plan) = folder.plan()? else { return Ok(()) };
    let built = world.target()?.join(Binaries::Dev.profile().folder());
    for service in plan.services.iter_mut().filter(|service| service.program.starts_with(&built)) {
        service.build = build::mark(&service.program)?;
    }
    plan.write(&folder.plan_file())
}
