//! `generated`: everything that is committed and made from something else.

pub mod queries;
pub mod openapi;
pub mod workflows;
mod run_through;

use crate::{failure::Failure, files::read_if_there, test, world::World};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::{fs, path::PathBuf};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Part to renew [default: all].
    part: Option<Part>,
    /// Change nothing, and fail if something would change.
    #[arg(long)]
    check: bool,
    /// Do what GitHub does with one job of the workflows, or all jobs of ci.yml, in fresh clones of
    /// HEAD. Takes minutes.
    #[arg(long, value_name = "JOB", num_args = 0..=1, default_missing_value = "", conflicts_with = "check")]
    run_through: Option<String>,
}

/// In the order in which one needs another: queries let the api compile, the api describes itself,
/// and the tests compare their snapshots and the tables of the docs.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Part {
    /// .sqlx: the SQL queries of the code, described by a migrated database.
    Queries,
    /// The API description, and the web app's types.
    Openapi,
    /// The GitHub workflows; --check also lints them.
    Workflows,
    /// The snapshots of tests, and the tables of the docs.
    Snapshots,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let check = arguments.check;
    if let Some(job) = &arguments.run_through {
        return run_through::run(world, Some(job.as_str()).filter(|job| !job.is_empty()));
    }
    for part in arguments.part.map_or(Part::value_variants().to_vec(), |part| vec![part]) {
        match part {
            Part::Queries if check => test::queries(world)?,
            Part::Queries => queries::run(world)?,
            Part::Openapi => openapi::run(world, check)?,
            Part::Workflows => workflows::run(world, check)?,
            Part::Snapshots => test::snapshots(world, check)?,
        }
    }
    Ok(())
}

/// Write the files that changed or, with `check`, fail if there are any. An empty text removes its
/// file.
fn renew(world: &World, files: &[(PathBuf, String)], check: bool) -> Result<()> {
    let mut differences = Vec::new();
    for (path, fresh) in files {
        let committed = read_if_there(path)?.unwrap_or_default();
        if committed == *fresh {
            continue;
        }
        if check {
            let same = committed.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
            let (path, line) = (path.strip_prefix(&world.root).unwrap_or(path), same + 1);
            differences.push(format!("{} differs from its sources, first in line {line}", path.display()));
        } else if fresh.is_empty() {
            fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
        } else {
            fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            fs::write(path, fresh).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let next = "run `cargo xtask generated`, and commit what it changes";
    Err(Failure::new("comparing generated files with their sources", differences.join("\n"), next).into())
}
