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
use nix::{sys::statvfs::statvfs, unistd::geteuid};
use std::{
    ffi::OsString,
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// Each test of the Rust workspace has a database and a pool of its own, and many run at once.
const CONNECTIONS: u16 = 300;

/// Where Linux keeps files in memory. A database has 300 files: to create and drop it takes 25 ms there, and 80 to
/// 250 ms on ext4, which searches long for an inode when many were freed just before.
const MEMORY: &str = "/dev/shm";
/// What must be free there: the databases of parallel tests and the write-ahead log take a quarter of it.
const MEMORY_NEEDED: u64 = 2 << 30;
const SMALL_WAL: [&str; 4] = ["-c", "min_wal_size=80MB", "-c", "max_wal_size=256MB"];

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
        match memory() {
            Some(servers) => Self::start_in(world, postgres, &servers, &SMALL_WAL),
            None => Self::start_on_disk(world),
        }
    }

    /// The same for benchmarks, which measure the disk too.
    pub fn start_on_disk(world: &World) -> Result<Self> {
        let postgres = Postgres::provide(world)?;
        let wanted = world.build_folder().join("squall-scratch");
        let servers = reachable_place(&wanted, "/var/lib/squall", postgres.account.as_ref());
        Self::start_in(world, postgres, &servers, &[])
    }

    fn start_in(world: &World, postgres: Postgres, servers: &Path, options: &[&str]) -> Result<Self> {
        remove_abandoned(servers);
        let folder = StateFolder(servers.join(std::process::id().to_string()));
        let lock = files::lock(&folder.0.with_extension("lock"), || {})?;
        let _ = fs::remove_dir_all(&folder.0);
        fs::create_dir_all(folder.logs())?;
        let (mut service, url) =
            plan::server(world, &postgres, &folder.0, ports::any()?, CONNECTIONS, false)?;
        service.arguments.extend(options.iter().map(|option| (*option).to_owned()));
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

/// A folder in memory of this user's servers, if there is room.
fn memory() -> Option<PathBuf> {
    let folder = own_folder(Path::new(MEMORY))?;
    // What a killed server left takes room.
    remove_abandoned(&folder);
    let file_system = statvfs(MEMORY).ok()?;
    #[allow(clippy::useless_conversion, reason = "macOS counts blocks in 32 bits")]
    let room = u64::from(file_system.blocks_available()) * u64::from(file_system.fragment_size());
    let is_enough = room.min(available_memory()?) >= MEMORY_NEEDED;
    is_enough.then_some(folder)
}

/// What programs can use without swapping, in bytes.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// This user's folder in `shared`, unless another user has put something in its place.
fn own_folder(shared: &Path) -> Option<PathBuf> {
    let user = geteuid().as_raw();
    let folder = shared.join(format!("squall-{user}"));
    let _ = fs::create_dir(&folder);
    let found = fs::symlink_metadata(&folder).ok()?;
    if !found.is_dir() || found.uid() != user {
        return None;
    }
    // Root's servers run as another user, who must be able to enter.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).ok()?;
    Some(folder)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_memory_is_used_unless_it_is_a_link_that_somebody_has_put_there() {
        let shared = tempfile::tempdir().unwrap();
        let folder = own_folder(shared.path()).unwrap();
        assert_eq!(own_folder(shared.path()).as_ref(), Some(&folder));
        fs::remove_dir(&folder).unwrap();
        std::os::unix::fs::symlink("/", &folder).unwrap();
        assert_eq!(own_folder(shared.path()), None);
    }
}
