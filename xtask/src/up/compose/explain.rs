//! Why a stack of containers did not start, in a plain sentence with the next step.

use super::{containers, published, stack::ComposeStack};
use crate::{
    docker::engine::{Engine, capture},
    failure::Failure,
    files,
};
use anyhow::Result;
use std::path::Path;

/// Of a failed service this many lines are shown.
const LAST_LINES: usize = 15;

/// What a line of a log means, and what to do about it.
struct Known {
    says: &'static str,
    wrong: &'static str,
    next: &'static str,
}

/// The backup comes first. It is in another volume, which `--delete-data` keeps.
const NEXT_OTHER_VERSION: &str = "first make a backup with the version of Squall that made the volume: `cargo xtask up` and `cargo xtask backup create` \
                                  there, then `cargo xtask down`; after that, here: `cargo xtask down --delete-data`, which deletes the old database and \
                                  keeps the backups, `cargo xtask up`, and `cargo xtask backup restore --replace` (docs/backups.md)";

#[rustfmt::skip]
const KNOWN: [Known; 7] = [
    Known { says: "database files are incompatible with server", wrong: "the volume holds a database of another major version of PostgreSQL",
        next: NEXT_OTHER_VERSION },
    Known { says: "in 18+, these Docker images are configured to store database data in", wrong: "the volume holds a database of a PostgreSQL before 18",
        next: NEXT_OTHER_VERSION },
    Known { says: "password authentication failed", wrong: "the database was made with another password",
        next: "put back the password it was made with (SQUALL_SECRETS names the folder), or change it with `alter role`; docs/docker.md says how" },
    Known { says: "needed more memory than it may have", wrong: "its limit is too low for what it does",
        next: "raise the limit (SQUALL_API_MEMORY, SQUALL_WORKER_MEMORY, SQUALL_POSTGRES_MEMORY; .env.example lists them), then run `cargo xtask up` again" },
    Known { says: "no space left on device", wrong: "the disk of the engine is full",
        next: "free some: `docker system df` shows what is large, `docker image prune` removes images that nothing uses; then run the command again" },
    Known { says: "Range of CPUs is from", wrong: "the stack may use more processors than this machine has",
        next: "set SQUALL_CPUS to a number that is not larger, or leave it out" },
    Known { says: "could not find an available, non-overlapping IPv4 address pool", wrong: "the engine has no addresses left for another network",
        next: "remove networks that nothing uses with `docker network prune`, then run the command again" },
];

/// Which service, why, and its last words.
pub fn service(engine: &Engine, stack: &ComposeStack, name: &str) -> Result<Failure> {
    let found = containers::all(engine, &stack.project)?;
    let note =
        found.iter().find(|container| container.service() == name).and_then(containers::Container::note);
    let restarts = found
        .iter()
        .filter(|container| container.service() == name)
        .map(|container| container.restart_count)
        .sum::<u32>();
    let note = note.unwrap_or_else(|| match restarts {
        0 => "did not become healthy in time".into(),
        count => format!("ended {count} times before it was healthy"),
    });
    if let Some(taken) = port_taken(stack, &note) {
        return Ok(taken);
    }
    let mut command = stack.compose(engine)?;
    command.args(["logs", "--no-color", "--no-log-prefix", "--tail", &LAST_LINES.to_string(), name]);
    let lines = capture(command).unwrap_or_default();
    let tried = format!("starting {name}");
    let known = KNOWN.iter().find(|known| lines.contains(known.says) || note.contains(known.says));
    let (why, next) = match known {
        Some(known) => (format!(": {}", known.wrong), known.next.to_owned()),
        None => (String::new(), "mend what the last lines name, then run `cargo xtask up` again".to_owned()),
    };
    Ok(Failure::new(
        tried,
        format!("{name} {note}{why}. The last lines of its log:\n{}", lines.trim_end()),
        next,
    ))
}

/// Compose gave up before a container could say anything.
pub fn compose(stack: &ComposeStack, log: &Path) -> Failure {
    let lines = files::last_lines(log, LAST_LINES).join("\n");
    if let Some(taken) = port_taken(stack, &lines) {
        return taken;
    }
    let tried = "starting the stack with Docker Compose";
    match KNOWN.iter().find(|known| lines.contains(known.says)) {
        Some(known) => Failure::new(tried, format!("{}:\n{lines}", known.wrong), known.next),
        None => Failure::new(tried, lines, "mend what Compose names, then run `cargo xtask up` again"),
    }
}

/// The last words of a migration that was tried before anything was replaced.
pub fn migration(said: &str) -> Failure {
    let lines: Vec<_> = said.trim_end().lines().collect();
    let lines = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    let known = KNOWN.iter().find(|known| lines.contains(known.says));
    let wrong = known.map_or_else(String::new, |known| format!("{}. ", known.wrong));
    let next =
        known.map_or("mend what the last lines name, then run `cargo xtask up` again", |known| known.next);
    Failure::new(
        "migrating the database of the stack that runs",
        format!(
            "{wrong}The migration ended with an error, and nothing was replaced: what ran runs on. Its last lines:\n{lines}"
        ),
        next,
    )
}

/// The engine says which port, the machine who has it.
fn port_taken(stack: &ComposeStack, said: &str) -> Option<Failure> {
    let is_taken = ["port is already allocated", "address already in use"].iter().any(|it| said.contains(it));
    if !is_taken {
        return None;
    }
    let published = stack.published();
    Some(published::taken(published, published.named_in(said), !stack.prod))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_of_another_version_is_deleted_only_after_a_backup() {
        for known in KNOWN.iter().filter(|known| known.wrong.contains("the volume holds a database")) {
            let at =
                |words: &str| known.next.find(words).unwrap_or_else(|| panic!("{words}: {}", known.next));
            assert!(at("backup create") < at("down --delete-data"));
            assert!(at("down --delete-data") < at("backup restore --replace"));
        }
    }

    #[test]
    fn every_known_line_has_a_sentence_and_a_next_step() {
        for known in &KNOWN {
            assert!(
                !known.says.is_empty() && !known.wrong.ends_with('.') && known.next.len() > 20,
                "{}",
                known.says
            );
        }
    }
}
