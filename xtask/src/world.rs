//! What every command starts from: the repository, its settings, and how its tools are called.

use crate::{
    failure::{Exit, Failure, OrFail},
    process::{SIGTERM, die_with_parent},
};
use anyhow::{Context, Result, anyhow};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{IsTerminal, stderr},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};
use xshell::Shell;

pub struct World {
    pub root: PathBuf,
    pub settings: Settings,
    metadata: OnceLock<Metadata>,
}

/// xtask.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub ports: Ports,
    pub stack: StackSettings,
    pub demo: Demo,
    pub backup: Backup,
    pub docker: Docker,
    /// Settings of the private PostgreSQL, as its configuration names them.
    pub postgres: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    pub api: u16,
    pub postgres: u16,
    pub worker: u16,
    pub vite: u16,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackSettings {
    pub start_seconds: u64,
    pub stop_seconds: u64,
    pub restarts: u32,
    pub log_megabytes: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demo {
    pub project: String,
    pub source: String,
    pub admin: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    pub to: String,
}

/// The rules of `docker validate`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docker {
    /// What a build may send to the engine.
    pub context_kilobytes: u64,
    /// The services that may publish ports.
    pub edges: Vec<String>,
    /// Profiles that no production has.
    pub development_profiles: Vec<String>,
}

/// A profile of the workspace's Cargo.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Debug,
    Up,
    Release,
}

impl Profile {
    pub fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Up => "up",
            Self::Release => "release",
        }
    }
}

impl World {
    /// `root` is the folder above xtask, as cargo names it when it runs us.
    pub fn new(root: PathBuf) -> Result<Self> {
        let settings = read_toml(&root.join("xtask/xtask.toml"))?;
        Ok(Self { root, settings, metadata: OnceLock::new() })
    }

    /// The same repository at another commit, whose packages are asked for.
    pub fn at(&self, root: PathBuf) -> Self {
        Self { root, settings: self.settings.clone(), metadata: OnceLock::new() }
    }

    pub fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// Where `cmd!` runs tools of the Rust workspace.
    pub fn shell(&self) -> Result<Shell> {
        shell_in(&self.root)
    }

    /// Where `cmd!` runs npm.
    pub fn web_shell(&self) -> Result<Shell> {
        shell_in(&self.web())
    }

    /// The packages of the workspace and what each depends on, without packages from elsewhere:
    /// 0.02 s instead of 0.4.
    pub fn metadata(&self) -> Result<&Metadata> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        let metadata = MetadataCommand::new().current_dir(&self.root).no_deps().exec().or_fail(
            "cargo metadata --no-deps",
            "fix the Cargo.toml named above; `cargo xtask doctor` shows whether cargo itself is missing",
        )?;
        Ok(self.metadata.get_or_init(|| metadata))
    }

    /// The named packages, and all packages of the workspace that they are built from.
    pub fn packages(&self, names: &[&str]) -> Result<Vec<&Package>> {
        let all = &self.metadata()?.packages;
        let mut found: Vec<&Package> = Vec::new();
        let mut left: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        while let Some(name) = left.pop() {
            let is_new = !found.iter().any(|package| *package.name == name);
            if let Some(package) = all.iter().find(|package| is_new && *package.name == name) {
                let built = package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
                left.extend(built.filter(|it| it.path.is_some()).map(|dependency| dependency.name.clone()));
                found.push(package);
            }
        }
        Ok(found)
    }

    /// Where cargo puts the binaries of the workspace.
    pub fn target(&self) -> Result<PathBuf> {
        Ok(self.metadata()?.target_directory.clone().into())
    }

    pub fn binary(&self, profile: Profile, name: &str) -> Result<PathBuf> {
        Ok(self.target()?.join(profile.folder()).join(name))
    }

    /// Where xtask keeps its files; never cargo's own folder, which may be shared between clones.
    pub fn build_folder(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Run a command with its output on the terminal. `next` tells the user what to do if it fails.
    pub fn run(&self, command: impl Into<Command>, next: &str) -> Result<()> {
        let mut command = ends_with_xtask(command.into());
        let ended = command.status().map_err(|error| not_started(&command, &error))?;
        let wrong = || format!("it exited with {ended}; its output is above");
        if ended.success() { Ok(()) } else { Err(Failure::new(show(&command), wrong(), next).into()) }
    }

    /// Run a command quietly and return what it printed.
    pub fn capture(&self, command: impl Into<Command>, next: &str) -> Result<String> {
        capture(command, next)
    }
}

