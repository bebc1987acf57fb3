//! Proves that a database filled by earlier releases can be upgraded, keeps its rows, and still answers the last
//! release: during a deploy both versions work on the new schema (expand first, contract a release later).
//!
//! `migrations/fixtures/release.sql` fills each version's tables the way that version did, section by section.
//! `migrations/fixtures/queries.json` holds every query of the last release, with the types it was compiled for.

use super::Problem;
use crate::{scratch::Scratch, script::Script};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions, Connection, Either, Executor, PgConnection, SqlSafeStr, Statement,
    TypeInfo,
};
use std::{collections::BTreeMap, fs, path::Path};

const ROWS: &str = include_str!("../../../../migrations/fixtures/release.sql");
const QUERIES: &str = include_str!("../../../../migrations/fixtures/queries.json");

/// A query of the last release, as PostgreSQL described it at the time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Query {
    /// SQL text.
    pub query: String,
    /// `name: TYPE` of each column.
    pub columns: Vec<String>,
    /// The type of each parameter.
    pub parameters: Vec<String>,
}

/// Upgrades the filled database with `migrations`, and reports changed values and broken queries.
///
/// # Errors
/// When the server refuses a migration or a row of the fixture.
pub(super) async fn problems(scratch: &mut Scratch, migrations: &[Script]) -> Result<Vec<Problem>> {
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
    let mut problems = lost(&before, &after);
    for expected in
        serde_json::from_str::<Vec<Query>>(QUERIES).context("reading migrations/fixtures/queries.json")?
    {
        problems.extend(broken(&mut connection, &expected).await);
    }
    connection.close().await?;
    Ok(problems)
}

/// Describes every query in sqlx's `folder` against the schema of `migrations`.
///
/// # Errors
/// When a query does not fit the schema: run `cargo xtask generated queries` first.
pub async fn describe_all(scratch: &mut Scratch, migrations: &[Script], folder: &Path) -> Result<Vec<Query>> {
    #[derive(Deserialize)]
    struct QueryFile {
        query: String,
    }
    let mut connection = scratch.make("described").await?.connect().await?;
    for script in migrations {
        script.run(&mut connection).await?;
    }
    let mut described = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        // The folder also has a link by which `cargo xtask` works in it.
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let file: QueryFile = serde_json::from_str(&fs::read_to_string(path)?)?;
        let query = describe(&mut connection, &file.query).await;
        described.push(query.with_context(|| format!("describing {}", file.query))?);
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

async fn broken(connection: &mut PgConnection, expected: &Query) -> Option<Problem> {
    let first = expected.query.trim().lines().next().unwrap_or_default();
    match describe(connection, &expected.query).await {
        Ok(found) if found == *expected => None,
        Ok(found) => Some(format!(
            "the last release's query `{first} …` expects {:?} for {:?}; it would get {:?} for {:?}",
            expected.columns, expected.parameters, found.columns, found.parameters
        )),
        Err(error) => Some(format!("the last release's query `{first} …` no longer works: {error}")),
    }
}

/// The number of rows and a digest of the values, for each column of each table.
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

/// Dropped and retyped columns were reviewed when their migration was written; changed values were not.
fn lost(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Problem> {
    let changed = before.iter().filter(|(column, digest)| after.get(*column).is_some_and(|is| is != *digest));
    changed
        .map(|(column, digest)| format!("the upgrade changed {column} from {digest} to {}", after[column]))
        .collect()
}

/// The fixture's statements by the version they belong to: each section starts with `-- version: N`.
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
