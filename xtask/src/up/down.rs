//! `down`: ends the stack in good order, and deletes its data if told to.

use super::{
    Place,
    compose::{self, kept::Left, stack::ComposeStack, volumes},
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
        Some(stack) => stop_containers(&folder, stack)?,
        None => folder.stop(Duration::from_secs(world.settings.stack.stop_seconds))?,
    };
    println!("{}", if ran { "stopped" } else { "nothing runs" });
    if arguments.delete_data {
        // Of containers that an earlier `down` ended, too.
        match ComposeStack::left(&folder)? {
            Some(Left::RanLast(stack)) => delete_volumes(&folder, &stack)?,
            Some(Left::Superseded(stack)) if in_containers.is_some() => delete_volumes(&folder, &stack)?,
            Some(Left::Superseded(stack)) => keep_volumes(&folder, stack)?,
            None => {}
        }
        // The secrets in the folder go last: while the database is there they are needed.
        delete_data(&folder)?;
        println!("deleted the data of the stack in {}", folder.0.display());
    }
    Ok(())
}

/// Whether there was anything to stop.
fn stop_containers(folder: &StateFolder, stack: &ComposeStack) -> Result<bool> {
    let engine = Engine::need("stopping the stack in containers")?;
    let ran = !compose::containers::all(&engine, &stack.project)?.is_empty();
    compose::take_down(&engine, stack, folder)?;
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

/// The native stack was meant, and containers ran in the same folder before it: their data stay, and so does what leads to them.
fn keep_volumes(folder: &StateFolder, stack: ComposeStack) -> Result<()> {
    let project = &stack.project;
    println!(
        "kept the volumes of the stack that ran in containers before (`docker volume ls --filter label=com.docker.compose.project={project}` \
         names them); to delete them, `docker volume rm NAME`, or `cargo xtask up --docker` and then `cargo xtask down --delete-data`"
    );
    stack.supersede(folder)
}

/// Deletes what xtask has made in a state folder and nothing else: `--state` may name any folder.
pub fn delete_data(folder: &StateFolder) -> Result<()> {
    if let Some(home) = data_of(Plan::read(&folder.plan())?.as_ref()).and_then(Path::parent) {
        remove(home)?;
    }
    remove(&postgres_home(folder)?)?;
    // A database that stays in a volume is opened with the password that is there.
    let opens_a_volume = matches!(ComposeStack::left(folder)?, Some(left) if left.stack().prod && left.stack().secrets == folder.secret(""));
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
        if made != "secrets" || !opens_a_volume {
            remove(&folder.0.join(made))?;
        }
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

#[cfg(test)]
mod tests {
    use super::{compose::stack::tests::stack, *};

    #[test]
    fn the_volumes_of_containers_stay_where_a_native_stack_ran_after_them() {
        let folder = StateFolder(std::env::temp_dir().join(format!("squall-native-{}", std::process::id())));
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(folder.0.join("secrets")).unwrap();
        // One whose database has its password in this folder.
        let containers = {
            let mut stack = stack("squall");
            (stack.prod, stack.secrets) = (true, folder.secret(""));
            stack
        };
        containers.save(&folder).unwrap();
        ComposeStack::put_away(&folder).unwrap();
        assert!(matches!(ComposeStack::left(&folder).unwrap(), Some(Left::RanLast(_))));
        Plan::default().write(&folder.plan()).unwrap();
        let plan = fs::File::options().append(true).open(folder.plan()).unwrap();
        plan.set_modified(std::time::SystemTime::now() + Duration::from_secs(60)).unwrap();
        // A second time its plan is gone, with its data.
        for _ in 0..2 {
            let left = ComposeStack::left(&folder).unwrap();
            let Some(Left::Superseded(stack)) = left else { panic!("{left:?}") };
            keep_volumes(&folder, stack).unwrap();
            delete_data(&folder).unwrap();
            assert!(!folder.plan().exists());
        }
        assert!(folder.0.join("secrets").exists());
        // Started once more, they are meant again.
        containers.save(&folder).unwrap();
        ComposeStack::put_away(&folder).unwrap();
        assert!(matches!(ComposeStack::left(&folder).unwrap(), Some(Left::RanLast(_))));
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
