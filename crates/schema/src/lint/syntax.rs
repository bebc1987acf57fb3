//! Queries of the syntax tree.

use super::diagnostic::Span;
use squawk_syntax::{
    SyntaxKind, SyntaxNode, SyntaxToken,
    ast::{AlterIndex, AlterTable, AstNode, Constraint, ConstraintOption, Stmt},
};

/// The table of an `alter table`.
pub(super) fn altered(alter: &AlterTable) -> Option<String> {
    alter.table_relation_name()?.table_name_ref().and_then(name)
}

/// The table, or table-like object, that a statement creates.
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

/// The old and the new name in `alter index OLD rename to NEW`.
pub(super) fn renamed_index(alter: &AlterIndex) -> Option<(String, String)> {
    let all = words(alter.syntax());
    let at = all.windows(2).position(|pair| pair == ["rename", "to"])?;
    Some((name(alter.index_ref()?)?, all.get(at + 2)?.clone()))
}

pub(super) fn is_unenforced(constraint: &Constraint) -> bool {
    constraint.constraint_options().any(|option| matches!(option, ConstraintOption::NotEnforced(_)))
}

/// The last part of a name, as PostgreSQL stores it: `public."Owner"` is `Owner`.
pub(super) fn name(node: impl AstNode) -> Option<String> {
    tokens(node.syntax()).last().map(|token| spelled(&token))
}

/// The words of a node as PostgreSQL reads them: in lower case unless quoted, without comments.
pub(super) fn words(node: &SyntaxNode) -> Vec<String> {
    tokens(node).map(|token| spelled(&token)).collect()
}

/// From a node's first word to its last.
pub(super) fn span(node: &SyntaxNode) -> Option<Span> {
    let start = tokens(node).next()?.text_range().start();
    let end = tokens(node).last()?.text_range().end();
    Some(Span::new(start.into()..end.into()))
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
