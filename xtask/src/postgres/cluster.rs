//! A server's data folder: a copy of a template that `initdb` created once, with a password of its
//! own.

use super::{NAME, Postgres, account::make_folder};
use crate::{
    files::{self, fingerprint},
    process::{ProcessId, SIGINT},
    tools::is_at_least,
    world::capture,
};
use anyhow::{Context, Result, ensure};
use squall_base::random;
use std::{
    fmt::Display,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The longest path of a socket on macOS; Linux allows four bytes more.
const LONGEST_SOCKET_PATH: usize = 103;
const NEXT: &str = "check the free space of the disk, then run the command again";

/// Create `<home>/data` and the password beside it, unless they exist, and return both.
pub fn create(postgres: &Postgres, home: &Path, durable: bool) -> Result<(PathBuf, String)> {
    let (data, secret) = (home.join("data"), home.join("password"));
    if data.exists() {
        let password = fs::read_to_string(&secret);
        return Ok((data, password.with_context(|| format!("reading {}", secret.display()))?));
    }
    let template = template(postgres)?;
    let aside = home.join("data.new");
    let _ = fs::remove_dir_all(&aside);
    make_folder(home, postgres.account.as_ref())?;
    let mut copy = Command::new("cp");
    copy.arg("-R").arg(&template).arg(&aside).current_dir("/");
    postgres.run_as_owner(&mut copy);
    capture(copy, NEXT)?;
    let password = random::token();
    files::replace(&secret, &password)?;
    set_password(postgres, &aside, &password)?;
    if durable {
        // The template was created without waiting for the disk; data that people keep is synced.
        let mut sync = postgres.command("initdb");
        sync.args(["--sync-only", "-D"]).arg(&aside);
        capture(sync, NEXT)?;
    }
    fs::rename(&aside, &data).with_context(|| format!("moving {} into place", data.display()))?;
    Ok((data, password))
}

/// Stop a server that outlived its supervisor, and remove the lock files without a server: of its
/// data, and of its socket.
///
/// PostgreSQL refuses to start if the id in one belongs to any process of the same user.
pub fn clear_stale_lock(data: &Path) -> Result<()> {
    let lock = data.join("postmaster.pid");
    let Some(text) = files::read_if_there(&lock)? else { return Ok(()) };
    let server = text.lines().next().and_then(|pid| pid.trim().parse().ok()).filter(|pid| serves(*pid, data));
    if let Some(server) = server.and_then(ProcessId::of) {
        server.stop(SIGINT, Duration::from_secs(20));
    }
    // The fourth line is the port.
    if let Some(port) = text.lines().nth(3) {
        let _ = fs::remove_file(data.with_file_name(format!("{}.lock", socket_name(port.trim()))));
    }
    let _ = fs::remove_file(&lock);
    Ok(())
}

/// The folder of the server's socket: beside its data, or none if the path would be too long.
pub fn socket_folder(data: &Path, port: u16) -> String {
    let folder = data.parent().unwrap_or(data);
    let socket = folder.join(socket_name(port));
    if socket.as_os_str().len() <= LONGEST_SOCKET_PATH { folder.display().to_string() } else { String::new() }
}

fn socket_name(port: impl Display) -> String {
    format!(".s.PGSQL.{port}")
}

/// The working directory of a server is its data folder.
fn serves(pid: u32, data: &Path) -> bool {
    if cfg!(target_os = "linux") {
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data);
    }
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*data.to_string_lossy()))
}

/// The template of this version, created by the first process that needs it.
fn template(postgres: &Postgres) -> Result<PathBuf> {
    let (bin, version, account) = (&postgres.bin, &postgres.version, &postgres.account);
    let name = format!("template-{}", &fingerprint(&format!("{bin:?} {version} {account:?} 2"))[..12]);
    let home = postgres.cache.join(name);
    files::create_once(
        &home,
        || {},
        |aside| {
            make_folder(aside, account.as_ref())?;
            // initdb requires a password; each copy gets another one, so this one is not kept.
            let password = aside.join("password");
            files::replace(&password, &random::token())?;
            account.as_ref().map_or(Ok(()), |account| account.give(&password))?;
            let mut initdb = postgres.command("initdb");
            initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"]);
            initdb.args(["--username", NAME, "--pwfile"]).arg(&password).arg("-D").arg(aside.join("data"));
            if is_at_least(version, "17") {
                initdb.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
            }
            capture(initdb, NEXT)?;
            Ok(fs::remove_file(&password)?)
        },
    )?;
    Ok(home.join("data"))
}

/// Set the password and create the database with a server of one process that listens nowhere.
fn set_password(postgres: &Postgres, data: &Path, password: &str) -> Result<()> {
    let mut single = postgres.command("postgres");
    // Repeated hashing protects passwords that can be guessed, not 256 random bits. With the default of 4096 rounds,
    // each new connection takes 5 ms at both ends, and 30 ms in a debug build.
    single.args(["--single", "-c", "fsync=off", "-c", "scram_iterations=1", "-D"]).arg(data).arg("postgres");
    single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = single.spawn().context("starting PostgreSQL in single-user mode")?;
    let sql = format!("ALTER ROLE {NAME} PASSWORD '{password}'\nCREATE DATABASE {NAME}\n");
    child.stdin.take().context("its input is a pipe")?.write_all(sql.as_bytes())?;
    let output = child.wait_with_output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let has_failed = !output.status.success() || log.contains("ERROR") || log.contains("FATAL");
    ensure!(!has_failed, "preparing the private PostgreSQL in {}: {log}", data.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_beside_the_data_unless_its_path_is_too_long() {
        let deep = Path::new("/").join("a".repeat(100)).join("data");
        assert_eq!(socket_folder(Path::new("/squall/postgres/data"), 8643), "/squall/postgres");
        assert_eq!(socket_folder(&deep, 8643), "");
    }

    #[test]
    fn lock_files_that_name_another_process_are_removed_and_the_process_lives() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir(&data).unwrap();
        let locks = [data.join("postmaster.pid"), home.path().join(".s.PGSQL.8643.lock")];
        for lock in &locks {
            fs::write(lock, format!("{}\n{}\n1\n8643\n", std::process::id(), data.display())).unwrap();
        }
        clear_stale_lock(&data).unwrap();
        assert!(locks.iter().all(|lock| !lock.exists()));
    }
}
