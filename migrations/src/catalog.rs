//! What a database's catalogs say of its schema, as comparable lines.
//!
//! PostgreSQL itself prints each definition (`pg_get_indexdef`, `pg_get_constraintdef`, `format_type`, …),
//! so both sides of a comparison are normalised by the server and never by us. Column order is left out
//! on purpose: a column added later stands last in one database and in its place in the other.

use sqlx::PgPool;
use std::collections::BTreeSet;

/// One line per object: its kind, its name and its definition.
pub type Catalog = BTreeSet<String>;

/// Reads the catalog of the `public` schema, without the migrator's own table.
///
/// # Errors
/// Whatever the database answers.
pub async fn read(pool: &PgPool) -> Result<Catalog, sqlx::Error> {
    let lines: Vec<String> = sqlx::query_scalar(include_str!("catalog.sql")).fetch_all(pool).await?;
    Ok(lines.into_iter().collect())
}

/// The lines that stand in one catalog only: `- ` for what only the declaration has, `+ ` for what only
/// the migrations make.
pub fn differences(declared: &Catalog, migrated: &Catalog) -> Vec<String> {
    let missing = declared.difference(migrated).map(|line| format!("- {line}"));
    let surplus = migrated.difference(declared).map(|line| format!("+ {line}"));
    missing.chain(surplus).collect()
}
