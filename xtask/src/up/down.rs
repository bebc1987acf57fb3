//! `down`: ends the stack in good order, and deletes its data if told to.

use super::{
    Place,
    compose::{self, stack::ComposeStack},
    plan::{data_of, postgres_home},
    service::Plan,
    state::StateFolder,
};
use crate::{docker::engine::Engine, world::World};
use anyhow::{Context, Result};
use std::{fs, io::ErrorKind, path::Path, time::Duration};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Deletes the database, the logs and the secrets of this stack, too.
    #[arg(long)]
    delete_data: bool,
    #[command(flatten)]
    place: Place,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.place.folder(world)?;
    if !folder.0.exists() {
        println!("nothing runs");
        return Ok(());
    }
    let _lock = folder.lock()?;
    if let Some(stack) = ComposeStack::load(&folder)? {
        return containers(world, &folder, &stack, arguments.delete_data);
    }
    let ran = folder.stop(Duration::from_secs(world.settings.stack.stop_seconds))?;
    println!("{}", if ran { "stopped" } else { "nothing runs" });
    if arguments.delete_data {
        delete_data(&folder)?;
        println!("deleted the data of the stack in {}", folder.0.display());
    }
    Ok(())
}

/// The same for a stack in containers; its data are in volumes.
fn containers(world: &World, folder: &StateFolder, stack: &ComposeStack, delete_data: bool) -> Result<()> {
    let engine = Engine::need("stopping the stack in containers")?;
    let ran = !compose::containers::all(&engine, &stack.project)?.is_empty();
    compose::take_down(&engine, stack, folder, world, delete_data)?;
    println!("{}", if ran { "stopped" } else { "nothing runs" });
    if delete_data {
        self::delete_data(folder)?;
        println!("deleted the volumes of {} and the data in {}", stack.project, folder.0.display());
    }
    Ok(())
}

/// Deletes what xtask has made in a state folder and nothing else: `--state` may name any folder.
pub fn delete_data(folder: &StateFolder) -> Result<()> {
    if let Some(home) = data_of(Plan::read(&folder.plan())?.as_ref()).and_then(Path::parent) {
        remove(home)?;
    }
    remove(&postgres_home(folder)?)?;
    for made in [
        "postgres",
        "logs",
        "secrets",
        "demo-logs",
        "plan.json",
        "state.json",
        "build-failed",
        "supervisor.lock",
    ] {
        remove(&folder.0.join(made))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("deleting {}", path.display()))
        }
        _ => Ok(()),
    }
}
