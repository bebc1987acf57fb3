//! An index on a table in use is built and dropped concurrently, so that nobody waits.

use super::{
    file::{Fault, ParsedFile, Statement, name, place, words},
    history::{self, History},
};
use squawk_syntax::ast::{AlterTableAction, AstNode, Constraint, CreateIndex, DropIndex, Stmt};

/// The rule that an index is built and dropped concurrently.
pub(super) const ONLINE: &str = "squall-index-online";

/// The rule that what runs concurrently has a file of its own, without a transaction.
pub(super) const ALONE: &str = "squall-concurrent-alone";

pub(super) fn check(file: &ParsedFile<'_>, history: &History) -> Vec<Fault> {
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
) -> Option<Fault> {
    let relation = create.table_relation_name()?;
    let only = relation.only_token().is_some();
    let table = name(relation.table_name_ref()?)?;
    if !file.finds(&table) {
        return None;
    }
    let concurrent = create.concurrently_token().is_some();
    if history.is_partitioned(&table) {
        return (concurrent || !only).then(|| {
            Fault::new(
                statement.at,
                ONLINE,
                format!("`{table}` is partitioned: its index is declared on the parent only."),
                format!(
                    "Write `create index … on only {table} …`, not concurrently: `squall-migrate run` then builds it on \
                     each partition concurrently, and attaches it."
                ),
            )
        });
    }
    (!concurrent).then(|| {
        Fault::new(
            statement.at,
            ONLINE,
            format!("Nothing can be written to `{table}` while this index is built."),
            "Write `create index concurrently`, alone in a file whose first line is `-- no-transaction`.",
        )
    })
}

fn dropped_offline(
    file: &ParsedFile<'_>,
    history: &History,
    statement: &Statement,
    drop: &DropIndex,
) -> Option<Fault> {
    if drop.concurrently_token().is_some() {
        return None;
    }
    let waits = |index: &String| {
        let partitioned = history.table_of_index(index).is_some_and(|table| history.is_partitioned(table));
        !partitioned && !is_created(file, index) && !is_exchanged(file, index)
    };
    let index = drop.index_refs().filter_map(name).find(waits)?;
    Some(Fault::new(
        statement.at,
        ONLINE,
        format!("Dropping `{index}` locks its table, behind every query that runs on it."),
        "Write `drop index concurrently`, alone in a file whose first line is `-- no-transaction`.",
    ))
}

fn is_created(file: &ParsedFile<'_>, index: &str) -> bool {
    file.statements.iter().any(|statement| match &statement.node {
        Stmt::CreateIndex(create) => create.index().and_then(name).as_deref() == Some(index),
        _ => false,
    })
}

/// Whether another index takes its place in the same transaction, which the lock timeout keeps short.
fn is_exchanged(file: &ParsedFile<'_>, index: &str) -> bool {
    file.transactional
        && file.statements.iter().any(|statement| match &statement.node {
            Stmt::AlterIndex(alter) => history::renamed_index(alter).is_some_and(|(_, new)| new == index),
            _ => false,
        })
}

/// What PostgreSQL refuses inside a transaction. A view is refreshed concurrently in one as well.
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

fn not_alone(file: &ParsedFile<'_>, statement: &Statement) -> Option<Fault> {
    if file.transactional {
        return Some(Fault::new(
            statement.at,
            ALONE,
            "What runs concurrently cannot run inside a transaction.",
            "Give it a file of its own whose first line is `-- no-transaction`.",
        ));
    }
    let others = file.statements.iter().any(|other| other.at != statement.at);
    others.then(|| {
        Fault::new(
            statement.at,
            ALONE,
            "Several statements of one file run as one transaction, in which nothing runs concurrently.",
            "Give it a file of its own: after a failure it can then be run again.",
        )
    })
}

/// An exclusion constraint builds its index under a lock, and there is no other way to make one.
fn exclusions(file: &ParsedFile<'_>) -> impl Iterator<Item = Fault> {
    file.alterations().filter_map(|(table, action)| {
        let AlterTableAction::AddConstraint(add) = &action else { return None };
        let Some(Constraint::ExcludeConstraint(_)) = add.constraint() else { return None };
        Some(Fault::new(
            place(action.syntax())?,
            ONLINE,
            format!(
                "Nothing can be written to `{table}` while the index of this exclusion constraint is built."
            ),
            "PostgreSQL has no online way to it. If the table is small, say so in an exception.",
        ))
    })
}
