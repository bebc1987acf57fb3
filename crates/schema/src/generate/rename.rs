//! Renames, applied to the scratch database itself, so that PostgreSQL updates every definition.

use super::{request::Request, step::literal, write::types};
use crate::catalog::{self, Catalog, Kind, Object};
use anyhow::{Context, Result, bail};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Applies the requested renames and those that follow from them, and returns the statements.
///
/// # Errors
/// When the old name does not exist, or is still declared.
pub(super) async fn apply_all(
    connection: &mut PgConnection,
    declared: &Catalog,
    request: &Request,
) -> Result<(Catalog, Vec<String>)> {
    let mut statements = Vec::new();
    let mut before = catalog::read(connection).await?;
    for (old, new) in &request.renames {
        let statement = requested(&before, declared, old, new)?;
        apply(connection, &statement).await.with_context(|| format!("renaming {old} to {new}"))?;
        statements.push(statement);
        before = catalog::read(connection).await?;
    }
    while let Some(statement) = following(&before, declared) {
        apply(connection, &statement).await?;
        statements.push(statement);
        before = catalog::read(connection).await?;
    }
    Ok((before, statements))
}

async fn apply(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    // A failed statement must not leave an open transaction behind.
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *transaction).await?;
    transaction.commit().await
}

fn requested(before: &Catalog, declared: &Catalog, old: &str, new: &str) -> Result<String> {
    const WHOLE: [(Kind, &str); 9] = [
        (Kind::Table, "table"),
        (Kind::View, "view"),
        (Kind::MaterializedView, "materialized view"),
        (Kind::Sequence, "sequence"),
        (Kind::Index, "index"),
        (Kind::Enum, "type"),
        (Kind::Composite, "type"),
        (Kind::Domain, "domain"),
        (Kind::Collation, "collation"),
    ];
    for (kind, word) in WHOLE {
        if before.get(kind, old).is_some() {
            if declared.get(kind, old).is_some() {
                bail!(
                    "--rename {old}={new}: the {} {old} is still declared. Rename it in schema.sql first",
                    kind.word()
                );
            }
            if declared.get(kind, new).is_none() {
                bail!(
                    "--rename {old}={new}: no {} {new} is declared. Fix the name, or declare it",
                    kind.word()
                );
            }
            return Ok(format!("alter {word} {old} rename to {}", last(new)));
        }
    }
    let Some((parent, part)) = old.rsplit_once('.') else {
        bail!(
            "--rename {old}={new}: the migrations create no table, type, view, sequence or index {old}. Fix the name"
        );
    };
    let part_new = new.strip_prefix(parent).and_then(|rest| rest.strip_prefix('.')).unwrap_or(new);
    let whole_new = format!("{parent}.{part_new}");
    if before.get(Kind::Column, old).is_some() {
        if declared.get(Kind::Column, &whole_new).is_none() {
            bail!("--rename {old}={new}: no column {whole_new} is declared. Fix the name, or declare it");
        }
        return Ok(format!("alter table {parent} rename column {part} to {part_new}"));
    }
    let has = |kind, read: fn(&Object) -> Vec<String>, name: &str, catalog: &Catalog| {
        catalog.get(kind, parent).is_some_and(|object| read(object).iter().any(|known| known == name))
    };
    let attributes = |object: &Object| types::attributes(object).into_iter().map(|(name, _)| name).collect();
    if has(Kind::Enum, types::values, part, before) && has(Kind::Enum, types::values, part_new, declared) {
        return Ok(format!("alter type {parent} rename value {} to {}", literal(part), literal(part_new)));
    }
    if has(Kind::Composite, attributes, part, before) && has(Kind::Composite, attributes, part_new, declared)
    {
        return Ok(format!("alter type {parent} rename attribute {part} to {part_new} cascade"));
    }
    bail!(
        "--rename {old}={new}: the migrations create no column, value or attribute {old}, or {whole_new} is not declared. Fix the names"
    )
}

/// A constraint, index or sequence that differs only in its name is renamed without a flag, because that is free.
fn following(before: &Catalog, declared: &Catalog) -> Option<String> {
    let gone = before.objects.values().filter(|object| !declared.objects.contains_key(&object.id));
    let renameable = |kind: Kind| kind.is_constraint() || matches!(kind, Kind::Index | Kind::Sequence);
    gone.filter(|object| renameable(object.id.kind)).find_map(|old| {
        let new = declared.objects.values().find(|new| {
            !before.objects.contains_key(&new.id)
                && new.id.kind == old.id.kind
                && new.parent == old.parent
                && same(old, new)
        })?;
        Some(match old.id.kind {
            Kind::Index | Kind::Sequence => {
                format!("alter {} {} rename to {}", old.id.kind.word(), old.id.name, last(&new.id.name))
            }
            _ => format!(
                "alter table {} rename constraint {} to {}",
                old.parent(),
                old.own_name(),
                new.own_name()
            ),
        })
    })
}

fn same(old: &Object, new: &Object) -> bool {
    // A sequence that nobody owns is known by its name alone.
    let known = old.id.kind != Kind::Sequence || old.facet("owned by").is_some();
    let facets = |object: &Object| {
        let mut facets = object.facets.clone();
        for name in ["own name", "plain index"] {
            facets.remove(name);
        }
        facets
    };
    known && facets(old) == facets(new)
}

/// The last part of a name that may begin with its schema.
fn last(name: &str) -> &str {
    if name.ends_with('"') { name } else { name.rsplit('.').next().unwrap_or(name) }
}
