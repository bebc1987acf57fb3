//! The output of `pg_dump --schema-only` as a set of statements: a second opinion besides the catalogs.

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnectOptions;
use squall_base::postgres;
use std::collections::BTreeMap;

/// The statements of a dump, each with its number of occurrences.
pub type Dump = BTreeMap<String, usize>;

/// Dumps the schema. The order of columns and of statements is left out of the comparison on purpose.
///
/// # Errors
/// When `pg_dump` is missing or fails.
pub async fn schema(database: &PgConnectOptions, password: Option<&str>) -> Result<Dump> {
    let program = postgres::program(postgres::programs_folder().as_deref(), "pg_dump");
    let mut command = tokio::process::Command::new(&program);
    command.args(["--schema-only", "--no-owner", "--no-password", "--exclude-table=_sqlx_migrations"]);
    command.env("PGHOST", database.get_host()).env("PGPORT", database.get_port().to_string());
    command
        .env("PGUSER", database.get_username())
        .env("PGDATABASE", database.get_database().unwrap_or_default());
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    let output = command.output().await.with_context(|| {
        format!("running {}. Set SQUALL_PG_BIN to the folder of PostgreSQL's programs, or put pg_dump on the path", program.display())
    })?;
    if !output.status.success() {
        bail!("pg_dump failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(statements(&String::from_utf8_lossy(&output.stdout)))
}

/// The statements in one dump only: `- ` for the declared side, `+ ` for the migrated one.
pub fn differences(declared: &Dump, migrated: &Dump) -> Vec<String> {
    let surplus = |sign: char, one: &Dump, other: &Dump| -> Vec<String> {
        let more =
            one.iter().filter(|(statement, count)| other.get(*statement).copied().unwrap_or(0) < **count);
        more.map(|(statement, _)| format!("{sign} pg_dump: {statement}")).collect()
    };
    let mut lines = surplus('-', declared, migrated);
    lines.extend(surplus('+', migrated, declared));
    lines
}

fn statements(dump: &str) -> Dump {
    let mut found = Dump::new();
    let ignored = |line: &&str| line.starts_with("--") || line.starts_with("\\") || line.trim().is_empty();
    let mut statement: Vec<&str> = Vec::new();
    for line in dump.lines().filter(|line| !ignored(line)) {
        statement.push(line);
        // Function bodies contain semicolons too. Splitting there is harmless: both sides are split alike.
        if line.ends_with(';') {
            *found.entry(sorted(&statement)).or_default() += 1;
            statement.clear();
        }
    }
    found
}

/// `CREATE TABLE` and `CREATE TYPE` with the lines between their brackets sorted.
fn sorted(statement: &[&str]) -> String {
    let is_list = statement.first().is_some_and(|first| {
        (first.starts_with("CREATE") && first.contains(" TABLE ")
            || first.starts_with("CREATE TYPE") && !first.contains(" ENUM "))
            && first.ends_with('(')
    });
    if !is_list {
        return statement.join("\n");
    }
    let mut inside: Vec<&str> =
        statement[1..statement.len() - 1].iter().map(|line| line.trim_end_matches(',')).collect();
    inside.sort_unstable();
    format!("{}\n{}\n{}", statement[0], inside.join("\n"), statement[statement.len() - 1])
}
