//! Queries queue behind a statement that waits for a lock. A timeout limits that.

use super::{diagnostic::Diagnostic, file::ParsedFile, rules::LOCK_TIMEOUT, syntax::words};
use squawk_syntax::ast::AstNode;

/// Statements that take no lock stronger than a row lock.
const HARMLESS: [&str; 14] = [
    "set", "reset", "show", "select", "values", "table", "with", "insert", "update", "delete", "merge",
    "begin", "commit", "explain",
];

pub(super) fn check(file: &ParsedFile<'_>) -> Option<Diagnostic> {
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
            return Some(Diagnostic::new(
                statement.span,
                LOCK_TIMEOUT,
                "No lock timeout is set before the first schema change.",
                "While it waits for its lock, all later queries on the table wait too. Begin the file with \
                 `set local lock_timeout = '3s';`. After a timeout, run `squall-migrate run` again.",
            ));
        }
    }
    None
}

/// `set [local | session] lock_timeout = '3s'`. Zero and `default` mean no timeout.
fn sets_lock_timeout(words: &[String]) -> bool {
    let mut words = words.iter().map(String::as_str).filter(|word| !["local", "session"].contains(word));
    let named = words.next() == Some("set") && words.next() == Some("lock_timeout");
    let value = words.nth(1).unwrap_or("default").trim_matches('\'');
    named && value.contains(|digit| ('1'..='9').contains(&digit))
}
