//! `squall-schema`: write the next migration, and check the migrations.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use squall_migrations::{MIGRATOR, database};
use squall_schema::{
    generate::{self, Request, Server, Sources},
    lint::{Finding, MigrationFile, lint},
    scaffold,
    scratch::Scratch,
    script::Script,
    verify,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Write and check migrations.
#[derive(Parser)]
#[command(
    name = "squall-schema",
    version,
    after_help = "Example:\n  DATABASE_URL=postgres://… squall-schema generate add_issue_owner"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the next migration from the difference between the migrations and schema.sql.
    #[command(
        after_help = "Examples:\n  squall-schema generate add_issue_owner\n  squall-schema generate tidy --rename users.name=full_name --allow-loss users.nickname"
    )]
    Generate(Generate),
    /// Create an empty migration, to write by hand.
    #[command(after_help = "Example:\n  squall-schema new backfill_issue_owner")]
    New {
        /// Name in snake case, such as `add_issue_owner`.
        name: String,
        /// Folder of migrations.
        #[arg(long, default_value = "migrations/sql")]
        folder: PathBuf,
    },
    /// Find statements that would lock, rewrite or break a table in use.
    #[command(after_help = "Example:\n  squall-schema lint --folder migrations/sql")]
    Lint {
        /// Folder of migrations.
        #[arg(long, default_value = "migrations/sql")]
        folder: PathBuf,
    },
    /// Prove on scratch databases that the migrations lead to schema.sql and that the last release can be upgraded.
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://… squall-schema verify")]
    Verify,
    /// Record the queries of this version as those of the last release. Part of every release.
    #[command(after_help = "Example:\n  DATABASE_URL=postgres://… squall-schema fixture")]
    Fixture {
        /// Folder of sqlx's query files.
        #[arg(long, default_value = ".sqlx")]
        queries: PathBuf,
        /// Output file, which `verify` reads.
        #[arg(long, default_value = "migrations/fixtures/queries.json")]
        to: PathBuf,
    },
}

#[derive(clap::Args)]
struct Generate {
    /// Name in snake case, such as `add_issue_owner`.
    name: String,
    /// Treat a drop and an add as a rename: a table, a type, `table.column` or `type.value`. Repeatable.
    #[arg(long = "rename", value_name = "OLD=NEW")]
    renames: Vec<String>,
    /// Allow dropping data: a table, `table.column`, `type.attribute` or sequence. Repeatable.
    #[arg(long = "allow-loss", value_name = "NAME")]
    allow_loss: Vec<String>,
    /// Fill existing rows of a new not-null column: `table.column=expression`. Repeatable.
    #[arg(long = "backfill", value_name = "COLUMN=EXPRESSION")]
    backfills: Vec<String>,
    /// Print the migration instead of writing it.
    #[arg(long)]
    dry_run: bool,
    /// Folder of migrations.
    #[arg(long, default_value = "migrations/sql")]
    folder: PathBuf,
    /// Declared schema.
    #[arg(long, default_value = "migrations/schema.sql")]
    schema: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("squall-schema failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Generate(arguments) => generate_next(arguments).await,
        Command::New { name, folder } => print(&scaffold::new(&folder, &name)?),
        Command::Lint { folder } => lint_all(&folder),
        Command::Verify => verify_embedded().await,
        Command::Fixture { queries, to } => record_queries(&queries, &to).await,
    }
}

async fn generate_next(arguments: Generate) -> Result<()> {
    scaffold::check_name(&arguments.name)?;
    let Generate { name, renames, allow_loss, backfills, dry_run, folder, schema } = arguments;
    let request = Request::parse(&name, &renames, &allow_loss, &backfills)?;
    let migrations = Script::read_all(&folder)?;
    let declared = fs::read_to_string(&schema).with_context(|| format!("reading {}", schema.display()))?;
    let url = database::url()?;
    let (options, password) = (database::options(&url)?, squall_base::secrets::password_of(&url));
    let server = Server { options: &options, password: password.as_deref() };
    let mut written =
        generate::generate(server, &Sources { migrations: &migrations, declared: &declared }, &request)
            .await
            .with_context(|| format!("generating the migration {name}"))?;
    if written.is_empty() {
        return print("The migrations already lead to schema.sql: nothing to write.");
    }
    let findings = generate::add_exceptions(&migrations, &mut written);
    for script in &written {
        if dry_run {
            print(&format!("── {}\n{}", script.file, script.sql))?;
        } else {
            let path = folder.join(&script.file);
            fs::write(&path, &script.sql).with_context(|| format!("writing {}", path.display()))?;
            print(&format!("Wrote {}", path.display()))?;
        }
    }
    print("Verified: replaying the migrations gives the declared schema (equal catalogs, equal pg_dump).")?;
    if !findings.is_empty() {
        print(&format!("Review these lint findings:\n{}", report(&findings)))?;
    }
    Ok(())
}

/// The first migration is exempt: it runs on an empty database.
fn lint_all(folder: &Path) -> Result<()> {
    let scripts = Script::read_all(folder)?;
    let files: Vec<_> =
        scripts.iter().map(|script| MigrationFile { name: &script.file, sql: &script.sql }).collect();
    let findings = lint(&files, 1);
    if findings.is_empty() {
        return print(&format!("{} migrations, no findings.", files.len()));
    }
    bail!(
        "{} findings. Change the migration, or allow one on the line above it: `-- lint: allow RULE because REASON`\n{}",
        findings.len(),
        report(&findings)
    )
}

fn report(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let Finding { file, line, rule, message, help } = finding;
        format!("{file}:{line}  {rule}  {message}\n    {help}")
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn verify_embedded() -> Result<()> {
    let problems = verify::verify(&database::options(&database::url()?)?, &Script::embedded()).await?;
    if problems.is_empty() {
        return print(&format!(
            "Verified {} migrations: they lead to schema.sql, the last release's data survives the upgrade, and all of \
             its queries still work.",
            MIGRATOR.iter().count()
        ));
    }
    bail!(
        "the migrations are not valid. Lines with `-` are only in schema.sql, lines with `+` only in what the migrations \
         make: close such a gap with `cargo xtask migrate generate NAME`. Queries and data of the last release must work \
         for one more release: add first, remove in the release after.\n{}",
        problems.join("\n")
    );
}

async fn record_queries(queries: &Path, to: &Path) -> Result<()> {
    let mut scratch = Scratch::open(&database::options(&database::url()?)?).await?;
    let described = verify::describe_all(&mut scratch, &Script::embedded(), queries).await;
    scratch.close().await?;
    let described = described?;
    let text = serde_json::to_string_pretty(&described)? + "\n";
    fs::write(to, text).with_context(|| format!("writing {}", to.display()))?;
    print(&format!("Recorded {} queries in {}", described.len(), to.display()))
}

fn print(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}
