//! `squall-migrate`: the job that brings a database to the schema this version expects.

mod scaffold;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use serde::Serialize;
use sqlx::{PgPool, postgres::PgConnectOptions};
use squall_migrations::{MIGRATOR, expected_version, found_version, verify};
use std::{path::PathBuf, process::ExitCode, str::FromStr};

/// Brings a database to the schema of this version, and says how far it is.
#[derive(Parser)]
#[command(
    name = "squall-migrate",
    version,
    after_help = "Example:\n  DATABASE_URL=postgres://… squall-migrate run"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Applies what is missing. Of several started at once one migrates, the others wait; all succeed.
    Run,
    /// Says which migrations are applied and which are missing.
    Status {
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Makes the next empty migration file.
    New {
        /// What it does, in snake case: `add_issue_owner`.
        name: String,
        /// The folder of migrations.
        #[arg(long, default_value = "migrations/sql")]
        folder: PathBuf,
    },
    /// Proves on scratch databases that the migrations make the declared schema.
    Verify,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("squall-migrate failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Run => migrate().await,
        Command::Status { json } => status(json).await,
        Command::New { name, folder } => say(&scaffold::new(&folder, &name)?),
        Command::Verify => prove().await,
    }
}

async fn migrate() -> Result<()> {
    let pool = connect().await?;
    let before = found_version(&pool).await?.unwrap_or_default();
    MIGRATOR.run(&pool).await.context(
        "applying the migrations. Nothing of a failed migration is kept; mend its cause and run this again",
    )?;
    match expected_version() - before {
        0 => say(&format!("The schema is at version {before} already.")),
        _ => say(&format!("The schema went from version {before} to {}.", expected_version())),
    }
}

#[derive(Serialize)]
struct Status {
    expected: i64,
    found: Option<i64>,
    migrations: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    version: i64,
    name: String,
    applied: bool,
}

async fn status(json: bool) -> Result<()> {
    let found = found_version(&connect().await?).await?;
    let migrations = MIGRATOR.iter().map(|migration| Entry {
        version: migration.version,
        name: migration.description.to_string(),
        applied: found.is_some_and(|found| migration.version <= found),
    });
    let status = Status { expected: expected_version(), found, migrations: migrations.collect() };
    if json {
        return say(&serde_json::to_string_pretty(&status)?);
    }
    for entry in &status.migrations {
        let state = if entry.applied { "applied" } else { "missing" };
        say(&format!("{:04}  {state}  {}", entry.version, entry.name))?;
    }
    Ok(())
}

async fn prove() -> Result<()> {
    let differences = verify::differences(&database_url()?).await?;
    if differences.is_empty() {
        return say(&format!(
            "{} migrations replayed; they make the declared schema.",
            MIGRATOR.iter().count()
        ));
    }
    bail!(
        "the migrations do not make the declared schema. Below, `-` is only in schema.sql and `+` only in what the \
         migrations make; write the migration that closes the gap.\n{}",
        differences.join("\n")
    );
}

async fn connect() -> Result<PgPool> {
    let options = database_url()?;
    let address = format!("{}:{}", options.get_host(), options.get_port());
    PgPool::connect_with(options).await.with_context(|| {
        format!("connecting to PostgreSQL at {address}. Check that it runs and that DATABASE_URL is right")
    })
}

fn database_url() -> Result<PgConnectOptions> {
    let url = std::env::var("DATABASE_URL")
        .context("DATABASE_URL is not set. Set it to postgres://user:password@host:port/database")?;
    PgConnectOptions::from_str(&url).context(
        "DATABASE_URL is not a PostgreSQL address. It reads postgres://user:password@host:port/database",
    )
}

fn say(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}
