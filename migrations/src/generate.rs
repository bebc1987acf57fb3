//! Writes the next migration: from what the migrations make to what `schema.sql` declares.
//!
//! ```text
//! migrations ──replay──▶ A ──rename──▶ catalog ─┐
//!                        └─copy──▶ C            ├─ changes ─▶ plan ─▶ files ─replay on C─▶ equal to B? ─▶ written
//! schema.sql ──apply───▶ B ───────────▶ catalog ─┘
//! ```
//!
//! Nothing is believed: the files are run on a copy of A, and unless its catalogs and its `pg_dump` then equal
//! those of B, nothing is written and the difference is shown. What would lose data, and what looks like a rename,
//! is asked about; a kind of object that is not known here is refused by name.

mod changes;
mod files;
mod loss;
mod plan;
mod rename;
mod request;
mod step;
mod write;

pub use request::Request;

use crate::{
    catalog::{self, Catalog},
    dump,
    scratch::Scratch,
    script::{self, Script},
};
use anyhow::{Context, Result, bail};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

/// Where the schema is now, and where it shall be.
pub struct Sources<'a> {
    /// What makes the present schema, in order.
    pub migrations: &'a [Script],
    /// The declaration.
    pub declared: &'a str,
}

/// The server that proves it.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// Where scratch databases are made.
    pub options: &'a PgConnectOptions,
    /// The password of that role, for `pg_dump`.
    pub password: Option<&'a str>,
}

/// Generates and proves; an empty list means that nothing differs.
///
/// # Errors
/// Refusals, each saying what to do; and a candidate that did not lead to the declaration, with the difference.
pub async fn generate(server: Server<'_>, sources: &Sources<'_>, request: &Request) -> Result<Vec<Script>> {
    let mut scratch = Scratch::open(server.options).await?;
    let outcome = attempt(&mut scratch, server, sources, request).await;
    scratch.close().await?;
    outcome
}

async fn attempt(scratch: &mut Scratch, server: Server<'_>, sources: &Sources<'_>, request: &Request) -> Result<Vec<Script>> {
    let [migrated, declared] = [scratch.make("migrated", None).await?, scratch.make("declared", None).await?];
    let (migrated_made, declared_made) = tokio::join!(replay(&migrated, sources.migrations), declare(&declared, sources.declared));
    migrated_made?;
    declared_made?;
    let copy = scratch.make("candidate", Some(&migrated)).await?;
    let declared_catalog = read(&declared).await?;
    let candidate = write_candidate(&migrated, &declared_catalog, sources, request).await?;
    if !candidate.is_empty() {
        prove(server, &copy, &candidate, &declared, &declared_catalog).await?;
    }
    Ok(candidate)
}

async fn write_candidate(
    migrated: &PgConnectOptions,
    declared: &Catalog,
    sources: &Sources<'_>,
    request: &Request,
) -> Result<Vec<Script>> {
    let mut connection = migrated.connect().await?;
    let (before, renames) = rename::carry_out(&mut connection, declared, request).await?;
    connection.close().await?;
    let sides = write::Sides { before: &before, declared, request };
    let changes = changes::find(sides).map_err(refused)?;
    let plan = if changes.is_empty() { plan::Plan::new() } else { plan::order(sides, &changes).map_err(refused)? };
    let idle = request.unused();
    if !idle.is_empty() {
        return Err(refused(idle));
    }
    let last = sources.migrations.iter().filter_map(|script| script::number(&script.file)).max().unwrap_or(0);
    Ok(files::render(&request.name, last + 1, &renames, &plan))
}

fn refused(refusals: Vec<String>) -> anyhow::Error {
    let lines: Vec<_> = refusals.iter().map(|refusal| format!("  - {refusal}")).collect();
    anyhow::anyhow!("no migration was written, because:\n{}", lines.join("\n"))
}

/// Runs the candidate on a copy of what the migrations make, and compares.
async fn prove(server: Server<'_>, copy: &PgConnectOptions, candidate: &[Script], declared: &PgConnectOptions, expected: &Catalog) -> Result<()> {
    let shown = || candidate.iter().map(|script| format!("\n── {}\n{}", script.file, script.sql)).collect::<String>();
    replay(copy, candidate).await.with_context(|| {
        format!(
            "the generated SQL does not run, so nothing was written. Write this change by hand with `cargo xtask migrate new`, \
             or make it in smaller steps. The SQL was:{}\nIt stopped",
            shown()
        )
    })?;
    let (found, wanted_dump, found_dump) = tokio::join!(read(copy), dump::schema(declared, server.password), dump::schema(copy, server.password));
    let mut differences = catalog::differences(expected, &found?);
    differences.extend(dump::differences(&wanted_dump?, &found_dump?));
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "the generated SQL does not lead to the declaration, so nothing was written. Below, `-` is declared only and `+` made \
         only. Write this change by hand with `cargo xtask migrate new`.\n{}\nThe SQL was:{}",
        differences.join("\n"),
        shown()
    );
}

async fn replay(database: &PgConnectOptions, scripts: &[Script]) -> Result<()> {
    let mut connection = database.connect().await?;
    for script in scripts {
        script.run(&mut connection).await?;
    }
    connection.close().await.context("leaving a scratch database")
}

async fn declare(database: &PgConnectOptions, declaration: &str) -> Result<()> {
    let mut connection: PgConnection = database.connect().await?;
    sqlx::raw_sql(AssertSqlSafe(declaration.to_owned()))
        .execute(&mut connection)
        .await
        .context("applying schema.sql to an empty database: mend the declaration")?;
    connection.close().await.context("leaving a scratch database")
}

async fn read(database: &PgConnectOptions) -> Result<Catalog> {
    let mut connection = database.connect().await?;
    let catalog = catalog::read(&mut connection).await.context("reading the catalogs")?;
    connection.close().await?;
    Ok(catalog)
}
