//! Squawk's rules about locks, rewrites and changes that break the release still running.

use super::{
    diagnostic::{Diagnostic, Span},
    file::ParsedFile,
    history::History,
    rewrites,
    syntax::{altered, name, span, words},
};
use squawk_linter::{Linter, Rule, Violation};
use squawk_syntax::{
    SourceFile,
    ast::{AlterTableAction, AstNode, Stmt},
};

/// Rules of Squawk that are disabled, and why.
const EXCLUDED: [Rule; 17] = [
    // Squall's own rules cover these, and know what earlier files created.
    Rule::RequireConcurrentIndexCreation,
    Rule::RequireConcurrentIndexDeletion,
    Rule::BanConcurrentIndexCreationInTransaction,
    Rule::AddingNotNullableField,
    Rule::ConstraintMissingNotValid,
    Rule::AddingForeignKeyConstraint,
    Rule::RequireLockTimeout,
    // A backfill, a validation or a concurrent build may take long without blocking anyone.
    Rule::RequireStatementTimeout,
    // An alias of the two timeouts.
    Rule::RequireTimeoutSettings,
    // A migration runs once, from a known schema: `if exists` would hide that the schema is another one.
    Rule::PreferRobustStmts,
    // The width of a number is chosen column by column, in the declaration.
    Rule::PreferBigintOverInt,
    Rule::PreferBigintOverSmallint,
    // A new domain locks nothing, and the schema has one on purpose. Changing a domain is still a finding.
    Rule::BanCreateDomainWithConstraint,
    // The declaration defines the order of an enum, and `verify` compares it.
    Rule::RequireEnumValueOrdering,
    // There is one schema.
    Rule::RequireTableSchema,
    // Only PostgreSQL 19 has `repack`.
    Rule::PreferRepack,
    // Exceptions have Squall's own form, with a reason.
    Rule::UnusedIgnore,
];

/// Rules about how a column or table is defined, which apply to a new table as well.
const FOR_NEW_TABLES: [Rule; 6] = [
    Rule::PreferTextField,
    Rule::PreferTimestampTz,
    Rule::PreferIdentity,
    Rule::BanCharField,
    Rule::IdentifierTooLong,
    Rule::BanDuplicateColumnAssignments,
];

/// Whether `id` is one of Squawk's enabled rules.
pub(super) fn is_rule(id: &str) -> bool {
    Rule::try_from(id).is_ok_and(|rule| !EXCLUDED.contains(&rule) && rule.to_string() == id)
}

pub(super) fn check(file: &ParsedFile<'_>, history: &History) -> Vec<Diagnostic> {
    // Squawk's own exceptions need no reason, so they must not work. The replacement keeps all spans.
    let sql = file.sql.replace("squawk-", "squall-");
    let mut linter = Linter::with_rules(&[], &EXCLUDED);
    linter.settings.assume_in_transaction = file.transactional;
    let violations = linter.lint(&SourceFile::parse(&sql), &sql);
    violations.into_iter().filter_map(|violation| diagnostic(file, history, violation)).collect()
}

fn diagnostic(file: &ParsedFile<'_>, history: &History, violation: Violation) -> Option<Diagnostic> {
    let Violation { code, message, text_range, help, .. } = violation;
    let at = Span::new(text_range.start().into()..text_range.end().into());
    let statement = file.statement_at(at).map(|statement| &statement.node);
    let table = statement.and_then(|statement| match statement {
        Stmt::AlterTable(alter) => altered(alter),
        _ => None,
    });
    if is_harmless(file, history, code, at, table.as_deref(), statement) {
        return None;
    }
    if let Some(table) = &table {
        if !file.is_existing(table) {
            return FOR_NEW_TABLES.contains(&code).then(|| plain(at, code, message, help));
        }
        if history.holds_events(table) {
            match code {
                Rule::AddingFieldWithDefault | Rule::ChangingColumnType => {
                    return Some(rewrites::diagnostic(at));
                }
                // An identity column rewrites `events` just as a serial one does, which is already a finding.
                Rule::PreferIdentity => return None,
                _ => {}
            }
        }
    }
    Some(plain(at, code, message, help))
}

