//! The volumes of a stack: its data, which `down --delete-data` deletes, and what outlives them, backups above all.

use crate::{docker::engine::Engine, failure::OrFail};
use anyhow::Result;

/// What compose.yaml calls the volumes with data of the stack itself. Everything else is kept: backups, and the log on its way to them.
const DATA: [&str; 4] = ["postgres", "recovered", "watched", "demo"];

/// The full names of what was deleted and of what is still there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    pub data: Vec<String>,
    pub kept: Vec<String>,
}

/// Deletes the data of a stack that is down.
pub fn delete_data(engine: &Engine, project: &str) -> Result<Sorted> {
    let of_project = format!("label=com.docker.compose.project={project}");
    let format = "{{.Name}}\t{{.Label \"com.docker.compose.volume\"}}";
    let sorted = sort(&engine.ask(&["volume", "ls", "--filter", &of_project, "--format", format])?);
    if let Some(first) = sorted.data.first() {
        let words: Vec<_> =
            ["volume", "rm"].into_iter().chain(sorted.data.iter().map(String::as_str)).collect();
        let next = format!(
            "remove what uses it (`docker ps --all --filter volume={first}` names containers), then run the command again"
        );
        engine.ask(&words).or_fail(format!("deleting the volumes of {project}"), next)?;
    }
    Ok(sorted)
}

/// A line a volume: its full name, and what the Compose file calls it.
fn sort(listed: &str) -> Sorted {
    let mut sorted = Sorted::default();
    for (name, role) in listed.lines().filter_map(|line| line.split_once('\t')) {
        let list = if DATA.contains(&role.trim()) { &mut sorted.data } else { &mut sorted.kept };
        list.push(name.to_owned());
    }
    sorted
}

impl Sorted {
    /// What a person reads about what is still there.
    pub fn told_kept(&self) -> Option<String> {
        let what = match self.kept.as_slice() {
            [] => return None,
            [one] => format!("the volume {one}"),
            more => format!("the volumes {}", more.join(", ")),
        };
        let by_hand = format!("docker volume rm {}", self.kept.join(" "));
        Some(format!("kept {what}, where backups are; `{by_hand}` deletes them"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_outlive_the_data() {
        let sorted = sort(
            "squall_backups\tbackups\nsquall_demo\tdemo\nsquall_postgres\tpostgres\nsquall_s3\ts3\nsquall_watched\twatched\n",
        );
        assert_eq!(sorted.data, ["squall_demo", "squall_postgres", "squall_watched"]);
        assert_eq!(
            sorted.told_kept().unwrap(),
            "kept the volumes squall_backups, squall_s3, where backups are; `docker volume rm squall_backups squall_s3` deletes them"
        );
        assert_eq!(sort("").told_kept(), None);
    }

    #[test]
    fn every_volume_of_the_stack_is_data_or_holds_backups_or_their_log() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let compose = std::fs::read_to_string(root.join("compose.yaml")).unwrap();
        let (_, volumes) = compose.split_once("\nvolumes:\n").unwrap();
        let names: Vec<_> =
            volumes.lines().map_while(|line| line.strip_prefix("  ")?.strip_suffix(':')).collect();
        let kept: Vec<_> = names.iter().filter(|name| !DATA.contains(name)).collect();
        assert_eq!(kept, [&"backups", &"spool", &"s3"], "{names:?}: say in volumes.rs what a new one is");
        assert_eq!(names.len(), DATA.len() + kept.len());
    }
}
