//! A new condition is proved on the rows that are there without stopping anybody: added first, validated later.

use super::{
    file::{Fault, ParsedFile, Place, name, place},
    history::{History, is_unenforced},
};
use squawk_syntax::ast::{
    AddColumn, AlterColumn, AlterColumnOption, AlterTableAction, AstNode, Constraint, Stmt,
};

/// The rule that `set not null` finds its proof in a check.
pub(super) const NOT_NULL_STEPS: &str = "squall-not-null-steps";

/// The rule that a foreign key or check is added `not valid`, and validated by a later file.
pub(super) const NOT_VALID_FIRST: &str = "squall-constraint-not-valid";

pub(super) fn check(file: &ParsedFile<'_>, history: &History, later: &[ParsedFile<'_>]) -> Vec<Fault> {
    let fault = |(table, action): (String, AlterTableAction)| {
        let at = place(action.syntax())?;
        match action {
            AlterTableAction::AlterColumn(column) => not_null(history, at, &table, &column),
            AlterTableAction::AddConstraint(add) => added(file, later, at, &table, &add.constraint()?),
            AlterTableAction::AddColumn(column) => added_with_column(at, &table, &column),
            _ => None,
        }
    };
    file.alterations().filter_map(fault).collect()
}

fn not_null(history: &History, at: Place, table: &str, column: &AlterColumn) -> Option<Fault> {
    let Some(AlterColumnOption::SetNotNull(_)) = column.option() else { return None };
    let column = name(column.column_name_ref()?)?;
    (!history.is_proved_not_null(table, &column)).then(|| unproved(at, table, &column))
}

fn unproved(at: Place, table: &str, column: &str) -> Fault {
    Fault::new(
        at,
        NOT_NULL_STEPS,
        format!("All of `{table}` is read under a lock to see that `{column}` is never null."),
        format!(
            "Take three files: `add constraint … check ({column} is not null) not valid`, then `validate constraint …`, \
             then `set not null`, which trusts the check."
        ),
    )
}

fn added(
    file: &ParsedFile<'_>,
    later: &[ParsedFile<'_>],
    at: Place,
    table: &str,
    constraint: &Constraint,
) -> Option<Fault> {
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
        return Some(Fault::new(
            at,
            NOT_VALID_FIRST,
            format!(
                "`{named}` is validated in the transaction that adds it, which keeps its lock on `{table}` until then."
            ),
            "Validate it in a file after this one.",
        ));
    }
    let settled = later.iter().any(|file| validates(file, table, &named) || drops(file, table, &named));
    (!settled).then(|| {
        Fault::new(
            at,
            NOT_VALID_FIRST,
            "No later file validates this constraint: rows that break it may stay.",
            format!("Add a file with `alter table {table} validate constraint …`, which locks nobody out."),
        )
    })
}

/// A new column is empty, so that a foreign key holds at once, unless a default fills it. A check reads all rows.
fn added_with_column(at: Place, table: &str, column: &AddColumn) -> Option<Fault> {
    let filled = column.constraints().any(|it| matches!(it, Constraint::DefaultConstraint(_)));
    let scans = column.constraints().any(|constraint| match constraint {
        Constraint::CheckConstraint(_) => !is_deferred(&constraint),
        Constraint::ReferencesConstraint(_) => filled,
        _ => false,
    });
    scans.then(|| validated_at_once(at, table))
}

fn validated_at_once(at: Place, table: &str) -> Fault {
    Fault::new(
        at,
        NOT_VALID_FIRST,
        format!("All of `{table}` is read under a lock to see that the constraint holds."),
        "Add the constraint `not valid`, and `validate constraint` in a file after this one.",
    )
}

/// Whether it leaves the rows that are there alone.
fn is_deferred(constraint: &Constraint) -> bool {
    constraint.is_not_valid() || is_unenforced(constraint)
}

/// Whether the file proves the constraint on the rows that were there.
fn validates(file: &ParsedFile<'_>, table: &str, constraint: &str) -> bool {
    file.alterations().any(|(altered, action)| match action {
        AlterTableAction::ValidateConstraint(validate) => {
            altered == table && validate.constraint_name_ref().and_then(name).as_deref() == Some(constraint)
        }
        _ => false,
    })
}

/// Whether the file takes the constraint away again.
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