fn shell_in(folder: &Path) -> Result<Shell> {
    let shell = Shell::new()?;
    shell.change_dir(folder);
    Ok(shell)
}

/// Run a command quietly and return what it printed.
pub fn capture(command: impl Into<Command>, next: &str) -> Result<String> {
    let mut command = ends_with_xtask(command.into());
    let output = command.output().map_err(|error| not_started(&command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let printed = [output.stdout, output.stderr].concat();
    let wrong = format!("it exited with {}:\n{}", output.status, String::from_utf8_lossy(&printed));
    Err(Failure::new(show(&command), wrong, next).into())
}

/// Marks the process of a step of `ci`.
pub const STEP: &str = "XTASK_STEP";

/// Whether `ci` runs this process as a step.
pub fn is_step() -> bool {
    env::var_os(STEP).is_some()
}

/// What clears a line of progress on the terminal.
pub fn clear_line() -> &'static str {
    if stderr().is_terminal() { "\r\x1b[2K" } else { "" }
}

/// Print a line, in place of a line of progress, which is drawn again below it.
pub fn say(line: &str) {
    eprintln!("{}{line}", clear_line());
}

/// The path in an environment variable, unless it is empty.
pub fn path_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Stopping xtask stops what it runs, too.
fn ends_with_xtask(mut command: Command) -> Command {
    die_with_parent(&mut command, SIGTERM);
    command
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let wrong = format!("{} could not be started: {error}", command.get_program().display());
    let next = "run `cargo xtask doctor`, which shows how to get each tool";
    let is_missing = error.kind() == std::io::ErrorKind::NotFound;
    Failure::new(show(command), wrong, next).exit(if is_missing { Exit::ToolMissing } else { Exit::Failed })
}

/// A command as a person would type it.
pub fn show(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// The folder of downloads: SQUALL_CACHE, else `squall` in the user's cache folder.
pub fn cache_folder() -> PathBuf {
    let usual = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    let home = || path_variable("HOME").unwrap_or_else(|| "/var".into()).join(usual);
    let caches = || path_variable("XDG_CACHE_HOME").unwrap_or_else(home);
    path_variable("SQUALL_CACHE").unwrap_or_else(|| caches().join("squall"))
}

/// The variables a person set for Squall's own processes.
pub fn squall_variables() -> BTreeMap<String, String> {
    const OF_XTASK: [&str; 6] = [
        "SQUALL_STATE",
        "SQUALL_PG_BIN",
        "SQUALL_CACHE",
        "SQUALL_CI_CACHE",
        "SQUALL_CI_CACHE_MODE",
        "SQUALL_DOCKER",
    ];
    let ours = |name: &str| name == "REDIS_URL" || name.starts_with("SQUALL_") && !OF_XTASK.contains(&name);
    let utf8 = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    utf8.filter(|(name, _)| ours(name)).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The repository.
    pub fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
    }

    #[test]
    fn a_package_is_built_from_what_it_depends_on_but_not_from_the_other_programs() {
        let world = World::new(root()).unwrap();
        let packages = world.packages(&["squall-worker"]).unwrap();
        let has = |name: &str| packages.iter().any(|package| *package.name == name);
        assert!(has("squall-worker") && has("squall-boot") && has("squall-grouping"), "{packages:?}");
        assert!(!has("squall-api") && !has("squall-edge"));
    }
}
