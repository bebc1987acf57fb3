//! What earlier files created: the tables, indexes and constraints that exist when a file runs.

use super::{
    file::ParsedFile,
    syntax::{altered, is_unenforced, name, renamed_index, words},
};
use squawk_syntax::ast::{
    AlterTable, AlterTableAction, AstNode, CheckConstraint, ColumnClause, ColumnConstraint, Constraint,
    CreateTable, Stmt, TableArg, TableConstraint,
};
use std::collections::{HashMap, HashSet};

/// The schema as far as the rules need it.
#[derive(Default)]
pub(super) struct History {
    partitioned: HashSet<String>,
    /// Partitions of `events` created by migrations, and new names of `events`. The worker creates the daily ones.
    partitions_of_events: HashSet<String>,
    /// The table of each index.
    indexes: HashMap<String, String>,
    /// Check constraints by table and name.
    checks: HashMap<(String, String), Check>,
    /// Domains whose values are checked.
    checked_domains: HashSet<String>,
}

struct Check {
    /// Set if the check is just `COLUMN is not null`.
    not_null: Option<String>,
    /// Whether it was validated for the rows that existed before it.
    valid: bool,
}

impl History {
    pub(super) fn learn(&mut self, file: &ParsedFile<'_>) {
        for statement in &file.statements {
            match &statement.node {
                Stmt::CreateTable(create) => self.create_table(create),
                Stmt::AlterTable(alter) => self.alter_table(alter),
                Stmt::DropTable(drop) => {
                    drop.table_name_refs().filter_map(name).for_each(|table| self.forget(&table))
                }
                Stmt::CreateIndex(create) => {
                    let table =
                        create.table_relation_name().and_then(|relation| name(relation.table_name_ref()?));
                    self.indexes.extend(create.index().and_then(name).zip(table));
                }
                Stmt::DropIndex(drop) => {
                    for index in drop.index_refs().filter_map(name) {
                        self.indexes.remove(&index);
                    }
                }
                Stmt::AlterIndex(alter) => {
                    if let Some((old, new)) = renamed_index(alter) {
                        self.indexes.remove(&old).map(|table| self.indexes.insert(new, table));
                    }
                }
                Stmt::CreateDomain(create) if words(create.syntax()).iter().any(|word| word == "check") => {
                    self.checked_domains.extend(create.domain().and_then(name));
                }
                _ => {}
            }
        }
    }

    pub(super) fn is_partitioned(&self, table: &str) -> bool {
        self.partitioned.contains(table)
    }

    /// Whether a table is `events` or a partition of it. The worker names partitions `events_` and the day.
    pub(super) fn holds_events(&self, table: &str) -> bool {
        let day = table
            .strip_prefix("events_")
            .is_some_and(|day| day.starts_with(|first: char| first.is_ascii_digit()));
        table == "events" || day || self.partitions_of_events.contains(table)
    }

    pub(super) fn table_of_index(&self, index: &str) -> Option<&str> {
        self.indexes.get(index).map(String::as_str)
    }

    /// Whether a validated check proves that no row has a null in the column.
    pub(super) fn is_proved_not_null(&self, table: &str, column: &str) -> bool {
        let proves = |check: &Check| check.valid && check.not_null.as_deref() == Some(column);
        self.checks.iter().any(|((of, _), check)| of == table && proves(check))
    }

    pub(super) fn is_check(&self, table: &str, constraint: &str) -> bool {
        self.checks.contains_key(&(table.to_owned(), constraint.to_owned()))
    }

    pub(super) fn is_checked_domain(&self, kind: &str) -> bool {
        self.checked_domains.contains(kind)
    }

