//! One parsed migration file, with the queries that several rules need.

use super::{
    diagnostic::{Diagnostic, Span},
    rules,
    syntax::{altered, created, span},
};
use squall_migrations::NO_TRANSACTION;
use squawk_syntax::{
    Parse, SourceFile,
    ast::{AlterTableAction, AstNode, Stmt},
};
use std::collections::HashSet;

/// One migration file as the linter sees it.
#[derive(Debug, Clone, Copy)]
pub struct MigrationFile<'a> {
    /// File name, such as `0002_add_owner.sql`.
    pub name: &'a str,
    /// Its SQL.
    pub sql: &'a str,
}

/// A migration file and its statements.
pub(super) struct ParsedFile<'a> {
    pub name: &'a str,
    pub sql: &'a str,
    pub parse: Parse<SourceFile>,
    pub statements: Vec<Statement>,
    /// Whether it runs in one transaction.
    pub transactional: bool,
    /// The tables it creates, which are not in use while it runs.
    created: HashSet<String>,
}

/// A statement and its span, without the comments around it.
pub(super) struct Statement {
    pub node: Stmt,
    pub span: Span,
}

impl<'a> ParsedFile<'a> {
    pub(super) fn parse(file: &MigrationFile<'a>) -> Self {
        let parse = SourceFile::parse(file.sql);
        let nodes = parse.tree().stmts().filter(|node| !matches!(node, Stmt::EmptyStmt(_)));
        let statements: Vec<_> =
            nodes.filter_map(|node| Some(Statement { span: span(node.syntax())?, node })).collect();
        let created = statements.iter().filter_map(|statement| created(&statement.node)).collect();
        let transactional = !file.sql.starts_with(NO_TRANSACTION);
        Self { name: file.name, sql: file.sql, parse, statements, transactional, created }
    }

    pub(super) fn syntax_errors(&self) -> Vec<Diagnostic> {
        let mut errors = self.parse.errors();
        // One mistake causes several errors; the first is the most useful.
        errors.dedup_by_key(|error| self.line(error.range().start().into()));
        let diagnostic = |error: squawk_syntax::syntax_error::SyntaxError| {
            let span = Span::new(error.range().start().into()..error.range().end().into());
            Diagnostic::new(
                span,
                rules::SYNTAX,
                error.message(),
                "PostgreSQL will most likely reject the file. If it does accept it, allow this with an exception.",
            )
        };
        errors.into_iter().map(diagnostic).collect()
    }

    /// Whether the table existed before this file, and so may be in use.
    pub(super) fn is_existing(&self, table: &str) -> bool {
        !self.created.contains(table)
    }

    /// Each action of an `alter table` on an existing table, with the table's name.
    pub(super) fn alterations(&self) -> impl Iterator<Item = (String, AlterTableAction)> {
        self.statements
            .iter()
            .filter_map(|statement| match &statement.node {
                Stmt::AlterTable(alter) => Some((altered(alter)?, alter)),
                _ => None,
            })
            .filter(|(table, _)| self.is_existing(table))
            .flat_map(|(table, alter)| alter.actions().map(move |action| (table.clone(), action)))
    }

    pub(super) fn statement_at(&self, span: Span) -> Option<&Statement> {
        self.statements.iter().find(|statement| statement.span.contains(span))
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        let before = self.sql.as_bytes().iter().take(byte);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}
