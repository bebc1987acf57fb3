//! A new constraint is added first and validated later, so that checking existing rows blocks no one.

use super::{
    diagnostic::{Diagnostic, Span},
    file::ParsedFile,
    history::History,
    rules::{CONSTRAINT_NOT_VALID, NOT_NULL_STEPS},
    syntax::{is_unenforced, name, span},
};
use squawk_syntax::ast::{
    AddColumn, AlterColumn, AlterColumnOption, AlterTableAction, AstNode, Constraint, Stmt,
};

pub(super) fn check(file: &ParsedFile<'_>, history: &History, later: &[ParsedFile<'_>]) -> Vec<Diagnostic> {
    let diagnostic = |(table, action): (String, AlterTableAction)| {
        let at = span(action.syntax())?;
        match action {
            AlterTableAction::AlterColumn(column) => not_null(history, at, &table, &column),
            AlterTableAction::AddConstraint(add) => added(file, later, at, &table, &add.constraint()?),
            AlterTableAction::AddColumn(column) => added_with_column(at, &table, &column),
            _ => None,
        }
    };
    file.alterations().filter_map(diagnostic).collect()
}

fn not_null(history: &History, at: Span, table: &str, column: &AlterColumn) -> Option<Diagnostic> {
    let Some(AlterColumnOption::SetNotNull(_)) = column.option() else { return None };
    let column = name(column.column_name_ref()?)?;
    (!history.is_proved_not_null(table, &column)).then(|| unproved(at, table, &column))
}

fn unproved(at: Span, table: &str, column: &str) -> Diagnostic {
    Diagnostic::new(
        at,
        NOT_NULL_STEPS,
        format!("All of `{table}` is read under a lock to check that `{column}` has no nulls."),
        format!(
            "Use three files: `add constraint … check ({column} is not null) not valid`, then `validate constraint …`, \
             then `set not null`, which relies on the check."
        ),
    )
}

fn added(
    file: &ParsedFile<'_>,
    later: &[ParsedFile<'_>],
    at: Span,
    table: &str,
    constraint: &Constraint,
) -> Option<Diagnostic> {
    match constraint {
        Constraint::CheckConstraint(_) | Constraint::ForeignKeyConstraint(_) => {}
        Constraint::NotNullConstraint(not_null) if !is_deferred(constraint) => {
            return Some(unproved(at, table, &not_null.column_name_ref().and_then(name).unwrap_or_default()));
        }
        _ => return None,
    }
    if !is_deferred(constraint) {
        return Some(validated_at_once(at, table));
    }
    if is_unenforced(constraint) {
        return None;
    }
    let named = constraint.constraint_name().and_then(name).unwrap_or_default();
    if validates(file, table, &named) {
        return Some(Diagnostic::new(
            at,
            CONSTRAINT_NOT_VALID,
            format!(
                "`{named}` is validated in the transaction that adds it, which holds its lock on `{table}` meanwhile."
            ),
            "Validate it in a later file.",
        ));
    }
    let settled = later.iter().any(|file| validates(file, table, &named) || drops(file, table, &named));
    (!settled).then(|| {
        Diagnostic::new(
            at,
            CONSTRAINT_NOT_VALID,
            "No later file validates this constraint, so rows that break it can remain.",
            format!("Add a file with `alter table {table} validate constraint …`, which blocks no one."),
        )
    })
}

/// A new column is empty, so a foreign key is valid at once unless a default fills it. A check reads all rows.
fn added_with_column(at: Span, table: &str, column: &AddColumn) -> Option<Diagnostic> {
    let filled = column.constraints().any(|it| matches!(it, Constraint::DefaultConstraint(_)));
    let scans = column.constraints().any(|constraint| match constraint {
        Constraint::CheckConstraint(_) => !is_deferred(&constraint),
        Constraint::ReferencesConstraint(_) => filled,
        _ => false,
    });
    scans.then(|| validated_at_once(at, table))
}

fn validated_at_once(at: Span, table: &str) -> Diagnostic {
    Diagnostic::new(
        at,
        CONSTRAINT_NOT_VALID,
        format!("All of `{table}` is read under a lock to check the constraint."),
        "Add the constraint `not valid`, and `validate constraint` in a later file.",
    )
}

/// Whether adding it leaves existing rows unchecked.
fn is_deferred(constraint: &Constraint) -> bool {
    constraint.is_not_valid() || is_unenforced(constraint)
}

fn validates(file: &ParsedFile<'_>, table: &str, constraint: &str) -> bool {
    file.alterations().any(|(altered, action)| match action {
        AlterTableAction::ValidateConstraint(validate) => {
            altered == table && validate.constraint_name_ref().and_then(name).as_deref() == Some(constraint)
        }
        _ => false,
    })
}

fn drops(file: &ParsedFile<'_>, table: &str, constraint: &str) -> bool {
    let of_table = file.alterations().any(|(altered, action)| match action {
        AlterTableAction::DropConstraint(drop) => {
            altered == table && drop.constraint_name_ref().and_then(name).as_deref() == Some(constraint)
        }
        _ => false,
    });
    let with_table = |statement: &Stmt| match statement {
        Stmt::DropTable(drop) => drop.table_name_refs().filter_map(name).any(|dropped| dropped == table),
        _ => false,
    };
    of_table || file.statements.iter().any(|statement| with_table(&statement.node))
}
