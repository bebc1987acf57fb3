//! `squall-migrate`: the job that brings a database to the schema this version expects.

mod scaffold;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Parser, Subcommand};
use serde::Serialize;
use sqlx::{PgPool, postgres::PgConnectOptions};
use squall_base::secrets::{self, DATABASE_URL_FORM};
use squall_migrations::{
    MIGRATOR, expected_version, found_version,
    generate::{self, Request, Server, Sources},
    job::{self, Migrated},
    lint::{Finding, MigrationFile, lint},
    scratch::Scratch,
    script::Script,
    verify,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

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
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://… squall-migrate run")]
    Run,
    /// Says which migrations are applied and which are missing.
    #[command(after_help = "Example:\n  squall-migrate status --json")]
    Status {
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Makes the next empty migration file.
    #[command(after_help = "Example:\n  squall-migrate new add_issue_owner")]
    New {
        /// What it does, in snake case: `add_issue_owner`.
        name: String,
        /// The folder of migrations.
        #[arg(long, default_value = "migrations/sql")]
        folder: PathBuf,
    },
    /// Writes the next migration: what leads from the migrations to schema.sql, proved on scratch databases.
    #[command(
        after_help = "Examples:\n  squall-migrate generate add_issue_owner\n  squall-migrate generate tidy --rename users.name=full_name --allow-loss users.nickname"
    )]
    Generate(Generate),
    /// Finds what would lock, rewrite or break a live table.
    #[command(after_help = "Example:\n  squall-migrate lint --folder migrations/sql")]
    Lint {
        /// The folder of migrations.
        #[arg(long, default_value = "migrations/sql")]
        folder: PathBuf,
    },
    /// Proves on scratch databases that the migrations make the declared schema, and that the last release's
    /// database upgrades and still serves it.
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://… squall-migrate verify")]
    Verify,
    /// Keeps this version's queries as those of the last release: a step of each release.
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://… squall-migrate fixture")]
    Fixture {
        /// The folder in which sqlx keeps the queries.
        #[arg(long, default_value = ".sqlx")]
        queries: PathBuf,
        /// The file that `verify` reads.
        #[arg(long, default_value = "migrations/fixtures/queries.json")]
        to: PathBuf,
    },
}

#[derive(clap::Args)]
struct Generate {
    /// What it does, in snake case: `add_issue_owner`.
    name: String,
    /// A rename that would look like a drop and an add: `old=new` for a table, type, `table.column` or `type.value`.
    #[arg(long = "rename", value_name = "OLD=NEW")]
    renames: Vec<String>,
    /// A table, `table.column`, `type.attribute` or sequence whose data may go.
    #[arg(long = "allow-loss", value_name = "NAME")]
    allow_loss: Vec<String>,
    /// What rows that exist get in a column that must not be null: `table.column=expression`.
    #[arg(long = "backfill", value_name = "COLUMN=EXPRESSION")]
    backfills: Vec<String>,
    /// Prints the migration instead of writing it.
    #[arg(long)]
    dry_run: bool,
    /// The folder of migrations.
    #[arg(long, default_value = "migrations/sql")]
    folder: PathBuf,
    /// The declaration.
    #[arg(long, default_value = "migrations/schema.sql")]
    schema: PathBuf,
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
        Command::Generate(arguments) => generate_next(arguments).await,
        Command::Lint { folder } => lint_all(&folder),
        Command::Verify => prove().await,
        Command::Fixture { queries, to } => keep_queries(&queries, &to).await,
    }
}

async fn migrate() -> Result<()> {
    let pool = connect().await?;
    wait_for_recovery(&pool).await?;
    let migrated = job::run(&MIGRATOR, &pool).await?;
    let Migrated { from, to, partition_indexes } = migrated;
    if to > expected_version() {
        return say(&format!(
            "The schema is at version {to}, newer than the {} this version was made for: nothing to do.",
            expected_version()
        ));
    }
    match from {
        Some(from) if from == to => say(&format!("The schema is at version {to} already."))?,
        from => say(&format!("The schema went from version {} to {to}.", from.unwrap_or_default()))?,
    }
    if partition_indexes > 0 {
        say(&format!("Built {partition_indexes} indexes on partitions."))?;
    }
    Ok(())
}

