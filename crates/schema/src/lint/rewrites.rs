//! `events` is by far the largest table. Rewriting it would take hours, under a lock that blocks everything.

use super::{
    diagnostic::{Diagnostic, Span},
    file::ParsedFile,
    history::History,
    rules::EVENTS_REWRITE,
    syntax::{span, words},
};
use squawk_syntax::ast::{AddColumn, AlterColumnOption, AlterTableAction, AstNode, Stmt};

/// Squawk finds a default or type that needs a value per row; it is reported under this rule.
pub(super) fn check(file: &ParsedFile<'_>, history: &History) -> Vec<Diagnostic> {
    let of_events = file.alterations().filter(|(table, _)| history.holds_events(table));
    let rewriting = of_events.filter(|(_, action)| rewrites(action, history));
    let actions = rewriting.filter_map(|(_, action)| span(action.syntax()));
    let whole = file.statements.iter().filter(|statement| rewrites_whole(&statement.node, file, history));
    actions.chain(whole.map(|statement| statement.span)).map(diagnostic).collect()
}

pub(super) fn diagnostic(span: Span) -> Diagnostic {
    Diagnostic::new(
        span,
        EVENTS_REWRITE,
        "This rewrites every row of `events`, under a lock that blocks reads and writes.",
        "Add a column without a default or with a constant one; retention drops old partitions. To change a type, add a \
         column beside the old one and write both for as long as events are kept.",
    )
}

fn rewrites(action: &AlterTableAction, history: &History) -> bool {
    match action {
        AlterTableAction::SetLogged(_)
        | AlterTableAction::SetUnlogged(_)
        | AlterTableAction::SetAccessMethod(_)
        | AlterTableAction::SetTablespace(_)
        | AlterTableAction::MergePartitions(_)
        | AlterTableAction::SplitPartition(_) => true,
        AlterTableAction::AlterColumn(column) => {
            matches!(column.option(), Some(AlterColumnOption::SetExpression(_)))
        }
        AlterTableAction::AddColumn(column) => needs_a_value_per_row(column, history),
        _ => false,
    }
}

/// A serial column needs one; a column of a checked domain is checked row by row, even when it is null.
fn needs_a_value_per_row(column: &AddColumn, history: &History) -> bool {
    let kind = column.ty().and_then(|kind| words(kind.syntax()).pop()).unwrap_or_default();
    let serial =
        ["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"].contains(&kind.as_str());
    serial || history.is_checked_domain(&kind)
}

/// `cluster` and `vacuum full`, of `events` or of all tables.
fn rewrites_whole(statement: &Stmt, file: &ParsedFile<'_>, history: &History) -> bool {
    let words = words(statement.syntax());
    let every_table = match statement {
        Stmt::Cluster(cluster) => cluster.table_name_ref().is_none() && cluster.cluster_legacy().is_none(),
        Stmt::Vacuum(vacuum) if vacuum.is_full() => vacuum.table_and_columns_list().is_none(),
        _ => return false,
    };
    every_table || words.iter().any(|word| history.holds_events(word) && file.is_existing(word))
}
