//! What is kept on disk of a stack in containers: compose.json while it is up, compose.stopped.json while only its volumes are left.

use super::stack::ComposeStack;
use crate::{failure::Failure, files, up::state::StateFolder};
use anyhow::Result;
use std::path::PathBuf;

/// A stack in containers that is down, with its volumes.
#[derive(Debug)]
pub enum Left {
    RanLast(ComposeStack),
    /// A native stack was started in the same folder after it: whoever speaks of the stack means that one.
    Superseded(ComposeStack),
}

impl Left {
    pub fn stack(&self) -> &ComposeStack {
        match self {
            Self::RanLast(stack) | Self::Superseded(stack) => stack,
        }
    }
}

impl ComposeStack {
    /// The stack that `up` started in this folder, if it started one in containers.
    pub fn load(folder: &StateFolder) -> Result<Option<Self>> {
        Ok(files::read_if_there(&place(folder))?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub fn save(&self, folder: &StateFolder) -> Result<()> {
        files::replace(&place(folder), &serde_json::to_string_pretty(self)?)
    }

    /// It is down. Its volumes may still be there, and whoever deletes them has to know its name; what was said to it is forgotten.
    pub fn put_away(folder: &StateFolder) -> Result<()> {
        let Some(stack) = Self::load(folder)? else { return Ok(()) };
        files::replace(&place_of_stopped(folder), &serde_json::to_string_pretty(&stack.without_words())?)?;
        unless_absent(std::fs::remove_file(place(folder)))
    }

    /// The stack in containers that is down, with what it left.
    pub fn stopped(folder: &StateFolder) -> Result<Option<Self>> {
        let text = files::read_if_there(&place_of_stopped(folder))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The stack in containers that is down, and whether a native one was started after it.
    pub fn left(folder: &StateFolder) -> Result<Option<Left>> {
        let Some(stack) = Self::stopped(folder)? else { return Ok(None) };
        let written = |path: PathBuf| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        // The native stack writes its plan at each start.
        let ran_last = !stack.superseded && written(place_of_stopped(folder)) > written(folder.plan());
        Ok(Some(if ran_last { Left::RanLast(stack) } else { Left::Superseded(stack) }))
    }

    /// Keeps in mind that a native stack ran after it, whose plan is about to go with its data.
    pub fn supersede(mut self, folder: &StateFolder) -> Result<()> {
        self.superseded = true;
        files::replace(&place_of_stopped(folder), &serde_json::to_string_pretty(&self)?)
    }

    /// For what exchanges the data folder of the native stack: the data of containers are elsewhere, and would stay what they are.
    pub fn refuse_where_it_ran_last(folder: &StateFolder, tried: &str) -> Result<()> {
        let (stack, state) = match (Self::load(folder)?, Self::left(folder)?) {
            (Some(stack), _) => (stack, "runs"),
            (None, Some(Left::RanLast(stack))) => (stack, "ran last"),
            (None, Some(Left::Superseded(_)) | None) => return Ok(()),
        };
        let wrong = format!(
            "the stack of this folder {state} in containers (Compose project {}), whose data are in a volume; this command \
             exchanges the data folder of the native stack",
            stack.project
        );
        let next = "bring a whole backup back with `cargo xtask backup restore --replace`, while the stack is up; for a moment in between, \
                    `docker compose run --rm --no-deps recover --to TIME` fills a volume to start the database on (docs/backups.md). If the \
                    native database of this folder is meant, run `cargo xtask up --native` once and `cargo xtask down`, then this again";
        Err(Failure::new(tried, wrong, next).into())
    }

    /// Nothing of it is left.
    pub fn forget(folder: &StateFolder) -> Result<()> {
        unless_absent(std::fs::remove_file(place_of_stopped(folder)))
    }
}

fn place(folder: &StateFolder) -> PathBuf {
    folder.0.join("compose.json")
}

fn place_of_stopped(folder: &StateFolder) -> PathBuf {
    folder.0.join("compose.stopped.json")
}

/// What is not there has not to be moved or removed.
fn unless_absent(done: std::io::Result<()>) -> Result<()> {
    match done {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::stack::tests::stack, *};
    use std::time::Duration;

    #[test]
    fn the_data_folder_is_not_exchanged_where_containers_ran_last() {
        let folder =
            StateFolder(std::env::temp_dir().join(format!("squall-ran-last-{}", std::process::id())));
        let _ = std::fs::remove_dir_all(&folder.0);
        let refused = || {
            ComposeStack::refuse_where_it_ran_last(&folder, "going back")
                .err()
                .map(|error| Failure::from_error(error, "").to_string())
        };
        assert_eq!(refused(), None);
        stack("squall").save(&folder).unwrap();
        assert!(refused().unwrap().contains("runs in containers (Compose project squall)"));
        ComposeStack::put_away(&folder).unwrap();
        assert!(refused().unwrap().contains("ran last in containers"));
        // A native start after it, told by the time of its plan.
        let plan = std::fs::File::create(folder.plan()).unwrap();
        plan.set_modified(std::time::SystemTime::now() + Duration::from_secs(60)).unwrap();
        assert_eq!(refused(), None);
        std::fs::remove_dir_all(&folder.0).unwrap();
    }
}
