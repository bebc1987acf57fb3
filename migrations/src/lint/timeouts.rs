//! A statement that waits for a lock makes everybody wait behind it. A timeout ends that.

use super::file::{Fault, ParsedFile, words};
use squawk_syntax::ast::AstNode;

/// The rule that a transaction bounds its waiting for locks.
pub(super) const LOCK_TIMEOUT: &str = "squall-lock-timeout";

/// What takes no lock that others wait for longer than for a row.
const HARMLESS: [&str; 14] = [
    "set", "reset", "show", "select", "values", "table", "with", "insert", "update", "delete", "merge",
    "begin", "commit", "explain",
];

pub(super) fn check(file: &ParsedFile<'_>) -> Option<Fault> {
    if !file.transactional {
        return None;
    }
    for statement in &file.statements {
        let words = words(statement.node.syntax());
        let Some(first) = words.first() else { continue };
        if sets_lock_timeout(&words) {
            return None;
        }
        if !HARMLESS.contains(&first.as_str()) && first != ";" {
            return Some(Fault::new(
                statement.at,
                LOCK_TIMEOUT,
                "No lock timeout is set before the first change of the schema.",
                "While it waits for its lock, all later queries of the table wait behind it. Begin the file with \
                 `set local lock_timeout = '3s';`: `squall-migrate run` can be started again.",
            ));
        }
    }
    None
}

/// `set [local | session] lock_timeout = '3s'`; zero and the default are no timeout.
fn sets_lock_timeout(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str).filter(|word| !["local", "session"].contains(word));
    let named = words.next() == Some("set") && words.next() == Some("lock_timeout");
    let value = words.nth(1).unwrap_or("default").trim_matches('\'');
    named && value.contains(|digit| ('1'..='9').contains(&digit))
}
