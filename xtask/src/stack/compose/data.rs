//! The data of a stack in containers: what `down --delete-data` deletes, and what outlives it,
//! above all backups.

use super::record::Record;
use crate::{
    docker::engine::Engine,
    failure::{Failure, OrFail},
    stack::state::StateFolder,
};
use anyhow::Result;

/// The volumes of compose.yaml with data of the stack itself. Every other one is kept: backups and
/// their log.
const DATA: [&str; 4] = ["postgres", "recovered", "watched", "demo"];

/// Delete the volumes of the stack that `down` has removed, now or earlier, and list those that are
/// kept.
pub fn delete(folder: &StateFolder) -> Result<()> {
    let Some(Record { project, is_superseded, .. }) = Record::own(folder)? else { return Ok(()) };
    if is_superseded {
        println!(
            "kept the volumes of the stack that ran in containers before; to delete them, run `cargo xtask up \
             --docker` and then `cargo xtask down --delete-data`"
        );
        return Ok(());
    }
    let tried = format!("deleting the volumes of {project}, which ran in containers");
    let engine = Engine::find().map_err(|absent| {
        let Failure { failed, exit, .. } = absent.failure(&tried);
        let next = format!(
            "start the engine and run the command again; if there will be none, delete {} by hand",
            folder.0.display()
        );
        Failure::new(tried.clone(), failed, next).exit(exit)
    })?;
    let of_project = format!("label=com.docker.compose.project={project}");
    let format = "{{.Name}}\t{{.Label \"com.docker.compose.volume\"}}";
    let listed = engine.ask(&["volume", "ls", "--filter", &of_project, "--format", format])?;
    let volumes = listed.lines().filter_map(|line| line.split_once('\t'));
    let (data, kept): (Vec<_>, Vec<_>) = volumes.partition(|(_, role)| DATA.contains(&role.trim()));
    let names =
        |volumes: &[(&str, &str)]| volumes.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    if let Some((first, _)) = data.first() {
        let next = format!(
            "remove the containers that use it (`docker ps --all --filter volume={first}` lists them), then run the \
             command again"
        );
        let words: Vec<_> = ["volume", "rm"].into_iter().chain(data.iter().map(|(name, _)| *name)).collect();
        engine.ask(&words).or_fail(tried, next)?;
        println!("deleted the volumes {}", names(&data));
    }
    if !kept.is_empty() {
        println!("kept the volumes that may hold backups; `docker volume rm {}` deletes them", names(&kept));
    }
    Record::forget(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::root;

    #[test]
    fn every_volume_of_the_stack_is_data_or_holds_backups_or_their_log() {
        let compose = std::fs::read_to_string(root().join("compose.yaml")).unwrap();
        let (_, volumes) = compose.split_once("\nvolumes:\n").unwrap();
        let names = volumes.lines().map_while(|line| line.strip_prefix("  ")?.strip_suffix(':'));
        let (data, kept): (Vec<_>, Vec<_>) = names.partition(|name| DATA.contains(name));
        assert_eq!(kept, ["backups", "spool", "s3"], "is a new volume data? See DATA");
        assert_eq!(data.len(), DATA.len());
    }
}
