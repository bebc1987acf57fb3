//! Squawk's rules: those about locks, rewrites and what breaks the release that still runs.

use super::{
    file::{Fault, ParsedFile, Place, altered, name, place, words},
    history::History,
    rewrites,
};
use squawk_linter::{Linter, Rule, Violation};
use squawk_syntax::{
    SourceFile,
    ast::{AlterTableAction, AstNode, Stmt},
};

/// Rules of Squawk that are not used, and why.
const EXCLUDED: [Rule; 17] = [
    // Rules of our own say the same, and know what the former files made.
    Rule::RequireConcurrentIndexCreation,
    Rule::RequireConcurrentIndexDeletion,
    Rule::BanConcurrentIndexCreationInTransaction,
    Rule::AddingNotNullableField,
    Rule::ConstraintMissingNotValid,
    Rule::AddingForeignKeyConstraint,
    Rule::RequireLockTimeout,
    // A backfill, a validation or a concurrent build takes as long as it takes, and stops nobody.
    Rule::RequireStatementTimeout,
    // An alias of the two timeouts.
    Rule::RequireTimeoutSettings,
    // A migration runs once, from a known schema: `if exists` would hide that the schema is another one.
    Rule::PreferRobustStmts,
    // The width of a number is chosen column by column, in the declaration.
    Rule::PreferBigintOverInt,
    Rule::PreferBigintOverSmallint,
    // A new domain locks nothing, and the model has one on purpose. Changing a domain is still a finding.
    Rule::BanCreateDomainWithConstraint,
    // The declaration says the order of an enum, and `verify` compares it.
    Rule::RequireEnumValueOrdering,
    // There is one schema.
    Rule::RequireTableSchema,
    // Only PostgreSQL 19 has `repack`.
    Rule::PreferRepack,
    // Exceptions are written our way, with a reason.
    Rule::UnusedIgnore,
];

/// Rules about how a thing is made, which hold for a new table as well.
const FOR_NEW_TABLES: [Rule; 6] = [
    Rule::PreferTextField,
    Rule::PreferTimestampTz,
    Rule::PreferIdentity,
    Rule::BanCharField,
    Rule::IdentifierTooLong,
    Rule::BanDuplicateColumnAssignments,
];

/// Whether an exception may name it.
pub(super) fn is_rule(id: &str) -> bool {
    Rule::try_from(id).is_ok_and(|rule| !EXCLUDED.contains(&rule) && rule.to_string() == id)
}

pub(super) fn check(file: &ParsedFile<'_>, history: &History) -> Vec<Fault> {
    // Squawk's own exceptions need no reason, so they must not work. Places stay the same.
    let sql = file.sql.replace("squawk-", "squall-");
    let mut linter = Linter::with_rules(&[], &EXCLUDED);
    linter.settings.assume_in_transaction = file.transactional;
    let violations = linter.lint(&SourceFile::parse(&sql), &sql);
    violations.into_iter().filter_map(|violation| fault(file, history, violation)).collect()
}

fn fault(file: &ParsedFile<'_>, history: &History, violation: Violation) -> Option<Fault> {
    let Violation { code, message, text_range, help, .. } = violation;
    let at = Place::new(text_range.start().into()..text_range.end().into());
    let statement = file.statement_at(at).map(|statement| &statement.node);
    let table = statement.and_then(|statement| match statement {
        Stmt::AlterTable(alter) => altered(alter),
        _ => None,
    });
    if is_harmless(file, history, code, at, table.as_deref(), statement) {
        return None;
    }
    if let Some(table) = &table {
        if !file.finds(table) {
            return FOR_NEW_TABLES.contains(&code).then(|| plain(at, code, message, help));
        }
        if history.holds_events(table) {
            match code {
                Rule::AddingFieldWithDefault | Rule::ChangingColumnType => return Some(rewrites::fault(at)),
                // An identity column would write `events` anew as a serial one does, which has its finding.
                Rule::PreferIdentity => return None,
                _ => {}
            }
        }
    }
    Some(plain(at, code, message, help))
}

fn plain(at: Place, code: Rule, message: String, help: Option<String>) -> Fault {
    let (what, why_or_fix) = worded(code, message, help);
    Fault::new(at, &code.to_string(), what, why_or_fix)
}

/// What Squawk cannot know: that this use of the statement locks nothing for long and breaks nobody.
fn is_harmless(
    file: &ParsedFile<'_>,
    history: &History,
    code: Rule,
    at: Place,
    table: Option<&str>,
    statement: Option<&Stmt>,
) -> bool {
    let all = statement.map(|statement| words(statement.syntax())).unwrap_or_default();
    match code {
        Rule::AddingFieldWithDefault => writes_no_row(file, at),
        Rule::BanAlterDomainWithAddConstraint => all.windows(2).any(|pair| pair == ["not", "valid"]),
        // Without a check more values are good, not fewer; a changed one is dropped and added.
        Rule::BanDropConstraint => file.alterations().any(|(table, action)| match &action {
            AlterTableAction::DropConstraint(drop) if place(drop.syntax()).is_some_and(|it| it.holds(at)) => {
                drop.constraint_name_ref()
                    .and_then(name)
                    .is_some_and(|check| history.is_check(&table, &check))
            }
            _ => false,
        }),
        // No query names an index.
        Rule::RenamingObject if matches!(statement, Some(Stmt::AlterIndex(_))) => true,
        // PostgreSQL 18 names what `set not null` makes; giving it the declared name is part of the step.
        Rule::RenamingObject => file.alterations().any(|(altered, action)| {
            Some(altered.as_str()) == table
                && words(action.syntax()).ends_with(&["set", "not", "null"].map(String::from))
        }),
        _ => false,
    }
}

/// Whether a default or a generated column needs no value per row after all.
fn writes_no_row(file: &ParsedFile<'_>, at: Place) -> bool {
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

/// What Squawk says, where it speaks of one case only.
fn worded(code: Rule, message: String, help: Option<String>) -> (String, String) {
    if code == Rule::AddingFieldWithDefault {
        return (
            "Each row gets a value of its own: the table is written anew, under a lock that stops reading and writing."
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
            "The last release still runs meanwhile: stop using it in one release, take it away in the next, and say so: \
             `-- lint: allow {rule} because REASON`."
        );
    }
    format!("If it is right here, say why: `-- lint: allow {rule} because REASON`.")
}
