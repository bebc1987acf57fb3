//! `queries`: describes each SQL query of the code against the schema, and keeps the answers in .sqlx.
//!
//! sqlx's macros write a file a query when they expand with a database at hand and `SQLX_OFFLINE_DIR` set. They expand
//! only when a crate is compiled, so that the roots of the crates that use them are touched before, and get their times
//! back after.

use crate::{
    build::{self, Binaries},
    failure::Failure,
    files,
    postgres::scratch::Scratch,
    world::{Profile, World},
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Changes nothing, and fails if .sqlx is not what the code and the schema make.
    #[arg(long)]
    check: bool,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let committed = world.root.join(".sqlx");
    let fresh = world.build_folder().join("squall-queries");
    describe(world, &fresh)?;
    let (old, new) = (answers(&committed)?, answers(&fresh)?);
    if old == new {
        println!("{} queries, and .sqlx has the answer to each", new.len());
        return Ok(());
    }
    if arguments.check {
        return Err(Failure::new(
            "comparing .sqlx with the queries",
            differences(&old, &new),
            "run `cargo xtask queries`, and commit .sqlx",
        )
        .into());
    }
    fs::create_dir_all(&committed)?;
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(committed.join(name))?;
    }
    for (name, text) in &new {
        fs::write(committed.join(name), text)?;
    }
    println!("{} queries described in .sqlx", new.len());
    Ok(())
}

/// Has every query described by a server with the schema of the migrations.
fn describe(world: &World, into: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(into);
    fs::create_dir_all(into)?;
    let server = Scratch::start_empty(world)?;
    migrate(world, &server.url)?;
    let touched = Touched::touch(world)?;
    let shell = world.shell()?;
    let cargo = cmd!(shell, "cargo check --workspace --all-targets");
    let cargo =
        cargo.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", into).env("DATABASE_URL", &server.url);
    let checked =
        world.run(cargo, "mend the queries that the compiler names above, or the migration they need");
    drop(touched);
    checked
}

fn migrate(world: &World, url: &str) -> Result<()> {
    // This binary alone: it asks nothing at compile time, while the others may not compile before .sqlx is right.
    build::binaries(world, Binaries::One("squall-migrate"))?;
    let shell = world.shell()?;
    let migrate = world.binary(Profile::Debug, "squall-migrate")?;
    world.run(
        cmd!(shell, "{migrate} run").env("DATABASE_URL", url),
        "mend the migration that the message names",
    )
}

/// Roots of crates that use sqlx, made newer than what was compiled from them; dropping gives the old times back.
struct Touched(Vec<(PathBuf, SystemTime)>);

impl Touched {
    fn touch(world: &World) -> Result<Self> {
        let packages = world.metadata()?.packages.iter();
        let users = packages
            .filter(|package| package.dependencies.iter().any(|dependency| dependency.name == "sqlx"));
        let roots = users
            .flat_map(|package| package.targets.iter().map(|target| PathBuf::from(target.src_path.clone())));
        let mut touched = Self(Vec::new());
        for root in roots {
            let file = File::options()
                .append(true)
                .open(&root)
                .with_context(|| format!("opening {}", root.display()))?;
            touched.0.push((root, file.metadata()?.modified()?));
            file.set_modified(SystemTime::now())?;
        }
        Ok(touched)
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        for (root, modified) in &self.0 {
            let _ = File::options().append(true).open(root).and_then(|file| file.set_modified(*modified));
        }
    }
}

/// The files of one folder of answers; a folder that is not there has none.
fn answers(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut answers = BTreeMap::new();
    files::walk(folder, &[], &mut |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            answers.insert(name, fs::read_to_string(path)?);
        }
        Ok(())
    })?;
    Ok(answers)
}

/// One line a query, with the beginning of its text.
fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    let line = |what: &str, answer: &str| {
        let query = serde_json::from_str::<serde_json::Value>(answer).unwrap_or_default();
        let words =
            query["query"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{what}: {}", words.chars().take(90).collect::<String>())
    };
    let missing = new
        .iter()
        .filter(|(name, _)| !old.contains_key(*name))
        .map(|(_, answer)| line("not in .sqlx", answer));
    let unused = old
        .iter()
        .filter(|(name, _)| !new.contains_key(*name))
        .map(|(_, answer)| line("no longer used", answer));
    let changed = new.iter().filter(|(name, answer)| old.get(*name).is_some_and(|old| old != *answer));
    let changed = changed.map(|(_, answer)| line("another answer", answer));
    missing.chain(unused).chain(changed).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_is_named_with_its_query() {
        let answers = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, sql)| ((*name).to_owned(), format!("{{\"query\":\"{sql}\"}}"))).collect()
        };
        let old = answers(&[("query-a", "select 1"), ("query-b", "select\\n 2")]);
        let new = answers(&[("query-b", "select\\n 3"), ("query-c", "select 4")]);
        assert_eq!(
            differences(&old, &new),
            "not in .sqlx: select 4\nno longer used: select 1\nanother answer: select 3"
        );
    }
}