fn plain(at: Span, code: Rule, message: String, help: Option<String>) -> Diagnostic {
    let (message, help) = worded(code, message, help);
    Diagnostic::new(at, &code.to_string(), message, help)
}

/// What Squawk cannot know: that this use of the statement holds no lock for long and breaks nothing.
fn is_harmless(
    file: &ParsedFile<'_>,
    history: &History,
    code: Rule,
    at: Span,
    table: Option<&str>,
    statement: Option<&Stmt>,
) -> bool {
    let all = statement.map(|statement| words(statement.syntax())).unwrap_or_default();
    match code {
        Rule::AddingFieldWithDefault => writes_no_row(file, at),
        Rule::BanAlterDomainWithAddConstraint => all.windows(2).any(|pair| pair == ["not", "valid"]),
        // Dropping a check allows more values, not fewer; a changed check is dropped and added.
        Rule::BanDropConstraint => file.alterations().any(|(table, action)| match &action {
            AlterTableAction::DropConstraint(drop)
                if span(drop.syntax()).is_some_and(|it| it.contains(at)) =>
            {
                drop.constraint_name_ref()
                    .and_then(name)
                    .is_some_and(|check| history.is_check(&table, &check))
            }
            _ => false,
        }),
        // No query names an index.
        Rule::RenamingObject if matches!(statement, Some(Stmt::AlterIndex(_))) => true,
        // PostgreSQL 18 names the constraint that `set not null` adds; renaming it as declared is part of the step.
        Rule::RenamingObject => file.alterations().any(|(altered, action)| {
            Some(altered.as_str()) == table
                && words(action.syntax()).ends_with(&["set", "not", "null"].map(String::from))
        }),
        _ => false,
    }
}

/// Whether a default or a generated column needs no value per row after all.
fn writes_no_row(file: &ParsedFile<'_>, at: Span) -> bool {
    let text = file.sql.get(at.start()..at.end()).unwrap_or_default();
    let words = words(&SourceFile::parse(&format!("select {text}")).syntax_node());
    if let Some(generated) = words.iter().position(|word| word == "generated") {
        // A virtual column is computed when it is read, and since PostgreSQL 18 columns are virtual unless `stored`.
        let rest = &words[generated..];
        return !rest.iter().any(|word| word == "identity")
            && rest.last().is_some_and(|word| word != "stored");
    }
    // Without a call it is the same value for all rows, and `now()` is as well: Squawk doubts `-1` and `(1)::numeric`.
    let is_word = |word: &String| word.starts_with(|first: char| first.is_alphabetic() || first == '_');
    !words.windows(2).skip(1).any(|pair| is_word(&pair[0]) && pair[0] != "now" && pair[1] == "(")
}

/// Squawk's message, reworded where it describes only one of several cases.
fn worded(code: Rule, message: String, help: Option<String>) -> (String, String) {
    if code == Rule::AddingFieldWithDefault {
        return (
            "Each row gets its own value, so the table is rewritten under a lock that blocks reads and writes."
                .to_owned(),
            "Add the column without it, fill the rows, then set the default.".to_owned(),
        );
    }
    let help = help.unwrap_or_else(|| advice(&code.to_string()));
    (message, help)
}

fn advice(rule: &str) -> String {
    if rule.starts_with("ban-drop") || rule.starts_with("renaming") || rule == "ban-set-schema" {
        return format!(
            "The last release is still running: stop using it in one release, remove it in the next, and allow that with \
             `-- lint: allow {rule} because REASON`."
        );
    }
    format!("If it is right here, allow it with `-- lint: allow {rule} because REASON`.")
}
