//! `down`: ends the stack in good order, and deletes its data if told to.

use super::{
    Place,
    compose::{self, stack::ComposeStack, volumes},
    plan::{data_of, postgres_home},
    service::Plan,
    state::StateFolder,
};
use crate::{docker::engine::Engine, failure::Failure, world::World};
use anyhow::{Context, Result};
use std::{fs, io::ErrorKind, path::Path, time::Duration};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Deletes the data of this stack, too: database, demo, logs, secrets in its folder. Backups are kept.
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
    let in_containers = ComposeStack::load(&folder)?;
    let ran = match &in_containers {
        Some(stack) => stop_containers(world, &folder, stack)?,
        None => folder.stop(Duration::from_secs(world.settings.stack.stop_seconds))?,
    };
    println!("{}", if ran { "stopped" } else { "nothing runs" });
    if arguments.delete_data {
        // Of containers that an earlier `down` ended, too. The secrets in the folder go last: while the database is there they are needed.
        if let Some(stack) = in_containers.or(ComposeStack::stopped(&folder)?) {
            delete_volumes(&folder, &stack)?;
        }
        delete_data(&folder)?;
        println!("deleted the data of the stack in {}", folder.0.display());
    }
    Ok(())
}

/// Whether there was anything to stop.
fn stop_containers(world: &World, folder: &StateFolder, stack: &ComposeStack) -> Result<bool> {
    let engine = Engine::need("stopping the stack in containers")?;
    let ran = !compose::containers::all(&engine, &stack.project)?.is_empty();
    compose::take_down(&engine, stack, folder, world)?;
    Ok(ran)
}

/// The data of a stack in containers are in volumes.
fn delete_volumes(folder: &StateFolder, stack: &ComposeStack) -> Result<()> {
    let tried = format!("deleting the volumes of {}, which ran in containers", stack.project);
    let engine = Engine::find().map_err(|absent| {
        let next = format!(
            "start the engine and run the command again; where there will be none, delete {} by hand",
            folder.0.display()
        );
        let failure = absent.failure(&tried);
        Failure::new(tried.clone(), failure.wrong(), next).exit(failure.exit)
    })?;
    let sorted = volumes::delete_data(&engine, &stack.project)?;
    if !sorted.data.is_empty() {
        println!("deleted the volumes {}", sorted.data.join(", "));
    }
    if let Some(kept) = sorted.told_kept() {
        println!("{kept}");
    }
    ComposeStack::forget(folder)
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
