//! A server for tests: fast, empty, and removed with its owner.

use super::{plan, running::Running};
use crate::{
    failure::Failure,
    files, ports,
    postgres::{Postgres, account::reachable_place, cluster, given_url},
    process::wait_until,
    stack::{
        service::Plan,
        state::{Phase, StateFolder},
    },
    world::World,
};
use anyhow::Result;
use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

/// Each test of the Rust workspace has a database and a pool of its own, and many run at once.
const CONNECTIONS: u16 = 300;

/// A server to test against. Dropping it stops it and deletes its data, unless it is the user's
/// own.
pub struct Scratch {
    pub url: String,
    /// Where pg_dump and the others are; the path if the server is the user's own.
    bin: Option<PathBuf>,
    _own: Option<Server>,
}

struct Server {
    running: Running,
    _lock: File,
}

impl Scratch {
    /// A server on which tests create databases of their own: the one that DATABASE_URL names, or
    /// an empty one.
    pub fn start(world: &World) -> Result<Self> {
        match given_url() {
            Some(url) => Ok(Self { url, bin: None, _own: None }),
            None => Self::start_empty(world),
        }
    }

    /// The variables by which programs find it.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let bin = self.bin.iter().map(|bin| ("SQUALL_PG_BIN", bin.clone().into_os_string()));
        bin.chain([("DATABASE_URL", self.url.clone().into())]).collect()
    }

    /// An empty server whatever DATABASE_URL is, for commands that write into the database itself.
    pub fn start_empty(world: &World) -> Result<Self> {
        let postgres = Postgres::provide(world)?;
        let wanted = world.build_folder().join("squall-scratch");
        let servers = reachable_place(&wanted, "/var/lib/squall", postgres.account.as_ref());
        remove_abandoned(&servers);
        let folder = StateFolder(servers.join(std::process::id().to_string()));
        let lock = files::lock(&folder.0.with_extension("lock"), || {})?;
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(folder.logs())?;
        let (service, url) = plan::server(world, &postgres, &folder.0, ports::any()?, CONNECTIONS, false)?;
        let mut server = Server { running: Running::new(service, folder), _lock: lock };
        let (running, plan) =
            (&mut server.running, Plan { settings: world.settings.stack, ..Plan::default() });
        wait_until(Duration::MAX, || {
            running.turn(true, &plan);
            matches!(running.status.phase, Phase::Healthy | Phase::Failed)
        });
        if running.status.phase == Phase::Failed {
            let wrong = files::last_lines(&running.log(), 20).join("\n");
            let next = "fix the cause shown in its log";
            return Err(Failure::new("starting a PostgreSQL for tests", wrong, next).into());
        }
        Ok(Self { url, bin: Some(postgres.bin), _own: Some(server) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.stop(Duration::from_secs(5));
        remove(&self.running.folder.0);
    }
}

fn remove(home: &Path) {
    let _ = fs::remove_dir_all(home);
    let _ = fs::remove_file(home.with_extension("lock"));
}

/// Delete what a killed xtask left, whose locks are free.
fn remove_abandoned(servers: &Path) {
    for entry in fs::read_dir(servers).into_iter().flatten().flatten() {
        let lock = entry.path();
        if lock.extension().is_some_and(|it| it == "lock")
            && let Ok(Some(_held)) = files::try_lock(&lock)
        {
            let home = lock.with_extension("");
            let _ = cluster::clear_stale_lock(&home.join("data"));
            remove(&home);
        }
    }
}
