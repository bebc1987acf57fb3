//! One migration file, parsed, with the questions that several rules ask of it.

use super::MigrationFile;
use crate::script::NO_TRANSACTION;
use squawk_syntax::{
    Parse, SourceFile, SyntaxKind, SyntaxNode, SyntaxToken,
    ast::{AlterTable, AlterTableAction, AstNode, Stmt},
};
use std::{collections::HashSet, ops::Range};

/// The rule that a file can be read at all.
pub(super) const SYNTAX: &str = "squall-syntax";

/// A migration file and its statements.
pub(super) struct ParsedFile<'a> {
    pub name: &'a str,
    pub sql: &'a str,
    pub parse: Parse<SourceFile>,
    pub statements: Vec<Statement>,
    /// Whether it runs in one transaction.
    pub transactional: bool,
    /// The tables it makes: nobody uses them before it is done.
    created: HashSet<String>,
}

/// A statement and the place of its text, without the comments around it.
pub(super) struct Statement {
    pub node: Stmt,
    pub at: Place,
}

/// A place in a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    start: usize,
    end: usize,
}

/// A finding that an exception may still take back.
pub(super) struct Fault {
    pub at: Place,
    pub rule: String,
    pub what: String,
    pub why_or_fix: String,
}

impl Fault {
    pub(super) fn new(at: Place, rule: &str, what: impl Into<String>, why_or_fix: impl Into<String>) -> Self {
        Self { at, rule: rule.to_owned(), what: what.into(), why_or_fix: why_or_fix.into() }
    }
}

impl Place {
    pub(super) fn new(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }

    pub(super) fn start(self) -> usize {
        self.start
    }

    pub(super) fn end(self) -> usize {
        self.end
    }

    pub(super) fn holds(self, other: Self) -> bool {
        (self.start..self.end.max(self.start + 1)).contains(&other.start)
    }
}

impl<'a> ParsedFile<'a> {
    pub(super) fn parse(file: &MigrationFile<'a>) -> Self {
        let parse = SourceFile::parse(file.sql);
        let written = parse.tree().stmts().filter(|node| !matches!(node, Stmt::EmptyStmt(_)));
        let statements: Vec<_> =
            written.filter_map(|node| Some(Statement { at: place(node.syntax())?, node })).collect();
        let created = statements.iter().filter_map(|statement| created(&statement.node)).collect();
        let transactional = !file.sql.starts_with(NO_TRANSACTION);
        Self { name: file.name, sql: file.sql, parse, statements, transactional, created }
    }

    pub(super) fn syntax_faults(&self) -> Vec<Fault> {
        let mut errors = self.parse.errors();
        // One mistake makes several errors; the first says most.
        errors.dedup_by_key(|error| self.line(error.range().start().into()));
        let fault = |error: squawk_syntax::syntax_error::SyntaxError| {
            let at = Place::new(error.range().start().into()..error.range().end().into());
            Fault::new(
                at,
                SYNTAX,
                error.message(),
                "PostgreSQL would most likely refuse the file. If it takes it, say so in an exception.",
            )
        };
        errors.into_iter().map(fault).collect()
    }

    /// Whether the table was there before the file, so that it may be in use.
    pub(super) fn finds(&self, table: &str) -> bool {
        !self.created.contains(table)
    }

    /// Each `alter table` of a table that was there before the file, with its name and its actions.
    pub(super) fn alterations(&self) -> impl Iterator<Item = (String, AlterTableAction)> {
        self.statements
            .iter()
            .filter_map(|statement| match &statement.node {
                Stmt::AlterTable(alter) => Some((altered(alter)?, alter)),
                _ => None,
            })
            .filter(|(table, _)| self.finds(table))
            .flat_map(|(table, alter)| alter.actions().map(move |action| (table.clone(), action)))
    }

    pub(super) fn statement_at(&self, at: Place) -> Option<&Statement> {
        self.statements.iter().find(|statement| statement.at.holds(at))
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        let before = self.sql.as_bytes().iter().take(byte);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// The table that an `alter table` names.
pub(super) fn altered(alter: &AlterTable) -> Option<String> {
    alter.table_relation_name()?.table_name_ref().and_then(name)
}

/// The table, or what is used like one, that a statement makes.
pub(super) fn created(statement: &Stmt) -> Option<String> {
    match statement {
        // `if not exists` may find one that is in use.
        Stmt::CreateTable(create) if create.if_not_exists().is_none() => create.table_name().and_then(name),
        Stmt::CreateTableAs(create) => create.table_name().and_then(name),
        Stmt::CreateMaterializedView(create) => words(create.syntax()).into_iter().find_map(|word| {
            let keywords = ["create", "materialized", "view", "if", "not", "exists"];
            (!keywords.contains(&word.as_str())).then_some(word)
        }),
        _ => None,
    }
}

/// The last part of a name, as PostgreSQL keeps it: `public."Owner"` is `Owner`.
pub(super) fn name(node: impl AstNode) -> Option<String> {
    tokens(node.syntax()).last().map(|token| spelled(&token))
}

/// The words of a node as PostgreSQL reads them, in lower case unless quoted, without comments.
pub(super) fn words(node: &SyntaxNode) -> Vec<String> {
    tokens(node).map(|token| spelled(&token)).collect()
}

/// The place of a node's first to its last word.
pub(super) fn place(node: &SyntaxNode) -> Option<Place> {
    let start = tokens(node).next()?.text_range().start();
    let end = tokens(node).last()?.text_range().end();
    Some(Place::new(start.into()..end.into()))
}

fn tokens(node: &SyntaxNode) -> impl Iterator<Item = SyntaxToken> + use<> {
    let meant = |token: &SyntaxToken| !matches!(token.kind(), SyntaxKind::COMMENT | SyntaxKind::WHITESPACE);
    node.descendants_with_tokens().filter_map(|element| element.into_token()).filter(meant)
}

fn spelled(token: &SyntaxToken) -> String {
    let text = token.text();
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => text.to_lowercase(),
    }
}
