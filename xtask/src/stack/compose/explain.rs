//! Why a stack in containers did not start, in a plain sentence with the next step.

use super::{ComposeStack, containers, ports};
use crate::{docker::engine::capture, failure::Failure, files};
use anyhow::Result;
use std::path::Path;

/// How many log lines of a failed service are shown.
const LAST_LINES: usize = 15;

/// What a line of a log means, and what to do about it.
struct Known {
    line: &'static str,
    wrong: &'static str,
    next: &'static str,
}

/// The backup comes first: it is in another volume, which `--delete-data` keeps.
const NEXT_OTHER_VERSION: &str = "first make a backup with the version of Squall that created the volume: `cargo \
    xtask up` and `cargo xtask backup create` there, then `cargo xtask down`; after that, here: `cargo xtask down \
    --delete-data`, which deletes the old database and keeps the backups, `cargo xtask up`, and `cargo xtask \
    backup restore --replace` (docs/guide/backup-and-restore.md)";

#[rustfmt::skip]
const KNOWN: [Known; 7] = [
    Known {
        line: "database files are incompatible with server",
        wrong: "the volume holds a database of another major version of PostgreSQL",
        next: NEXT_OTHER_VERSION,
    },
    Known {
        line: "in 18+, these Docker images are configured to store database data in",
        wrong: "the volume holds a database of a PostgreSQL before 18",
        next: NEXT_OTHER_VERSION,
    },
    Known {
        line: "password authentication failed",
        wrong: "the database was created with another password",
        next: "restore the password it was created with (SQUALL_SECRETS names the folder), or change it with \
               `alter role` (docs/guide/troubleshooting.md)",
    },
    Known {
        line: "exceeded its memory limit",
        wrong: "its limit is too low for its load",
        next: "raise SQUALL_API_MEMORY, SQUALL_WORKER_MEMORY or SQUALL_POSTGRES_MEMORY (.env.example describes \
               them), then run `cargo xtask up` again",
    },
    Known {
        line: "no space left on device",
        wrong: "the disk of the engine is full",
        next: "free some space (`docker system df` shows what is large, `docker image prune` removes unused \
               images), then run the command again",
    },
    Known {
        line: "Range of CPUs is from",
        wrong: "the stack may use more processors than this machine has",
        next: "set SQUALL_CPUS to the number of processors or fewer, or unset it",
    },
    Known {
        line: "could not find an available, non-overlapping IPv4 address pool",
        wrong: "the engine has no addresses left for another network",
        next: "remove unused networks with `docker network prune`, then run the command again",
    },
];

const NEXT: &str = "fix the cause shown in the log, then run `cargo xtask up` again";

/// Which service failed, why, and its last log lines.
pub fn service(stack: &ComposeStack, name: &str) -> Result<Failure> {
    let containers = containers::all(&stack.engine, &stack.record)?;
    let of_service = || containers.iter().filter(|container| container.service() == name);
    let restarts: u32 = of_service().map(|container| container.restart_count).sum();
    let note = of_service().find_map(containers::Container::note).unwrap_or_else(|| match restarts {
        0 => "did not become healthy in time".into(),
        count => format!("ended {count} times before it was healthy"),
    });
    let mut command = stack.compose()?;
    command.args(["logs", "--no-color", "--no-log-prefix", "--tail", &LAST_LINES.to_string(), name]);
    let lines = capture(command).unwrap_or_default();
    if let Some(taken) = port_taken(stack, &note) {
        return Ok(taken);
    }
    let (why, next) = match known(&format!("{note}\n{lines}")) {
        Some(known) => (format!(": {}", known.wrong), known.next),
        None => (String::new(), NEXT),
    };
    let wrong = format!("{name} {note}{why}. The last lines of its log:\n{}", lines.trim_end());
    Ok(Failure::new(format!("starting {name}"), wrong, next))
}

/// Compose failed before a container had a log.
pub fn compose(stack: &ComposeStack, log: &Path) -> Failure {
    let lines = files::last_lines(log, LAST_LINES).join("\n");
    port_taken(stack, &lines).unwrap_or_else(|| {
        let wrong = known(&lines).map_or(lines.clone(), |known| format!("{}:\n{lines}", known.wrong));
        let next =
            known(&lines).map_or("fix what Compose names, then run `cargo xtask up` again", |it| it.next);
        Failure::new("starting the stack with Docker Compose", wrong, next)
    })
}

/// The migration that runs before anything is replaced failed.
pub fn migration(printed: &str) -> Failure {
    let lines: Vec<_> = printed.trim_end().lines().collect();
    let lines = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    let why = known(&lines).map_or_else(String::new, |known| format!("{}. ", known.wrong));
    let wrong = format!(
        "{why}The migration failed, and nothing was replaced: the running services keep running. Its last \
         lines:\n{lines}"
    );
    let next = known(&lines).map_or(NEXT, |known| known.next);
    Failure::new("migrating the database of the running stack", wrong, next)
}

fn known(lines: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| lines.contains(known.line))
}

/// The engine names the port; this machine knows which process has it.
fn port_taken(stack: &ComposeStack, message: &str) -> Option<Failure> {
    let messages = ["port is already allocated", "address already in use"];
    let published = stack.record.published();
    let is_taken = messages.iter().any(|it| message.contains(it));
    is_taken.then(|| ports::taken(published, published.named_in(message), !stack.record.prod))
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
        assert!(KNOWN.iter().all(|known| !known.wrong.ends_with('.') && known.next.len() > 20));
    }
}