/// A server that is taken back to a moment takes no writes before it is there.
async fn wait_for_recovery(pool: &PgPool) -> Result<()> {
    let mut said = false;
    while sqlx::query_scalar::<_, bool>("select pg_is_in_recovery()").fetch_one(pool).await? {
        if !std::mem::replace(&mut said, true) {
            say("The server replays its write-ahead log; waiting until it takes writes.")?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
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

async fn generate_next(arguments: Generate) -> Result<()> {
    scaffold::check_name(&arguments.name)?;
    let Generate { name, renames, allow_loss, backfills, dry_run, folder, schema } = arguments;
    let request = Request::parse(&name, &renames, &allow_loss, &backfills)?;
    let migrations = Script::read_all(&folder)?;
    let declared = fs::read_to_string(&schema).with_context(|| format!("reading {}", schema.display()))?;
    let url = database_url()?;
    let (options, password) = (options_of(&url)?, secrets::password_of(&url));
    let server = Server { options: &options, password: password.as_deref() };
    let mut written =
        generate::generate(server, &Sources { migrations: &migrations, declared: &declared }, &request)
            .await
            .with_context(|| format!("generating the migration {name}"))?;
    if written.is_empty() {
        return say("The migrations make the declared schema already: there is nothing to write.");
    }
    let findings = generate::settle(&migrations, &mut written);
    for script in &written {
        if dry_run {
            say(&format!("── {}\n{}", script.file, script.sql))?;
        } else {
            let path = folder.join(&script.file);
            fs::write(&path, &script.sql).with_context(|| format!("writing {}", path.display()))?;
            say(&format!("Wrote {}", path.display()))?;
        }
    }
    say("Replayed after the migrations, it leads to the declared schema: equal catalogs, equal pg_dump.")?;
    if !findings.is_empty() {
        say(&format!("The linter has something to say:\n{}", shown(&findings)))?;
    }
    Ok(())
}

/// Lints the files of the folder. The first migration runs on an empty database and is exempt.
fn lint_all(folder: &Path) -> Result<()> {
    let scripts = Script::read_all(folder)?;
    let files: Vec<_> =
        scripts.iter().map(|script| MigrationFile { name: &script.file, sql: &script.sql }).collect();
    let findings = lint(&files, 1);
    if findings.is_empty() {
        return say(&format!(
            "{} migrations, nothing that would lock, rewrite or break a live table.",
            files.len()
        ));
    }
    bail!(
        "{} findings. Mend the migration, or allow one with its reason on the line above it: `-- lint: allow RULE because \
         REASON`\n{}",
        findings.len(),
        shown(&findings)
    )
}

fn shown(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        format!(
            "{}:{}  {}  {}\n    {}",
            finding.file, finding.line, finding.rule, finding.what, finding.why_or_fix
        )
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn prove() -> Result<()> {
    let faults = verify::faults(&options_of(&database_url()?)?).await?;
    if faults.is_empty() {
        return say(&format!(
            "{} migrations replayed: they make the declared schema. The fixture of the last release upgrades, keeps its rows, \
             and every query of that release still holds.",
            MIGRATOR.iter().count()
        ));
    }
    bail!(
        "the migrations do not hold. Below, `-` is only in schema.sql and `+` only in what the migrations make: close such a \
         gap with `cargo xtask migrate generate NAME`. A query or value of the last release must hold for one more \
         release: add first, take away in the release after.\n{}",
        faults.join("\n")
    );
}

/// Keeps the queries of this version, for the next ones to be verified against.
async fn keep_queries(queries: &Path, to: &Path) -> Result<()> {
    let mut scratch = Scratch::open(&options_of(&database_url()?)?).await?;
    let described = verify::describe_all(&mut scratch, &squall_migrations::scripts(), queries).await;
    scratch.close().await?;
    let described = described?;
    let text = serde_json::to_string_pretty(&described)? + "\n";
    fs::write(to, text).with_context(|| format!("writing {}", to.display()))?;
    say(&format!("Kept {} queries in {}", described.len(), to.display()))
}

async fn connect() -> Result<PgPool> {
    let options = options_of(&database_url()?)?;
    let address = format!("{}:{}", options.get_host(), options.get_port());
    PgPool::connect_with(options).await.with_context(|| {
        format!("connecting to PostgreSQL at {address}. Check that it runs and that DATABASE_URL is right")
    })
}

/// The address with its password.
fn database_url() -> Result<String> {
    let found = secrets::database_url(&secrets::process_variable)
        .map_err(|problems| anyhow!("{}", problems.join("\n")))?;
    for warning in found.warnings {
        eprintln!("squall-migrate warns: {warning}");
    }
    Ok(found.value)
}

fn options_of(url: &str) -> Result<PgConnectOptions> {
    // What the parser says could repeat the password.
    PgConnectOptions::from_str(url)
        .map_err(|_| anyhow!("DATABASE_URL is not a PostgreSQL address of the form {DATABASE_URL_FORM}"))
}

fn say(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}
