//! The proof that a database filled by earlier releases upgrades, keeps its rows, and still answers the last
//! release: while a deploy goes on, both versions work on the new schema (expand first, contract a release later).
//!
//! `fixtures/release.sql` fills each version's tables with what that version writes, section by section.
//! `fixtures/queries.json` holds every query of the last release, with the types it was compiled for.

use super::Fault;
use crate::{scratch::Scratch, script::Script};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Either, Executor, PgConnection, SqlSafeStr, Statement,
    TypeInfo,
};
use std::{collections::BTreeMap, fs, path::Path};

const ROWS: &str = include_str!("../../fixtures/release.sql");
const QUERIES: &str = include_str!("../../fixtures/queries.json");

/// A query of the last release, as PostgreSQL described it then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Query {
    /// Its text.
    pub query: String,
    /// `name: TYPE` of each column.
    pub columns: Vec<String>,
    /// The type of each parameter.
    pub parameters: Vec<String>,
}

/// Upgrades the filled database with `migrations`, and says what was lost and which queries no longer hold.
///
/// # Errors
/// When the server refuses a migration or a row of the fixture.
pub(super) async fn faults(scratch: &mut Scratch, migrations: &[Script]) -> Result<Vec<Fault>> {
    let mut connection = scratch.make("upgraded").await?.connect().await?;
    let sections = sections(ROWS);
    let filled = sections.keys().max().copied().unwrap_or(0);
    let (old, new): (Vec<_>, Vec<_>) = migrations.iter().partition(|script| version(script) <= filled);
    for script in old {
        script.run(&mut connection).await?;
        if let Some(rows) = sections.get(&version(script)) {
            sqlx::raw_sql(AssertSqlSafe(rows.clone())).execute(&mut connection).await.with_context(|| {
                format!(
                    "filling the database at version {} from migrations/fixtures/release.sql",
                    version(script)
                )
            })?;
        }
    }
    let before = contents(&mut connection).await?;
    for script in new {
        script.run(&mut connection).await.context("upgrading the database that the last release filled")?;
    }
    let after = contents(&mut connection).await?;
    let mut faults = lost(&before, &after);
    for known in
        serde_json::from_str::<Vec<Query>>(QUERIES).context("reading migrations/fixtures/queries.json")?
    {
        faults.extend(broken(&mut connection, &known).await);
    }
    connection.close().await?;
    Ok(faults)
}

/// Describes every query that sqlx keeps in `folder` against the schema of `migrations`.
///
/// # Errors
/// When a query is not one of this schema: run `cargo xtask queries` first.
pub async fn describe_all(scratch: &mut Scratch, migrations: &[Script], folder: &Path) -> Result<Vec<Query>> {
    #[derive(Deserialize)]
    struct Kept {
        query: String,
    }
    let mut connection = scratch.make("described").await?.connect().await?;
    for script in migrations {
        script.run(&mut connection).await?;
    }
    let mut described = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let kept: Kept = serde_json::from_str(&fs::read_to_string(entry?.path())?)?;
        let query = describe(&mut connection, &kept.query).await;
        described.push(query.with_context(|| format!("describing {}", kept.query))?);
    }
    described.sort();
    connection.close().await?;
    Ok(described)
}

async fn describe(connection: &mut PgConnection, query: &str) -> Result<Query, sqlx::Error> {
    let statement = connection.prepare(AssertSqlSafe(query.to_owned()).into_sql_str()).await?;
    let columns =
        statement.columns().iter().map(|column| format!("{}: {}", column.name(), column.type_info().name()));
    let parameters = match statement.parameters() {
        Some(Either::Left(kinds)) => kinds.iter().map(|kind| kind.name().to_owned()).collect(),
        _ => Vec::new(),
    };
    Ok(Query { query: query.to_owned(), columns: columns.collect(), parameters })
}

async fn broken(connection: &mut PgConnection, known: &Query) -> Option<Fault> {
    let first = known.query.trim().lines().next().unwrap_or_default();
    match describe(connection, &known.query).await {
        Ok(found) if found == *known => None,
        Ok(found) => Some(format!(
            "the last release asks `{first} …` and expects {:?} for {:?}; it would get {:?} for {:?}",
            known.columns, known.parameters, found.columns, found.parameters
        )),
        Err(error) => Some(format!("the last release asks `{first} …`, which no longer works: {error}")),
    }
}

/// For each column of each table: how many rows, and a digest of its values.
async fn contents(connection: &mut PgConnection) -> Result<BTreeMap<String, String>> {
    const COLUMNS: &str = "
        select c.oid::regclass::text, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod)
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace";
    let columns: Vec<(String, String, String)> = sqlx::query_as(COLUMNS).fetch_all(&mut *connection).await?;
    let mut contents = BTreeMap::new();
    for (table, column, kind) in columns {
        let digest = format!(
            "select count(*) || ' rows, ' || coalesce(md5(string_agg({column}::text, '|' order by {column}::text)), 'empty') from {table}"
        );
        let digest: String = sqlx::query_scalar(AssertSqlSafe(digest)).fetch_one(&mut *connection).await?;
        contents.insert(format!("{table}.{column} ({kind})"), digest);
    }
    Ok(contents)
}

/// A column that is gone or has another type was argued about when its migration was written; values are not.
fn lost(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Fault> {
    let changed = before.iter().filter(|(column, digest)| after.get(*column).is_some_and(|is| is != *digest));
    changed
        .map(|(column, digest)| {
            format!("the upgrade changed {column}: it had {digest}, it has {}", after[column])
        })
        .collect()
}

/// The rows by the version at which they are written: after each line `-- version: N`.
fn sections(text: &str) -> BTreeMap<u32, String> {
    let pieces = text.split("-- version: ").skip(1);
    pieces
        .filter_map(|piece| {
            let (number, rows) = piece.split_once('\n')?;
            Some((number.trim().parse().ok()?, rows.to_owned()))
        })
        .collect()
}

fn version(script: &Script) -> u32 {
    crate::script::number(&script.file).unwrap_or_default()
}
