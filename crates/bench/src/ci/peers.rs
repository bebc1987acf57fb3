//! Other task runners on an equivalent sample: as many tasks as `ci` has steps, each a package whose
//! script does nothing, and all of them with the files of web/ and docs/ as inputs.

use super::scratch::Scratch;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::{fs, path::Path, path::PathBuf, process::Command};

pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// Its package on npm.
    package: &'static str,
    arguments: &'static [&'static str],
    /// Its configuration, by path.
    files: &'static [(&'static str, &'static str)],
    /// What it prints when each of `N` tasks was cached.
    all_cached: &'static str,
}

pub(super) const PEERS: [Peer; 3] = [
    Peer {
        name: "turbo",
        version: "2.11.11",
        package: "turbo",
        arguments: &["run", "check"],
        files: &[(
            "turbo.json",
            r#"{"tasks": {"check": {"inputs": ["$TURBO_DEFAULT$", "$TURBO_ROOT$/web/**", "$TURBO_ROOT$/docs/**"]}}}"#,
        )],
        all_cached: "N cached, N total",
    },
    Peer {
        name: "nx",
        version: "24.0.6",
        package: "nx",
        arguments: &["run-many", "-t", "check"],
        files: &[(
            "nx.json",
            r#"{"analytics": false, "targetDefaults": {"check": {"cache": true,
                "inputs": ["default", "{workspaceRoot}/web/**/*", "{workspaceRoot}/docs/**/*"]}}}"#,
        )],
        all_cached: "N/N hit",
    },
    Peer {
        name: "moon",
        version: "2.5.5",
        package: "@moonrepo/cli",
        arguments: &["run", ":check"],
        files: &[
            (".moon/workspace.yml", "projects: [\"packages/*\"]\ntelemetry: false\n"),
            (
                ".moon/tasks/all.yml",
                "tasks:\n  check:\n    command: \"true\"\n    inputs: [\"**/*\", \"/web/**/*\", \"/docs/**/*\"]\n",
            ),
        ],
        all_cached: "(N cached)",
    },
];

/// A sample in which every task of a peer has a result.
pub(super) struct Sample<'a> {
    pub(super) peer: &'a Peer,
    folder: PathBuf,
    tasks: usize,
    scratch: &'a Scratch,
}

impl<'a> Sample<'a> {
    pub(super) fn prepare(
        peer: &'a Peer,
        repository: &Path,
        scratch: &'a Scratch,
        tasks: usize,
    ) -> Result<Self> {
        let sample = Self { peer, folder: scratch.path().join(peer.name), tasks, scratch };
        sample.write(repository)?;
        sample.install()?;
        let next = "run it in an empty folder to see whether the package itself works";
        scratch.succeed(&mut sample.command(), next)?;
        sample.noop()?;
        Ok(sample)
    }

    /// Wall seconds with every task cached.
    pub(super) fn noop(&self) -> Result<f64> {
        let ended = self.scratch.succeed(&mut self.command(), "look at what it printed")?;
        let expected = self.peer.all_cached.replace('N', &self.tasks.to_string());
        ensure!(ended.printed.contains(&expected), "{} did not print `{expected}`", self.peer.name);
        Ok(ended.seconds)
    }

    fn write(&self, repository: &Path) -> Result<()> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "web", "docs"]).current_dir(repository);
        let listed = self.scratch.succeed(&mut git, "run it in a clone made by `git clone`")?;
        for path in listed.printed.split_terminator('\0') {
            let source = repository.join(path);
            // moon warns about each link to a folder.
            if fs::symlink_metadata(&source).is_ok_and(|metadata| metadata.is_file()) {
                self.file(path, &fs::read(&source)?)?;
            }
        }
        for task in 1..=self.tasks {
            let package = json!({
                "name": format!("task-{task}"), "version": "1.0.0", "private": true,
                "scripts": { "check": "true" },
            });
            self.file(&format!("packages/task-{task}/package.json"), package.to_string().as_bytes())?;
        }
        for (path, text) in self.peer.files {
            self.file(path, text.as_bytes())?;
        }
        self.file(".gitignore", b"node_modules\n.turbo\n.nx\n.moon/cache\n")
    }

    /// Installs the packages, and commits: all of them ask git for the files.
    fn install(&self) -> Result<()> {
        let network = "check the network and npm's registry or proxy";
        let mut npm = Command::new("npm");
        let npm = self.scratch.succeed(npm.arg("--version").current_dir(&self.folder), "install npm")?;
        let package = json!({
            "name": "sample", "private": true, "workspaces": ["packages/*"],
            "packageManager": format!("npm@{}", npm.printed.trim()),
            "devDependencies": { self.peer.package: self.peer.version },
        });
        self.file("package.json", package.to_string().as_bytes())?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        self.scratch.succeed(npm.current_dir(&self.folder), network)?;
        let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c"];
        for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "-m", "sample"]]
        {
            let mut git = Command::new("git");
            git.args(identity).arg("commit.gpgsign=false").args(arguments).current_dir(&self.folder);
            self.scratch.succeed(&mut git, "run `cargo xtask doctor`, which checks git")?;
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.folder.join("node_modules/.bin").join(self.peer.name));
        command.args(self.peer.arguments).current_dir(&self.folder);
        // As on a developer's machine, with no traffic and no files outside the sample.
        command.env_remove("CI").env("NO_COLOR", "1").env("DO_NOT_TRACK", "1");
        command.env("TURBO_TELEMETRY_DISABLED", "1").env("NX_NO_CLOUD", "true");
        let home = self.folder.with_extension("home");
        command.env("MOON_HOME", home.join("moon")).env("XDG_CACHE_HOME", home.join("cache"));
        command
    }

    fn file(&self, path: &str, content: &[u8]) -> Result<()> {
        let path = self.folder.join(path);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&path))?;
            fs::write(&path, content)
        };
        write().with_context(|| format!("writing {}", path.display()))
    }
}
