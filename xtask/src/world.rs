//! What every command starts from: where the repository is, what a person tuned, how its tools are called.

use crate::{
    failure::{Exit, Failure, OrFail},
    process::{SIGTERM, die_with_parent},
};
use anyhow::{Context, Result, anyhow};
use cargo_metadata::{Metadata, MetadataCommand};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    env, fs,
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
    pub stack: Stack,
    pub demo: Demo,
    pub backup: Backup,
    pub docker: crate::docker::validate::Settings,
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

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
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

    pub fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// Where `cmd!` runs tools of the Rust workspace.
    pub fn shell(&self) -> Result<Shell> {
        let shell = Shell::new()?;
        shell.change_dir(&self.root);
        Ok(shell)
    }

    /// Where `cmd!` runs npm.
    pub fn web_shell(&self) -> Result<Shell> {
        let shell = Shell::new()?;
        shell.change_dir(self.web());
        Ok(shell)
    }

    /// The members of the workspace, without their dependencies: 0.02 s instead of 0.4.
    pub fn metadata(&self) -> Result<&Metadata> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata);
        }
        let metadata = MetadataCommand::new().current_dir(&self.root).no_deps().exec().or_fail(
            "cargo metadata --no-deps",
            "mend the Cargo.toml that the message names; `cargo xtask doctor` tells whether cargo itself is there",
        )?;
        Ok(self.metadata.get_or_init(|| metadata))
    }

    /// Where cargo puts the binaries of the workspace.
    pub fn target(&self) -> Result<PathBuf> {
        Ok(self.metadata()?.target_directory.clone().into())
    }

    pub fn binary(&self, profile: Profile, name: &str) -> Result<PathBuf> {
        if let Some(folder) = installed_programs() {
            return Ok(folder.join(name));
        }
        Ok(self.target()?.join(profile.folder()).join(name))
    }

    /// Where xtask keeps what it makes; never cargo's own folder, which may be shared between clones.
    pub fn build_folder(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Runs a command with its output on the terminal. On failure `next` says what a person can do.
    pub fn run(&self, command: impl Into<Command>, next: &str) -> Result<()> {
        let mut command = bound_to_us(command.into());
        let status = command.status().map_err(|error| missing(&command, &error))?;
        match status.success() {
            true => Ok(()),
            false => Err(Failure::new(
                show(&command),
                format!("it ended with {status}; its output is above"),
                next,
            )
            .into()),
        }
    }

    /// Runs a command quietly and returns what it printed.
    pub fn capture(&self, command: impl Into<Command>, next: &str) -> Result<String> {
        let mut command = bound_to_us(command.into());
        let output = command.output().map_err(|error| missing(&command, &error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        Err(Failure::new(show(&command), format!("it ended with {}:\n{said}", output.status), next).into())
    }
}

/// Where an image or a package has put the programs; nothing in a clone, where cargo builds them.
pub fn installed_programs() -> Option<PathBuf> {
    env::var_os("SQUALL_BIN").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// Whoever ends xtask means what it runs, too.
fn bound_to_us(mut command: Command) -> Command {
    die_with_parent(&mut command, SIGTERM);
    command
}

/// Names a program that could not be started at all.
fn missing(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let failure = Failure::new(
        show(command),
        format!("{} could not be started: {error}", command.get_program().display()),
        "see `cargo xtask doctor`, which says how to get each tool",
    );
    match error.kind() {
        std::io::ErrorKind::NotFound => failure.exit(Exit::ToolMissing).into(),
        _ => failure.into(),
    }
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

/// The variables a person set for Squall's own processes.
pub fn squall_variables() -> BTreeMap<String, String> {
    let ours = |name: &str| {
        name == "REDIS_URL"
            || name.starts_with("SQUALL_")
                && !matches!(
                    name,
                    "SQUALL_STATE" | "SQUALL_PG_BIN" | "SQUALL_CACHE" | "SQUALL_BIN" | "SQUALL_DOCKER"
                )
    };
    let utf8 = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    utf8.filter(|(name, _)| ours(name)).collect()
}

/// What the repository's `.env` sets; a variable of the shell wins over it.
pub fn env_file(root: &Path) -> BTreeMap<String, String> {
    parse_env_file(&fs::read_to_string(root.join(".env")).unwrap_or_default())
}

/// `NAME=value` a line, as Compose reads it. What it fills in from other variables (`${NAME}`) stays as it is written.
fn parse_env_file(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.trim_start_matches("export ").split_once(['=', ':']));
    pairs.map(|(name, value)| (name.trim().to_owned(), env_value(value.trim()))).collect()
}

/// A comment begins behind a blank, or behind the closing quote. Between double quotes a backslash says how to read what follows.
fn env_value(text: &str) -> String {
    if let Some((quoted, _)) = text.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
        return quoted.to_owned();
    }
    if let Some(quoted) = text.strip_prefix('"').and_then(double_quoted) {
        return quoted;
    }
    text.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

/// What stands before the closing quote, if there is one.
fn double_quoted(text: &str) -> Option<String> {
    let (mut value, mut letters) = (String::new(), text.chars());
    loop {
        match letters.next()? {
            '"' => return Some(value),
            '\\' => match letters.next()? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            letter => value.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of `.env`, and what Compose 2.40.3 makes of it.
    const READ: [(&str, &str, &str); 16] = [
        ("A=plain # comment", "A", "plain"),
        ("B=no#comment", "B", "no#comment"),
        ("C=\"quoted # not\" # comment", "C", "quoted # not"),
        ("D='single # not' # comment", "D", "single # not"),
        ("E=", "E", ""),
        ("F= # only comment", "F", "# only comment"),
        ("G=\" in ner \"", "G", " in ner "),
        (r#"H="a\"b\nc""#, "H", "a\"b\nc"),
        (r"I='a\nb'", "I", r"a\nb"),
        ("J=it's", "J", "it's"),
        ("export K=exported", "K", "exported"),
        ("  L = spaced", "L", "spaced"),
        ("M=tab\t# c", "M", "tab\t# c"),
        ("N=a=b", "N", "a=b"),
        ("O: colon", "O", "colon"),
        (r"P=a\nb", "P", r"a\nb"),
    ];

    fn written() -> String {
        let lines: Vec<_> = READ.iter().map(|(line, ..)| *line).collect();
        format!("# comment\n\n{}\nnonsense\n", lines.join("\n"))
    }

    #[test]
    fn an_env_file_is_read_as_compose_reads_it() {
        let variables = parse_env_file(&written());
        assert_eq!(variables.len(), READ.len());
        for (line, name, expected) in READ {
            assert_eq!(variables[name], expected, "{line}");
        }
    }

    #[test]
    fn compose_itself_reads_that_file_so_where_it_is_there() {
        let folder = env::temp_dir().join(format!("squall-env-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let asked: String = READ.iter().map(|(_, name, _)| format!("      {name}: ${{{name}-}}\n")).collect();
        let compose = format!("services:\n  a:\n    image: a\n    environment:\n{asked}");
        fs::write(folder.join("compose.yaml"), compose).unwrap();
        fs::write(folder.join(".env"), written()).unwrap();
        let mut command = Command::new("docker");
        command.args([
            "compose",
            "--file",
            "compose.yaml",
            "--env-file",
            ".env",
            "config",
            "--format",
            "json",
        ]);
        command.current_dir(&folder);
        READ.iter().for_each(|(_, name, _)| {
            command.env_remove(name);
        });
        let output = command.output();
        fs::remove_dir_all(&folder).unwrap();
        let Some(output) = output.ok().filter(|output| output.status.success()) else { return };
        let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for (line, name, expected) in READ {
            assert_eq!(config["services"]["a"]["environment"][name], expected, "{line}");
        }
    }

    #[test]
    fn the_committed_settings_are_valid() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        World::new(root).unwrap();
    }
}
