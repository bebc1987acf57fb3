//! A server for tests: fast, empty, and gone when its owner is.

use super::{
    Postgres, Settings,
    cluster::{self, Cluster},
    given_url, probe, url,
};
use crate::{
    failure::Failure,
    files, ports,
    process::{self, ProcessId, SIGINT, wait_until},
    world::World,
};
use anyhow::{Context, Result};
use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

/// Each test of the Rust workspace has a database and a pool of its own, and many run at once.
const CONNECTIONS: u16 = 300;

/// A server to test against. Dropping it ends it and deletes its data, unless it is the user's own.
pub struct Scratch {
    pub url: String,
    /// Where pg_dump and its like are; the path when the server is the user's own.
    bin: Option<PathBuf>,
    /// Lives as long as we do.
    _own: Option<Server>,
}

struct Server {
    child: Child,
    home: PathBuf,
    _lock: File,
}

impl Scratch {
    /// A server on which tests make databases of their own: the one that DATABASE_URL names, or an empty one.
    pub fn start(world: &World) -> Result<Self> {
        match given_url() {
            Some(url) => Ok(Self { url, bin: None, _own: None }),
            None => Self::start_empty(world),
        }
    }

    /// What programs are told of it.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let bin = self.bin.iter().map(|bin| ("SQUALL_PG_BIN", bin.clone().into_os_string()));
        bin.chain([("DATABASE_URL", self.url.clone().into())]).collect()
    }

    /// An empty server whatever DATABASE_URL says, for who writes into the database itself.
    pub fn start_empty(world: &World) -> Result<Self> {
        let postgres = Postgres::provide(world, &|line| eprintln!("{line}"))?;
        let servers = cluster::place(&postgres, &world.build_folder().join("squall-scratch"));
        remove_abandoned(&servers);
        let home = servers.join(std::process::id().to_string());
        let lock = files::lock(&home.with_extension("lock"), || {})?;
        let _ = fs::remove_dir_all(&home);
        let Cluster { data, password } = cluster::create(&postgres, &home, false)?;
        let port = ports::any()?;
        let log = home.with_extension("log");
        let child = start(world, &postgres, &data, port, &log)?;
        let server = Server { child, home, _lock: lock };
        let id = server.child.id();
        let up = wait_until(Duration::from_secs(world.settings.stack.start_seconds), || {
            probe::is_ready(port) || ProcessId::of(id).is_none()
        });
        if !up || !probe::is_ready(port) {
            let wrong = files::last_lines(&log, 20).join("\n");
            return Err(Failure::new(
                "starting a PostgreSQL for tests",
                wrong,
                "mend what its log above names",
            )
            .into());
        }
        Ok(Self { url: url(&password, port), bin: Some(postgres.bin), _own: Some(server) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(id) = ProcessId::of(self.child.id()) {
            // Nobody will read this data again, so that there is no reason to wait for a checkpoint.
            id.stop(libc::SIGQUIT, Duration::from_secs(5));
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.home);
        let _ = fs::remove_file(self.home.with_extension("log"));
        let _ = fs::remove_file(self.home.with_extension("lock"));
    }
}

fn start(world: &World, postgres: &Postgres, data: &Path, port: u16, log: &Path) -> Result<Child> {
    let settings =
        Settings { tuned: world.settings.postgres.clone(), durable: false, connections: CONNECTIONS };
    let output = File::create(log).with_context(|| format!("writing {}", log.display()))?;
    let mut command = postgres.command("postgres");
    command.args(postgres.arguments(&settings, data, port)).stdin(Stdio::null());
    command.stdout(output.try_clone()?).stderr(output);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    process::die_with_parent(&mut command, SIGINT);
    command.spawn().context("starting PostgreSQL")
}

/// Deletes what a killed xtask left: nobody holds its lock any more.
fn remove_abandoned(servers: &Path) {
    for entry in fs::read_dir(servers).into_iter().flatten().flatten() {
        let lock = entry.path();
        let home = lock.with_extension("");
        if lock.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        if let Ok(Some(_held)) = files::try_lock(&lock) {
            let _ = cluster::clear_stale_lock(&home.join("data"));
            let _ = fs::remove_dir_all(&home);
            let _ = fs::remove_file(home.with_extension("log"));
            let _ = fs::remove_file(&lock);
        }
    }
}
