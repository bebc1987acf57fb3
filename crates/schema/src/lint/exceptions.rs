//! `-- lint: allow RULE because REASON` suppresses the findings of one rule for one statement: the one on the same
//! line, or else the next one, if no empty line is between.

use super::{
    diagnostic::{Diagnostic, Span},
    file::ParsedFile,
    rules::{EXCEPTION, OWN_RULES, SYNTAX},
    squawk,
};
use squawk_syntax::SyntaxKind;

const FORM: &str = "Write `-- lint: allow RULE because REASON` on the line above the statement.";

/// Removes the diagnostics that the file's exceptions allow, and adds those about the exceptions themselves.
pub(super) fn apply(file: &ParsedFile<'_>, mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut own = Vec::new();
    for (at, text) in comments(file) {
        let message = match parse(&text) {
            None => continue,
            Some(Err(message)) => message,
            Some(Ok(rule)) => {
                let before = diagnostics.len();
                let covered = if rule == SYNTAX { unparsed(file, at) } else { covered(file, at) };
                diagnostics.retain(|diagnostic| {
                    diagnostic.rule != rule || !covered.is_some_and(|span| span.contains(diagnostic.span))
                });
                if diagnostics.len() < before {
                    continue;
                }
                format!("This exception allows nothing: the statement does not break `{rule}`.")
            }
        };
        own.push(Diagnostic::new(at, EXCEPTION, message, FORM));
    }
    diagnostics.extend(own);
    diagnostics
}

fn comments(file: &ParsedFile<'_>) -> Vec<(Span, String)> {
    let root = file.parse.syntax_node();
    let tokens = root.descendants_with_tokens().filter_map(|element| element.into_token());
    let comments = tokens.filter(|token| token.kind() == SyntaxKind::COMMENT);
    let placed = comments.map(|token| {
        let range = token.text_range();
        (Span::new(range.start().into()..range.end().into()), token.text().to_owned())
    });
    placed.collect()
}

/// The rule that a comment allows, or an error; `None` for an ordinary comment.
fn parse(comment: &str) -> Option<Result<String, String>> {
    let text = comment.trim_start_matches("--").trim_start_matches("/*").trim_end_matches("*/").trim();
    if text.starts_with("squawk-") {
        return Some(Err("Squawk's own exceptions are ignored because they need no reason.".to_owned()));
    }
    let text = text.strip_prefix("lint:")?.trim();
    Some(allowed(text))
}

fn allowed(text: &str) -> Result<String, String> {
    let Some(("allow", rest)) = text.split_once(' ') else {
        return Err("This exception cannot be parsed.".to_owned());
    };
    let (rule, reason) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let known = rule != EXCEPTION && (OWN_RULES.contains(&rule) || squawk::is_rule(rule));
    if !known {
        return Err(format!("There is no rule `{rule}`."));
    }
    match reason.trim().strip_prefix("because ").map(str::trim) {
        Some(reason) if !reason.is_empty() => Ok(rule.to_owned()),
        _ => Err(format!("This exception to `{rule}` gives no reason.")),
    }
}

fn covered(file: &ParsedFile<'_>, comment: Span) -> Option<Span> {
    let statements = || file.statements.iter().map(|statement| statement.span);
    let line = file.line(comment.start());
    let within = |span: &Span| span.contains(comment);
    let before = |span: &Span| span.end() <= comment.start() && file.line(span.end()) == line;
    if let Some(span) = statements().find(within).or_else(|| statements().rfind(before)) {
        return Some(span);
    }
    let next = statements().find(|span| span.start() >= comment.end())?;
    let between = file.sql.get(comment.end()..next.start())?;
    let lines: Vec<_> = between.split('\n').collect();
    // The first is the rest of the comment's line, the last the indentation of the statement.
    let inner = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
    let empty_line = inner.iter().any(|line| line.trim().is_empty());
    (!empty_line).then_some(next)
}

/// The text up to the next semicolon: what cannot be parsed is not a statement.
fn unparsed(file: &ParsedFile<'_>, comment: Span) -> Option<Span> {
    let rest = file.sql.get(comment.end()..)?;
    Some(Span::new(comment.end()..comment.end() + rest.find(';').unwrap_or(rest.len())))
}