    fn create_table(&mut self, create: &CreateTable) {
        let Some(table) = create.table_name().and_then(name) else { return };
        if create.if_not_exists().is_none() {
            self.forget(&table);
        }
        if create.partition_by().is_some() {
            self.partitioned.insert(table.clone());
        }
        let parent = create.partition_of().and_then(|of| name(of.table_name_ref()?));
        if parent.is_some_and(|parent| self.holds_events(&parent)) {
            self.partitions_of_events.insert(table.clone());
        }
        for argument in create.table_arg_list().into_iter().flat_map(|list| list.args()) {
            match argument {
                TableArg::TableConstraint(TableConstraint::CheckConstraint(check)) => {
                    self.add_check(&table, &check, true)
                }
                TableArg::Column(column) => column.clauses().for_each(|clause| {
                    if let ColumnClause::ColumnConstraint(ColumnConstraint::CheckConstraint(check)) = clause {
                        self.add_check(&table, &check, true);
                    }
                }),
                _ => {}
            }
        }
    }

    fn alter_table(&mut self, alter: &AlterTable) {
        let Some(table) = altered(alter) else { return };
        for action in alter.actions() {
            match action {
                AlterTableAction::AddConstraint(add) => {
                    add.constraint().into_iter().for_each(|it| self.add_constraint(&table, &it));
                }
                AlterTableAction::AddColumn(column) => {
                    column.constraints().for_each(|it| self.add_constraint(&table, &it));
                }
                AlterTableAction::ValidateConstraint(validate) => {
                    let constraint = validate.constraint_name_ref().and_then(name).unwrap_or_default();
                    if let Some(check) = self.checks.get_mut(&(table.clone(), constraint)) {
                        check.valid = true;
                    }
                }
                AlterTableAction::DropConstraint(drop) => {
                    let constraint = drop.constraint_name_ref().and_then(name).unwrap_or_default();
                    self.checks.remove(&(table.clone(), constraint));
                }
                AlterTableAction::TableRenameTo(rename) => {
                    let new = words(rename.syntax()).into_iter().rfind(|word| word != ";");
                    new.into_iter().for_each(|new| self.rename(&table, &new));
                }
                AlterTableAction::AttachPartition(attach) if self.holds_events(&table) => {
                    self.partitions_of_events.extend(attach.table_name_ref().and_then(name));
                }
                _ => {}
            }
        }
    }

    fn add_constraint(&mut self, table: &str, constraint: &Constraint) {
        if let Constraint::CheckConstraint(check) = constraint {
            self.add_check(table, check, !constraint.is_not_valid() && !is_unenforced(constraint));
        }
    }

    fn add_check(&mut self, table: &str, check: &CheckConstraint, valid: bool) {
        let Some(named) = check.constraint_name_clause().and_then(|clause| name(clause.constraint_name()?))
        else {
            return;
        };
        let not_null = check.expr().and_then(|expression| not_null_column(&words(expression.syntax())));
        self.checks.insert((table.to_owned(), named), Check { not_null, valid });
    }

    fn rename(&mut self, old: &str, new: &str) {
        if self.holds_events(old) {
            self.partitions_of_events.insert(new.to_owned());
        }
        if self.partitioned.remove(old) {
            self.partitioned.insert(new.to_owned());
        }
        self.indexes.values_mut().filter(|table| *table == old).for_each(|table| *table = new.to_owned());
        let of_old: Vec<_> = self.checks.extract_if(|(table, _), _| table == old).collect();
        self.checks.extend(of_old.into_iter().map(|((_, named), check)| ((new.to_owned(), named), check)));
    }

    fn forget(&mut self, table: &str) {
        self.partitioned.remove(table);
        self.partitions_of_events.remove(table);
        self.indexes.retain(|_, of| of != table);
        self.checks.retain(|(of, _), _| of != table);
    }
}

/// The column of `column is not null`, in brackets or not.
fn not_null_column(words: &[String]) -> Option<String> {
    match words {
        [open, inner @ .., close] if open == "(" && close == ")" => not_null_column(inner),
        [column, is, not, null] if is == "is" && not == "not" && null == "null" => Some(column.clone()),
        _ => None,
    }
}
