//! The volumes of a stack: its data, which `down --delete-data` deletes, and what outlives it,
//! above all backups.

use crate::{docker::engine::Engine, failure::OrFail};
use anyhow::Result;

/// The volumes of compose.yaml with data of the stack itself. Every other one is kept: backups and
/// their log.
const DATA: [&str; 4] = ["postgres", "recovered", "watched", "demo"];

/// The full names of volumes that were deleted and of those that were kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Volumes {
    pub data: Vec<String>,
    pub kept: Vec<String>,
}

/// Delete the data of a stack that is down.
pub fn delete(engine: &Engine, project: &str) -> Result<Volumes> {
    let of_project = format!("label=com.docker.compose.project={project}");
    let format = "{{.Name}}\t{{.Label \"com.docker.compose.volume\"}}";
    let volumes = sort(&engine.ask(&["volume", "ls", "--filter", &of_project, "--format", format])?);
    if let Some(first) = volumes.data.first() {
        let words: Vec<_> =
            ["volume", "rm"].into_iter().chain(volumes.data.iter().map(String::as_str)).collect();
        let next = format!(
            "remove the containers that use it (`docker ps --all --filter volume={first}` lists them), then run the \
             command again"
        );
        engine.ask(&words).or_fail(format!("deleting the volumes of {project}"), next)?;
    }
    Ok(volumes)
}

/// Each line is a volume: its full name, and its name in the Compose file.
fn sort(listed: &str) -> Volumes {
    let mut volumes = Volumes::default();
    for (name, role) in listed.lines().filter_map(|line| line.split_once('\t')) {
        let list = if DATA.contains(&role.trim()) { &mut volumes.data } else { &mut volumes.kept };
        list.push(name.to_owned());
    }
    volumes
}

impl Volumes {
    pub fn describe_kept(&self) -> Option<String> {
        let (s, names) = match self.kept.len() {
            0 => return None,
            1 => ("", self.kept.join(" ")),
            _ => ("s", self.kept.join(" ")),
        };
        let list = self.kept.join(", ");
        Some(format!(
            "kept the volume{s} {list}, which may hold backups; `docker volume rm {names}` deletes them"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::root;

    #[test]
    fn backups_outlive_the_data() {
        let volumes = sort(
            "squall_backups\tbackups\nsquall_demo\tdemo\nsquall_postgres\tpostgres\nsquall_s3\ts3\nsquall_watched\twatched\n",
        );
        assert_eq!(volumes.data, ["squall_demo", "squall_postgres", "squall_watched"]);
        assert_eq!(
            volumes.describe_kept().unwrap(),
            "kept the volumes squall_backups, squall_s3, which may hold backups; `docker volume rm squall_backups \
             squall_s3` deletes them"
        );
        assert_eq!(sort("").describe_kept(), None);
    }

    #[test]
    fn every_volume_of_the_stack_is_data_or_holds_backups_or_their_log() {
        let compose = std::fs::read_to_string(root().join("compose.yaml")).unwrap();
        let (_, volumes) = compose.split_once("\nvolumes:\n").unwrap();
        let names: Vec<_> =
            volumes.lines().map_while(|line| line.strip_prefix("  ")?.strip_suffix(':')).collect();
        let kept: Vec<_> = names.iter().filter(|name| !DATA.contains(name)).collect();
        assert_eq!(kept, [&"backups", &"spool", &"s3"], "{names:?}: is a new volume data? See DATA");
        assert_eq!(names.len(), DATA.len() + kept.len());
    }
}
