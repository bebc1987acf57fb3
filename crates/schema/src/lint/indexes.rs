//! An index of a table in use is built and dropped concurrently, so that no query waits.

use super::{
    diagnostic::Diagnostic,
    file::{ParsedFile, Statement},
    history::History,
    rules::{CONCURRENT_ALONE, INDEX_ONLINE},
    syntax::{name, renamed_index, span, words},
};
use squawk_syntax::ast::{AlterTableAction, AstNode, Constraint, CreateIndex, DropIndex, Stmt};

pub(super) fn check(file: &ParsedFile<'_>, history: &History) -> Vec<Diagnostic> {
    let statements = file.statements.iter();
    let online = statements.clone().filter_map(|statement| match &statement.node {
        Stmt::CreateIndex(create) => created_offline(file, history, statement, create),
        Stmt::DropIndex(drop) => dropped_offline(file, history, statement, drop),
        _ => None,
    });
    let alone =
        statements.filter(|statement| is_concurrent(&statement.node)).filter_map(|it| not_alone(file, it));
    online.chain(alone).chain(exclusions(file)).collect()
}

fn created_offline(
    file: &ParsedFile<'_>,
    history: &History,
    statement: &Statement,
    create: &CreateIndex,
) -> Option<Diagnostic> {
    let relation = create.table_relation_name()?;
    let only = relation.only_token().is_some();
    let table = name(relation.table_name_ref()?)?;
    if !file.is_existing(&table) {
        return None;
    }
    let concurrent = create.concurrently_token().is_some();
    if history.is_partitioned(&table) {
        return (concurrent || !only).then(|| {
            Diagnostic::new(
                statement.span,
                INDEX_ONLINE,
                format!("`{table}` is partitioned: declare its index on the parent only."),
                format!(
                    "Write `create index … on only {table} …`, not concurrently: `squall-migrate run` then builds it on \
                     each partition concurrently, and attaches it."
                ),
            )
        });
    }
    (!concurrent).then(|| {
        Diagnostic::new(
            statement.span,
            INDEX_ONLINE,
            format!("Writes to `{table}` are blocked while this index is built."),
            "Write `create index concurrently`, alone in a file whose first line is `-- no-transaction`.",
        )
    })
}

fn dropped_offline(
    file: &ParsedFile<'_>,
    history: &History,
    statement: &Statement,
    drop: &DropIndex,
) -> Option<Diagnostic> {
    if drop.concurrently_token().is_some() {
        return None;
    }
    let blocks = |index: &String| {
        let partitioned = history.table_of_index(index).is_some_and(|table| history.is_partitioned(table));
        !partitioned && !is_created(file, index) && !is_exchanged(file, index)
    };
    let index = drop.index_refs().filter_map(name).find(blocks)?;
    Some(Diagnostic::new(
        statement.span,
        INDEX_ONLINE,
        format!("Dropping `{index}` locks its table once all running queries have ended."),
        "Write `drop index concurrently`, alone in a file whose first line is `-- no-transaction`.",
    ))
}

fn is_created(file: &ParsedFile<'_>, index: &str) -> bool {
    file.statements.iter().any(|statement| match &statement.node {
        Stmt::CreateIndex(create) => create.index().and_then(name).as_deref() == Some(index),
        _ => false,
    })
}

/// Whether another index replaces it in the same transaction, which the lock timeout keeps short.
fn is_exchanged(file: &ParsedFile<'_>, index: &str) -> bool {
    file.transactional
        && file.statements.iter().any(|statement| match &statement.node {
            Stmt::AlterIndex(alter) => renamed_index(alter).is_some_and(|(_, new)| new == index),
            _ => false,
        })
}

/// Whether PostgreSQL refuses it inside a transaction. `refresh … concurrently` is allowed in one.
fn is_concurrent(statement: &Stmt) -> bool {
    let concerned = match statement {
        Stmt::CreateIndex(_) | Stmt::DropIndex(_) | Stmt::Reindex(_) => true,
        Stmt::AlterTable(alter) => {
            alter.actions().any(|action| matches!(action, AlterTableAction::DetachPartition(_)))
        }
        _ => false,
    };
    concerned && words(statement.syntax()).iter().any(|word| word == "concurrently")
}

fn not_alone(file: &ParsedFile<'_>, statement: &Statement) -> Option<Diagnostic> {
    if file.transactional {
        return Some(Diagnostic::new(
            statement.span,
            CONCURRENT_ALONE,
            "A concurrent statement cannot run inside a transaction.",
            "Move it to its own file whose first line is `-- no-transaction`.",
        ));
    }
    let others = file.statements.iter().any(|other| other.span != statement.span);
    others.then(|| {
        Diagnostic::new(
            statement.span,
            CONCURRENT_ALONE,
            "Several statements in one file run as one transaction, where a concurrent statement cannot run.",
            "Move it to its own file, which can be run again after a failure.",
        )
    })
}

/// An exclusion constraint always builds its index under a lock.
fn exclusions(file: &ParsedFile<'_>) -> impl Iterator<Item = Diagnostic> {
    file.alterations().filter_map(|(table, action)| {
        let AlterTableAction::AddConstraint(add) = &action else { return None };
        let Some(Constraint::ExcludeConstraint(_)) = add.constraint() else { return None };
        Some(Diagnostic::new(
            span(action.syntax())?,
            INDEX_ONLINE,
            format!("Writes to `{table}` are blocked while the index of this exclusion constraint is built."),
            "PostgreSQL has no online alternative. If the table is small, allow it with an exception.",
        ))
    })
}
