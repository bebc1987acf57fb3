//! Why a stack in containers did not start, in a plain sentence with the next step.

use super::ComposeStack;
use crate::{docker::engine::capture, failure::Failure, files, ports, stack::state::ServiceStatus};
use regex_lite::Regex;

/// How many log lines of a failed service are shown.
const LAST_LINES: usize = 15;

const NEXT: &str = "fix the cause shown in the log, then run `cargo xtask up` again";
/// The backup comes first: it is in another volume, which `--delete-data` keeps.
const NEXT_OTHER_VERSION: &str = "first make a backup with the version of Squall that created the volume: `cargo \
    xtask up` and `cargo xtask backup create` there, then `cargo xtask down`; after that, here: `cargo xtask down \
    --delete-data`, which deletes the old database and keeps the backups, `cargo xtask up`, and `cargo xtask \
    backup restore --replace` (docs/guide/backup-and-restore.md)";

/// A line of a log, a sentence about what it means, and what to do about it.
const KNOWN: [(&str, &str, &str); 7] = [
    (
        "database files are incompatible with server",
        "The volume holds a database of another major version of PostgreSQL. ",
        NEXT_OTHER_VERSION,
    ),
    (
        "in 18+, these Docker images are configured to store database data in",
        "The volume holds a database of a PostgreSQL before 18. ",
        NEXT_OTHER_VERSION,
    ),
    (
        "password authentication failed",
        "The database was created with another password. ",
        "restore the password it was created with (SQUALL_SECRETS names the folder), or change it with `alter role` \
         (docs/guide/troubleshooting.md)",
    ),
    (
        "exceeded its memory limit",
        "Its limit is too low for its load. ",
        "raise SQUALL_API_MEMORY, SQUALL_WORKER_MEMORY or SQUALL_POSTGRES_MEMORY (.env.example describes them), then \
         run `cargo xtask up` again",
    ),
    (
        "no space left on device",
        "The disk of the engine is full. ",
        "free some space (`docker system df` shows what is large, `docker image prune` removes unused images), then \
         run the command again",
    ),
    (
        "Range of CPUs is from",
        "The stack may use more processors than this machine has. ",
        "set SQUALL_CPUS to the number of processors or fewer, or to an empty value for all of them",
    ),
    (
        "could not find an available, non-overlapping IPv4 address pool",
        "The engine has no addresses left for another network. ",
        "remove unused networks with `docker network prune`, then run the command again",
    ),
];

/// Which service failed, why, and its last log lines.
pub fn service(stack: &ComposeStack, status: &ServiceStatus) -> Failure {
    let name = &status.name;
    let note = status.note.clone().unwrap_or_else(|| match status.restarts {
        0 => "did not become healthy in time".into(),
        count => format!("exited {count} times before it was healthy"),
    });
    let tail = LAST_LINES.to_string();
    let printed =
        stack.compose(&["logs", "--no-color", "--no-log-prefix", "--tail", &tail, name]).and_then(capture);
    port_taken(&note).unwrap_or_else(|| {
        let lines = printed.unwrap_or_default();
        let (why, next) = known(&format!("{note}\n{lines}")).unwrap_or(("", NEXT));
        let wrong = format!("{name} {note}. {why}The last lines of its log:\n{}", lines.trim_end());
        Failure::new(format!("starting {name}"), wrong, next)
    })
}

/// Compose failed before a container had a log.
pub fn compose(stack: &ComposeStack) -> Failure {
    let lines = files::last_lines(&stack.folder.log("compose"), LAST_LINES).join("\n");
    port_taken(&lines).unwrap_or_else(|| {
        let next = "fix what Compose names, then run `cargo xtask up` again";
        let (why, next) = known(&lines).unwrap_or(("", next));
        let wrong = format!("{why}Compose printed:\n{lines}");
        Failure::new("starting the stack with Docker Compose", wrong, next)
    })
}

/// The migration that runs before anything is replaced failed.
pub fn migration(printed: &str) -> Failure {
    let lines: Vec<_> = printed.trim_end().lines().collect();
    let lines = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    let (why, next) = known(&lines).unwrap_or(("", NEXT));
    let wrong = format!(
        "{why}The migration failed, and nothing was replaced: the running services keep running. Its last \
         lines:\n{lines}"
    );
    Failure::new("migrating the database of the running stack", wrong, next)
}

fn known(lines: &str) -> Option<(&'static str, &'static str)> {
    KNOWN.iter().find(|(line, ..)| lines.contains(line)).map(|(_, why, next)| (*why, *next))
}

/// The engine names the port; this machine knows which process has it.
fn port_taken(message: &str) -> Option<Failure> {
    refused_port(message).map(port_in_use)
}

/// Which process has a port that the stack needs, and what to do about it.
pub fn port_in_use(port: u16) -> Failure {
    let owner = ports::owner(port);
    let by = owner.as_ref().map_or_else(|| "another process or container".to_owned(), ToString::to_string);
    // The engine's own program stands for a container; ending it would not free the port.
    let end = match owner {
        Some(owner) if owner.name != "docker-proxy" => "end that process".to_owned(),
        _ => format!("stop what is using it (`docker ps --filter publish={port}` lists the container)"),
    };
    let wrong = format!("{by} has the port {port}, which the stack needs");
    let next = format!(
        "{end}, or set another port: SQUALL_PORT, or SQUALL_TLS_PORT for https; without SQUALL_PORT, a development \
         stack uses a free one"
    );
    Failure::new("publishing the ports of the stack", wrong, next)
}

/// The first port after an address of this machine: `0.0.0.0:80`, `[::]:80`.
fn refused_port(message: &str) -> Option<u16> {
    let pattern = r"(?:\.\d+|\]):(\d+)\b.*(?:port is already allocated|address already in use)";
    Regex::new(pattern).ok()?.captures(message)?[1].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_that_the_engine_could_not_publish_is_found() {
        for (message, expected) in [
            ("Bind for 0.0.0.0:80 failed: port is already allocated", Some(80)),
            ("at 12:30:\nlisten tcp6 [::]:443: bind: address already in use", Some(443)),
            ("bind host port for 127.0.0.1:8642:172.18.0.2:8080/tcp: address already in use", Some(8642)),
            ("bind host port 127.0.0.1:8642/tcp: address already in use", Some(8642)),
            ("connecting to 127.0.0.1:8642: connection refused", None),
        ] {
            assert_eq!(refused_port(message), expected, "{message}");
        }
    }

    #[test]
    fn a_volume_of_another_version_is_deleted_only_after_a_backup() {
        let at = |words: &str| NEXT_OTHER_VERSION.find(words).unwrap();
        assert!(at("backup create") < at("down --delete-data"));
        assert!(at("down --delete-data") < at("backup restore --replace"));
    }
}
