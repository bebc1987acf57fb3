//! `generated queries`: let the migrated database describe each SQL query of the code, and keep that in .sqlx.
//!
//! Tests compare .sqlx with the database and with the code, so `ci` need not compile the workspace a second time.
//!
//! sqlx's macros write one file per query when they expand with a database and `SQLX_OFFLINE_DIR`
//! set. They expand only when a crate is compiled, so the roots of the crates that use them are
//! touched first, and get their old times back afterwards.

use crate::{
    build::{self, Binaries},
    files,
    generated::renew,
    stack::Scratch,
    world::{Profile, World},
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};
use xshell::cmd;

pub fn run(world: &World) -> Result<()> {
    let committed = world.root.join(".sqlx");
    let fresh = world.build_folder().join("squall-queries");
    describe(world, &fresh)?;
    // What nothing uses any more becomes an empty text, which removes the file.
    let mut descriptions: BTreeMap<_, _> =
        read(&committed)?.into_keys().map(|name| (name, String::new())).collect();
    let used = read(&fresh)?;
    let count = used.len();
    descriptions.extend(used);
    let files: Vec<_> = descriptions.into_iter().map(|(name, text)| (committed.join(name), text)).collect();
    renew(world, &files, false)?;
    println!("{count} queries, all described in .sqlx");
    Ok(())
}

/// Lets a server with the migrated schema describe every query.
fn describe(world: &World, into: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(into);
    fs::create_dir_all(into)?;
    let server = Scratch::start_empty(world)?;
    // This binary alone: it has no checked queries, while others may not compile before .sqlx is right.
    build::binaries(world, Binaries::One("squall-migrate"))?;
    let (shell, migrate) = (world.shell()?, world.binary(Profile::Debug, "squall-migrate")?);
    let migrate = cmd!(shell, "{migrate} run").env("DATABASE_URL", &server.url);
    world.run(migrate, "fix the migration named above")?;
    let _touched = Touched::touch(world)?;
    let cargo = cmd!(shell, "cargo check --locked --workspace --all-targets");
    let cargo = cargo.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", into);
    let next = "fix the queries that the compiler names above, or the migration they need";
    world.run(cargo.env("DATABASE_URL", &server.url), next)
}

/// Roots of crates that use sqlx, made newer than their builds; dropping restores the old times.
struct Touched(Vec<(PathBuf, SystemTime)>);

impl Touched {
    fn touch(world: &World) -> Result<Self> {
        let packages = world.metadata()?.packages.iter();
        let users = packages.filter(|package| package.dependencies.iter().any(|it| it.name == "sqlx"));
        let mut touched = Self(Vec::new());
        for target in users.flat_map(|package| &package.targets) {
            let root = PathBuf::from(target.src_path.clone());
            let opened = File::options().append(true).open(&root);
            let file = opened.with_context(|| format!("opening {}", root.display()))?;
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
fn read(folder: &Path) -> Result<BTreeMap<OsString, String>> {
    let mut descriptions = BTreeMap::new();
    files::walk(folder, &[], &mut |path| {
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with("query-") {
            descriptions.insert(name.to_owned(), fs::read_to_string(path)?);
        }
        Ok(())
    })?;
    Ok(descriptions)
}
