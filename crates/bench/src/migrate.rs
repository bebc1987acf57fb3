//! Time from an edit of the schema to a verified migration.

use crate::report::{Goal, Report};
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

/// Measure the generation of a migration. DATABASE_URL names an empty server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Schema to change.
    #[arg(long, default_value = "migrations/schema.sql")]
    schema: PathBuf,
    /// Rounds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
}

/// An ordinary change: a new table, a column and an index.
const EDIT: &str = "
create table notes (id bigint generated always as identity primary key, issue_id bigint references issues, body text not null);
alter table users add column nickname text;
create index issues_level on issues (level);
";

pub(crate) fn run(args: &Args) -> Result<()> {
    let schema =
        fs::read_to_string(&args.schema).with_context(|| format!("reading {}", args.schema.display()))?;
    let changed = env::temp_dir().join(format!("squall-bench-schema-{}.sql", std::process::id()));
    fs::write(&changed, schema + EDIT).with_context(|| format!("writing {}", changed.display()))?;
    let program = env::current_exe().context("finding squall-schema")?.with_file_name("squall-schema");
    let round = |_| {
        let mut generate = Command::new(&program);
        generate.args(["generate", "bench", "--dry-run", "--schema"]).arg(&changed).stdin(Stdio::null());
        let began = Instant::now();
        let output = generate.output().with_context(|| format!("starting {}", program.display()))?;
        let printed = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "squall-schema generate failed: {}", printed.trim());
        Ok(began.elapsed().as_secs_f64())
    };
    let rounds = (0..args.rounds).map(round).collect::<Result<Vec<_>>>();
    let _ = fs::remove_file(&changed);
    let mut report = Report::default();
    let goal = Goal::AtMost { asked: None, goal: 1.0 };
    report.row("migrate.generate", "from an edit to a verified migration", "s", &rounds?, Some(goal));
    report.write_table()
}
