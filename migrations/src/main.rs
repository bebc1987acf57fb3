//! `squall-migrate`: the job that brings a database to the schema of this version.

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde::Serialize;
use sqlx::PgPool;
use squall_migrations::{
    MIGRATOR, database, expected_version, found_version,
    job::{self, Migrated},
};
use std::{process::ExitCode, time::Duration};

/// Migrate a Squall database to the schema of this version.
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
    /// Apply pending migrations. Safe to start several times at once: one migrates, the others wait.
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://… squall-migrate run")]
    Run,
    /// List migrations and whether each is applied.
    #[command(after_help = "Example:\n  squall-migrate status --json")]
    Status {
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run => migrate().await,
        Command::Status { json } => status(json).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("squall-migrate failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn migrate() -> Result<()> {
    let pool = connect().await?;
    wait_for_recovery(&pool).await?;
    let Migrated { from, to, partition_indexes } = job::run(&MIGRATOR, &pool).await?;
    let expected = expected_version();
    if to > expected {
        return print(&format!(
            "The schema is at version {to}, newer than version {expected} of this program: nothing to do."
        ));
    }
    if from == Some(to) {
        print(&format!("The schema is already at version {to}."))?;
    } else {
        print(&format!("Migrated the schema from version {} to {to}.", from.unwrap_or_default()))?;
    }
    if partition_indexes > 0 {
        print(&format!("Built {partition_indexes} indexes on partitions."))?;
    }
    Ok(())
}

/// A server in point-in-time recovery takes no writes until it has reached its target.
async fn wait_for_recovery(pool: &PgPool) -> Result<()> {
    let mut reported = false;
    while sqlx::query_scalar::<_, bool>("select pg_is_in_recovery()").fetch_one(pool).await? {
        if !std::mem::replace(&mut reported, true) {
            print("The server is replaying its write-ahead log; waiting until it accepts writes.")?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

#[derive(Serialize)]
struct Status {
    expected: i64,
    found: Option<i64>,
    migrations: Vec<Migration>,
}

#[derive(Serialize)]
struct Migration {
    version: i64,
    name: String,
    applied: bool,
}

async fn status(json: bool) -> Result<()> {
    let found = found_version(&connect().await?).await?;
    let migrations = MIGRATOR.iter().map(|migration| Migration {
        version: migration.version,
        name: migration.description.to_string(),
        applied: found.is_some_and(|found| migration.version <= found),
    });
    let status = Status { expected: expected_version(), found, migrations: migrations.collect() };
    if json {
        return print(&serde_json::to_string_pretty(&status)?);
    }
    for migration in &status.migrations {
        let state = if migration.applied { "applied" } else { "pending" };
        print(&format!("{:04}  {state}  {}", migration.version, migration.name))?;
    }
    Ok(())
}

async fn connect() -> Result<PgPool> {
    let options = database::options(&database::url()?)?;
    let address = format!("{}:{}", options.get_host(), options.get_port());
    PgPool::connect_with(options).await.with_context(|| {
        format!(
            "connecting to PostgreSQL at {address}. Check that it is running and that DATABASE_URL is right"
        )
    })
}

fn print(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}
