//! Writes the next migration: from the schema the migrations lead to, to the one `schema.sql` declares.
//!
//! ```text
//! migrations ──replay──▶ A ──rename──▶ catalog ─┐
//! schema.sql ──apply───▶ B ───────────▶ catalog ─┴─ changes ─▶ plan ─▶ files ─┐
//! migrations ──replay──▶ C ◀────────────────────────────replay────────────────┘ equal to B? ─▶ written
//! ```
//!
//! The result is verified: the files are run after the migrations in C, and unless its catalogs and its `pg_dump` then
//! equal those of B, nothing is written and the difference is shown. Data loss and possible renames need a flag; a kind
//! of object that is not supported is refused by name.

mod changes;
mod files;
mod exceptions;
mod loss;
mod plan;
mod rename;
mod request;
mod step;
mod write;

pub use exceptions::add_exceptions;
pub use request::Request;

use crate::{
    catalog::{self, Catalog},
    dump,
    scratch::Scratch,
    script::{self, Script},
};
use anyhow::{Context, Result, bail};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use squall_migrations::job;

/// The present schema and the declared one.
pub struct Sources<'a> {
    /// The migrations that lead to the present schema, in order.
    pub migrations: &'a [Script],
    /// `schema.sql`.
    pub declared: &'a str,
}

/// The server for scratch databases.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    /// How to connect.
    pub options: &'a PgConnectOptions,
    /// The role's password, for `pg_dump`.
    pub password: Option<&'a str>,
}

/// Three empty databases on one server.
pub struct Databases {
    /// A: the migrations are replayed here, then the renames.
    pub migrated: PgConnectOptions,
    /// B: the declaration is applied here.
    pub declared: PgConnectOptions,
    /// C: the migrations and then the candidate are replayed here.
    pub candidate: PgConnectOptions,
}

/// Generates and verifies the next migrations; an empty list means that nothing differs.
///
/// # Errors
/// Refusals, each with what to do instead, or a candidate that does not lead to the declaration, with the difference.
pub async fn generate(server: Server<'_>, sources: &Sources<'_>, request: &Request) -> Result<Vec<Script>> {
    let mut scratch = Scratch::open(server.options).await?;
    let outcome = generate_in_scratch(&mut scratch, server, sources, request).await;
    scratch.close().await?;
    outcome
}

async fn generate_in_scratch(
    scratch: &mut Scratch,
    server: Server<'_>,
    sources: &Sources<'_>,
    request: &Request,
) -> Result<Vec<Script>> {
    let databases = Databases {
        migrated: scratch.make("migrated").await?,
        declared: scratch.make("declared").await?,
        candidate: scratch.make("candidate").await?,
    };
    let written = generate_in(&databases, sources, request).await?;
    if !written.is_empty() {
        let (declared, found) = tokio::join!(
            dump::schema(&databases.declared, server.password),
            dump::schema(&databases.candidate, server.password)
        );
        equal(dump::differences(&declared?, &found?), &written)?;
    }
    Ok(written)
}

/// Like [`generate`], in the caller's databases and without comparing `pg_dump`.
///
/// # Errors
/// Like [`generate`].
pub async fn generate_in(
    databases: &Databases,
    sources: &Sources<'_>,
    request: &Request,
) -> Result<Vec<Script>> {
    let (mut migrated, mut declared, mut candidate) = tokio::try_join!(
        databases.migrated.connect(),
        databases.declared.connect(),
        databases.candidate.connect()
    )?;
    let (one, two, three) = tokio::join!(
        replay(&mut migrated, sources.migrations),
        replay(&mut candidate, sources.migrations),
        declare(&mut declared, sources.declared)
    );
    one.and(two).and(three)?;
    let declaration = read(&mut declared).await?;
    let written = write_candidate(&mut migrated, &declaration, sources, request).await?;
    if !written.is_empty() {
        replay(&mut candidate, &written).await.with_context(|| {
            format!(
                "the generated SQL fails, so nothing was written. Write this change by hand with `cargo xtask migrate new`, or \
                 make it in smaller steps. The SQL:{}\nThe error",
                shown(&written)
            )
        })?;
        job::build_on_partitions(&mut candidate).await?;
        equal(catalog::differences(&declaration, &read(&mut candidate).await?), &written)?;
    }
    for connection in [migrated, declared, candidate] {
        connection.close().await.context("disconnecting from a scratch database")?;
    }
    Ok(written)
}

async fn write_candidate(
    migrated: &mut PgConnection,
    declared: &Catalog,
    sources: &Sources<'_>,
    request: &Request,
) -> Result<Vec<Script>> {
    let (before, renames) = rename::apply_all(migrated, declared, request).await?;
    let sides = write::Sides { before: &before, declared, request };
    let changes = changes::find(sides).map_err(refused)?;
    let plan =
        if changes.is_empty() { plan::Plan::new() } else { plan::order(sides, &changes).map_err(refused)? };
    let unused = request.unused();
    if !unused.is_empty() {
        return Err(refused(unused));
    }
    let last = sources.migrations.iter().filter_map(|script| script::number(&script.file)).max().unwrap_or(0);
    Ok(files::render(&request.name, last + 1, &renames, &plan))
}

fn refused(refusals: Vec<String>) -> anyhow::Error {
    let lines: Vec<_> = refusals.iter().map(|refusal| format!("  - {refusal}")).collect();
    anyhow::anyhow!("no migration was written:\n{}", lines.join("\n"))
}

fn equal(differences: Vec<String>, written: &[Script]) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "the generated SQL does not lead to the declared schema, so nothing was written. Lines with `-` are only declared, \
         lines with `+` are only generated. Write this change by hand with `cargo xtask migrate new`.\n{}\nThe SQL:{}",
        differences.join("\n"),
        shown(written)
    )
}

fn shown(scripts: &[Script]) -> String {
    scripts.iter().map(|script| format!("\n── {}\n{}", script.file, script.sql)).collect()
}

async fn replay(connection: &mut PgConnection, scripts: &[Script]) -> Result<()> {
    for script in scripts {
        script.run(connection).await?;
    }
    forget_session(connection).await
}

async fn declare(connection: &mut PgConnection, declaration: &str) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(declaration.to_owned()))
        .execute(&mut *connection)
        .await
        .context("applying schema.sql to an empty database")?;
    forget_session(connection).await
}

/// What SQL has set for its session must not help what runs later, in production on a new connection.
async fn forget_session(connection: &mut PgConnection) -> Result<()> {
    sqlx::raw_sql("discard all").execute(connection).await.context("resetting a session")?;
    Ok(())
}

async fn read(connection: &mut PgConnection) -> Result<Catalog> {
    catalog::read(connection).await.context("reading the catalogs")
}
