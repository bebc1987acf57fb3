//! `queries`: check each SQL query of the code against the schema, and keep its description in .sqlx.
//!
//! sqlx's macros write one file per query when they expand with a database and `SQLX_OFFLINE_DIR`
//! set. They expand only when a crate is compiled, so the roots of the crates that use them are
//! touched first, and get their old times back afterwards.

use crate::{
    build::{self, Binaries},
    failure::Failure,
    files,
    stack::Scratch,
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
    /// Change nothing; fail if .sqlx differs from the code and the schema.
    #[arg(long)]
    pub check: bool,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let committed = world.root.join(".sqlx");
    let fresh = world.build_folder().join("squall-queries");
    describe(world, &fresh)?;
    let (old, new) = (descriptions(&committed)?, descriptions(&fresh)?);
    if old == new {
        println!("{} queries, all described in .sqlx", new.len());
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
    println!("wrote the description of {} queries to .sqlx", new.len());
    Ok(())
}

/// Lets a server with the migrated schema describe every query.
fn describe(world: &World, into: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(into);
    fs::create_dir_all(into)?;
    let server = Scratch::start_empty(world)?;
    migrate(world, &server.url)?;
    let touched = Touched::touch(world)?;
    let shell = world.shell()?;
    let cargo = cmd!(shell, "cargo check --locked --workspace --all-targets");
    let cargo =
        cargo.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", into).env("DATABASE_URL", &server.url);
    let checked =
        world.run(cargo, "fix the queries that the compiler names above, or the migration they need");
    drop(touched);
    checked
}

fn migrate(world: &World, url: &str) -> Result<()> {
    // This binary alone: it has no checked queries, while others may not compile before .sqlx is right.
    build::binaries(world, Binaries::One("squall-migrate"))?;
    let shell = world.shell()?;
    let migrate = world.binary(Profile::Debug, "squall-migrate")?;
    world.run(cmd!(shell, "{migrate} run").env("DATABASE_URL", url), "fix the migration named above")
}

/// Roots of crates that use sqlx, made newer than their builds; dropping restores the old times.
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

/// The descriptions in a folder, by file name; a missing folder has none.
fn descriptions(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut descriptions = BTreeMap::new();
    files::walk(folder, &[], &mut |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            descriptions.insert(name, fs::read_to_string(path)?);
        }
        Ok(())
    })?;
    Ok(descriptions)
}

/// One line per query, with the beginning of its text.
fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    let line = |what: &str, text: &str| {
        let query = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
        let words =
            query["query"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{what}: {}", words.chars().take(90).collect::<String>())
    };
    let missing =
        new.iter().filter(|(name, _)| !old.contains_key(*name)).map(|(_, text)| line("not in .sqlx", text));
    let unused =
        old.iter().filter(|(name, _)| !new.contains_key(*name)).map(|(_, text)| line("no longer used", text));
    let changed = new.iter().filter(|(name, text)| old.get(*name).is_some_and(|old| old != *text));
    let changed = changed.map(|(_, text)| line("described differently", text));
    missing.chain(unused).chain(changed).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_difference_is_named_with_its_query() {
        let descriptions = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, sql)| ((*name).to_owned(), format!("{{\"query\":\"{sql}\"}}"))).collect()
        };
        let old = descriptions(&[("query-a", "select 1"), ("query-b", "select\\n 2")]);
        let new = descriptions(&[("query-b", "select\\n 3"), ("query-c", "select 4")]);
        assert_eq!(
            differences(&old, &new),
            "not in .sqlx: select 4\nno longer used: select 1\ndescribed differently: select 3"
        );
    }
}
