//! A server's data folder: a copy of a template that `initdb` made once, with a password of its own.

use super::{
    NAME, Postgres,
    account::{make_folder, reachable_place},
    install,
};
use crate::{
    failure::Failure,
    files::{self, fingerprint},
    process::{ProcessId, SIGINT},
};
use anyhow::{Context, Result};
use squall_base::random;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Linux refuses a longer path for a socket.
const LONGEST_SOCKET_PATH: usize = 107;

/// The place for a server's files that its user can reach; `wanted` unless we are root and that is in the way.
pub fn place(postgres: &Postgres, wanted: &Path) -> PathBuf {
    reachable_place(wanted, "/var/lib/squall", postgres.account.as_ref())
}

/// A data folder, and the password that opens its server to whoever has it.
pub struct Cluster {
    pub data: PathBuf,
    pub password: String,
}

/// Makes `<home>/data` and, beside it, the password, unless they are there.
pub fn create(postgres: &Postgres, home: &Path, durable: bool) -> Result<Cluster> {
    let (data, secret) = (home.join("data"), home.join("password"));
    if data.exists() {
        let password =
            fs::read_to_string(&secret).with_context(|| format!("reading {}", secret.display()))?;
        return Ok(Cluster { data, password });
    }
    let template = template(postgres)?;
    let aside = home.join("data.new");
    let _ = fs::remove_dir_all(&aside);
    fs::create_dir_all(home)?;
    make_folder(home, postgres.account.as_ref())?;
    let mut copy = Command::new("cp");
    copy.arg("-R").arg(&template).arg(&aside).current_dir("/");
    if let Some(account) = &postgres.account {
        account.run(&mut copy);
    }
    finish(&mut copy, "check the free space there, then run the command again")?;
    let password = random::token();
    files::replace(&secret, &password)?;
    set_password(postgres, &aside, &password)?;
    if durable {
        // The template was made without waiting for the disk; a database that people keep is not.
        let mut sync = postgres.command("initdb");
        sync.args(["--sync-only", "-D"]).arg(&aside);
        finish(&mut sync, "check the disk, then run the command again")?;
    }
    fs::rename(&aside, &data).with_context(|| format!("moving {} into place", data.display()))?;
    Ok(Cluster { data, password })
}

/// Ends a server that outlived its supervisor, and takes away a lock file that nothing stands behind.
///
/// PostgreSQL itself refuses to start when the id in the file belongs to any process of the same user.
pub fn clear_stale_lock(data: &Path) -> Result<()> {
    let lock = data.join("postmaster.pid");
    let Some(text) = files::read_if_there(&lock)? else { return Ok(()) };
    let server = text.lines().next().and_then(|pid| pid.trim().parse().ok()).filter(|pid| serves(*pid, data));
    if let Some(server) = server.and_then(ProcessId::of) {
        server.stop(SIGINT, Duration::from_secs(20));
    }
    let _ = fs::remove_file(&lock);
    Ok(())
}

/// Where the server's socket goes: beside its data, or nowhere when the path would be too long.
pub fn socket_folder(data: &Path, port: u16) -> String {
    let folder = data.parent().unwrap_or(data);
    let socket = folder.join(format!(".s.PGSQL.{port}"));
    match socket.as_os_str().len() <= LONGEST_SOCKET_PATH {
        true => folder.display().to_string(),
        false => String::new(),
    }
}

/// A server stands in its data folder all its life.
fn serves(pid: u32, data: &Path) -> bool {
    if cfg!(target_os = "linux") {
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data);
    }
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&*data.to_string_lossy()))
}

/// The template of this version, made by the first who needs it.
fn template(postgres: &Postgres) -> Result<PathBuf> {
    let (bin, version, account) = (&postgres.bin, &postgres.version, &postgres.account);
    let name = format!("template-{}", &fingerprint(&format!("{bin:?} {version} {account:?} 1"))[..12]);
    // Under root the cache folder may be one that only root can enter.
    let cache = reachable_place(&postgres.cache, "/var/cache/squall", postgres.account.as_ref());
    let home = cache.join(name);
    if home.join("data").exists() {
        return Ok(home.join("data"));
    }
    let _lock = files::lock(&install::cache_folder(postgres.account.as_ref()).join("template.lock"), || {})?;
    if home.join("data").exists() {
        return Ok(home.join("data"));
    }
    let _ = fs::remove_dir_all(&home);
    make_folder(&home, postgres.account.as_ref())?;
    // initdb insists on a password; each copy gets another one, so that nobody needs to know this one.
    let password = home.join("password");
    files::replace(&password, &random::token())?;
    if let Some(account) = &postgres.account {
        account.give(&password)?;
    }
    let mut initdb = postgres.command("initdb");
    initdb.args(["--no-sync", "-E", "UTF8", "-U", NAME, "--auth=scram-sha-256", "--pwfile"]).arg(&password);
    match postgres.major() >= 17 {
        true => initdb.args(["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]),
        false => initdb.arg("--locale=C"),
    };
    initdb.arg("-D").arg(home.join("new"));
    finish(&mut initdb, "check the free space there, then run the command again")?;
    fs::remove_file(&password)?;
    fs::rename(home.join("new"), home.join("data")).context("moving the template into place")?;
    Ok(home.join("data"))
}

/// Sets the password and makes the database with a server of one process that listens nowhere.
fn set_password(postgres: &Postgres, data: &Path, password: &str) -> Result<()> {
    let mut single = postgres.command("postgres");
    single.args(["--single", "-c", "fsync=off", "-D"]).arg(data).arg("postgres");
    single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = single.spawn().context("starting PostgreSQL in single-user mode")?;
    let sql = format!("ALTER ROLE {NAME} PASSWORD '{password}'\nCREATE DATABASE {NAME}\n");
    child.stdin.take().context("its input is a pipe")?.write_all(sql.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && !said.contains("ERROR") && !said.contains("FATAL") {
        return Ok(());
    }
    Err(Failure::new(
        "preparing the private PostgreSQL",
        said,
        "remove its data with `cargo xtask down --delete-data`",
    )
    .into())
}

fn finish(command: &mut Command, next: &str) -> Result<()> {
    let output = command.output().with_context(|| format!("starting {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let wrong = format!("it ended with {}:\n{said}", output.status);
    Err(Failure::new(crate::world::show(command), wrong, next).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_stands_beside_the_data_unless_its_path_is_too_long() {
        assert_eq!(
            socket_folder(Path::new("/repo/target/squall/postgres/data"), 8643),
            "/repo/target/squall/postgres"
        );
        let deep = PathBuf::from("/").join("a".repeat(100)).join("data");
        assert_eq!(socket_folder(&deep, 8643), "");
    }

    #[test]
    fn a_lock_file_that_names_another_process_is_taken_away_and_the_process_lives() {
        let folder = std::env::temp_dir().join(format!("squall-stale-lock-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let lock = folder.join("postmaster.pid");
        fs::write(&lock, format!("{}\n{}\n", std::process::id(), folder.display())).unwrap();
        clear_stale_lock(&folder).unwrap();
        assert!(!lock.exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
