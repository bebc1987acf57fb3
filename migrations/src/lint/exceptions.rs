//! `-- lint: allow RULE because REASON` takes back the findings of one rule about one statement: the one on the same
//! line, or else the one that follows without an empty line between.

use super::{
    OWN_RULES,
    file::{Fault, ParsedFile, Place, SYNTAX},
    squawk,
};
use squawk_syntax::SyntaxKind;

/// The rule that an exception is needed, and says why.
pub(super) const EXCEPTION: &str = "squall-exception";

const FORM: &str = "Write `-- lint: allow RULE because REASON` on the line above the statement.";

/// Takes back what the file's exceptions allow, and adds what is wrong with them.
pub(super) fn apply(file: &ParsedFile<'_>, mut faults: Vec<Fault>) -> Vec<Fault> {
    let mut own = Vec::new();
    for (at, text) in comments(file) {
        let what = match read(&text) {
            None => continue,
            Some(Err(what)) => what,
            Some(Ok(rule)) => {
                let before = faults.len();
                let covered = if rule == SYNTAX { unread(file, at) } else { covered(file, at) };
                faults.retain(|fault| {
                    fault.rule != rule || !covered.is_some_and(|place| place.holds(fault.at))
                });
                if faults.len() < before {
                    continue;
                }
                format!("This exception allows nothing: the statement does not break `{rule}`.")
            }
        };
        own.push(Fault::new(at, EXCEPTION, what, FORM));
    }
    faults.extend(own);
    faults
}

fn comments(file: &ParsedFile<'_>) -> Vec<(Place, String)> {
    let root = file.parse.syntax_node();
    let tokens = root.descendants_with_tokens().filter_map(|element| element.into_token());
    let comments = tokens.filter(|token| token.kind() == SyntaxKind::COMMENT);
    let placed = comments.map(|token| {
        let range = token.text_range();
        (Place::new(range.start().into()..range.end().into()), token.text().to_owned())
    });
    placed.collect()
}

/// The rule that a comment allows, or what is wrong with it; nothing when it is an ordinary comment.
fn read(comment: &str) -> Option<Result<String, String>> {
    let text = comment.trim_start_matches("--").trim_start_matches("/*").trim_end_matches("*/").trim();
    if text.starts_with("squawk-") {
        return Some(Err("Squawk's own exceptions are not read here: they need no reason.".to_owned()));
    }
    let text = text.strip_prefix("lint:")?.trim();
    Some(allowed(text))
}

fn allowed(text: &str) -> Result<String, String> {
    let Some(("allow", rest)) = text.split_once(' ') else {
        return Err("This exception cannot be read.".to_owned());
    };
    let (rule, reason) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let known = rule != EXCEPTION && (OWN_RULES.contains(&rule) || squawk::is_rule(rule));
    if !known {
        return Err(format!("There is no rule `{rule}` to allow an exception of."));
    }
    match reason.trim().strip_prefix("because ").map(str::trim) {
        Some(reason) if !reason.is_empty() => Ok(rule.to_owned()),
        _ => Err(format!("This exception of `{rule}` gives no reason.")),
    }
}

fn covered(file: &ParsedFile<'_>, comment: Place) -> Option<Place> {
    let statements = || file.statements.iter().map(|statement| statement.at);
    let line = file.line(comment.start());
    let within = |place: &Place| place.holds(comment);
    let before = |place: &Place| place.end() <= comment.start() && file.line(place.end()) == line;
    if let Some(place) = statements().find(within).or_else(|| statements().rfind(before)) {
        return Some(place);
    }
    let next = statements().find(|place| place.start() >= comment.end())?;
    let between = file.sql.get(comment.end()..next.start())?;
    let lines: Vec<_> = between.split('\n').collect();
    // The first is the rest of the comment's line, the last the indentation of the statement.
    let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
    let empty_line = inner.iter().any(|line| line.trim().is_empty());
    (!empty_line).then_some(next)
}

/// The text up to the next semicolon: what cannot be read is no statement.
fn unread(file: &ParsedFile<'_>, comment: Place) -> Option<Place> {
    let rest = file.sql.get(comment.end()..)?;
    Some(Place::new(comment.end()..comment.end() + rest.find(';').unwrap_or(rest.len())))
}
