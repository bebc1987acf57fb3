//! Findings of a line each, in the form that editors know: `path:line: message`. Typos, our banned
//! words, hadolint and our rules of images, actionlint, and the lints of migrations.

use super::{
    Cause, Rank,
    log::{Folder, Log, location},
};

/// What is no error, behind the place.
const MILDER: &[&str] = &["warning", "info", "style", "note", "help"];

/// `path:line:column: message`, hadolint's `path:line RULE severity: message`, or
/// `0003_name.sql:2  rule  message`.
pub fn finding(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let text = log.line_of_tool(index)?;
    let (path, line, rest) = location(text)?;
    if !is_path(path) {
        return None;
    }
    let is_migration = path.ends_with(".sql") && !path.contains('/') && rest.starts_with("  ");
    let file = if is_migration { format!("migrations/sql/{path}") } else { log.file(path, Folder::Root)? };
    let mut rank = Rank::Exact;
    let message = if let Some(message) = rest.strip_prefix(": ") {
        message.strip_prefix("error: ").unwrap_or(message).to_owned()
    } else if is_migration {
        rest.trim_start().replacen("  ", ": ", 1)
    } else {
        let (rule, message) = rest.strip_prefix(' ')?.split_once(' ')?;
        let (severity, message) = message.split_once(": ")?;
        let is_rule = rule.starts_with("DL") || rule.starts_with("SC");
        if !is_rule || severity.contains(' ') {
            return None;
        }
        rank = if severity == "error" { Rank::Exact } else { Rank::General };
        format!("{rule}: {message}")
    };
    let is_milder =
        MILDER.iter().any(|word| message.strip_prefix(word).is_some_and(|rest| rest.starts_with(':')));
    (!is_milder).then(|| (rank, Cause::new(Some(file), Some(line), &message)))
}

/// Whether it looks like a file of the repository, and not like a time, an address or a sentence.
fn is_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let has_ending = name.rsplit_once('.').is_some_and(|(_, ending)| {
        ending.starts_with(|c: char| c.is_ascii_alphabetic())
            && ending.chars().all(|c| c.is_ascii_alphanumeric())
    });
    let is_whole = !path.contains(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '\'' | '@' | '='));
    is_whole && (has_ending || matches!(name, "Dockerfile" | "run")) && !path.contains("node_modules/")
}
