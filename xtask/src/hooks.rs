//! `hooks install`: a hook of git that checks what is pushed.

use crate::{failure::Failure, files, world::World};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};
use xshell::{Shell, cmd};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a pre-push hook that runs `ci --affected`; all worktrees of this clone share it
    #[command(after_help = "Example:\n  cargo xtask hooks install")]
    Install,
}

/// The second line of every version of the hook.
const MARK: &str = "# Written by `cargo xtask hooks install`";

const HOOK: &str = r"#!/bin/sh
# Written by `cargo xtask hooks install`; delete this file to remove it.
# `git push --no-verify` skips it.

# core.hooksPath may serve other repositories, too.
[ -f xtask/xtask.toml ] || exit 0
# Deleting a branch pushes nothing to check.
grep -vq '^(delete)' || exit 0
# git names this repository to its hooks, which would mislead tests that make their own.
unset $(git rev-parse --local-env-vars)
exec cargo xtask ci --affected </dev/null
";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Install => println!("{} checks what you push", install(&world.shell()?)?.display()),
    }
    Ok(())
}

/// Writes the hook of the repository that the shell is in, and returns its path.
fn install(shell: &Shell) -> Result<PathBuf> {
    let folder =
        cmd!(shell, "git rev-parse --git-path hooks").quiet().read().context("asking git for its hooks")?;
    let path = shell.current_dir().join(folder).join("pre-push");
    let is_there = path.symlink_metadata().is_ok();
    let existing = fs::read(&path).unwrap_or_default();
    if is_there
        && !String::from_utf8_lossy(&existing).lines().nth(1).is_some_and(|line| line.starts_with(MARK))
    {
        let wrong = format!("{} is there, and xtask did not write it", path.display());
        let next =
            "add the line `cargo xtask ci --affected` to it, or move it away and run the command again";
        return Err(Failure::new("installing the pre-push hook", wrong, next).into());
    }
    files::replace(&path, HOOK)?;
    fs::set_permissions(&path, Permissions::from_mode(0o755))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with a commit and a remote, out of reach of this machine's settings of git.
    fn repository(folder: &tempfile::TempDir) -> Shell {
        let shell = Shell::new().unwrap();
        shell.change_dir(folder.path());
        for (name, value) in [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")] {
            shell.set_var(name, value);
        }
        for name in ["AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"] {
            shell.set_var(format!("GIT_{name}"), "test");
        }
        shell.write_file("repository/xtask/xtask.toml", "").unwrap();
        cmd!(shell, "git init --quiet --bare remote").run().unwrap();
        cmd!(shell, "git init --quiet repository").run().unwrap();
        shell.change_dir("repository");
        for arguments in [
            &["remote", "add", "origin", "../remote"][..],
            &["add", "."],
            &["commit", "--quiet", "--message", "first"],
        ] {
            cmd!(shell, "git {arguments...}").run().unwrap();
        }
        shell
    }

    #[test]
    fn a_push_runs_ci_and_fails_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let shell = repository(&folder);
        let path = install(&shell).unwrap();
        assert_eq!(install(&shell).unwrap(), path);
        let cargo = folder.path().join("bin/cargo");
        let push = |exit: u8, refspec: &str| {
            let script = format!("#!/bin/sh\necho \"ran $* in $PWD ${{GIT_DIR-}}\"\nexit {exit}\n");
            shell.write_file(&cargo, script).unwrap();
            fs::set_permissions(&cargo, Permissions::from_mode(0o755)).unwrap();
            let search =
                format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
            let push = cmd!(shell, "git push --quiet origin {refspec}").env("PATH", search).ignore_status();
            let output = push.output().unwrap();
            let printed = [output.stdout, output.stderr].concat();
            (output.status.success(), String::from_utf8(printed).unwrap())
        };
        let root = fs::canonicalize(shell.current_dir()).unwrap();
        let ran = format!("ran xtask ci --affected in {} \n", root.display());
        let (has_succeeded, printed) = push(1, "HEAD:main");
        assert!(!has_succeeded && printed.contains(&ran), "{printed}");
        assert_eq!(push(0, "HEAD:main"), (true, ran));
        assert_eq!(push(1, ":main"), (true, String::new()));
    }

    #[test]
    fn a_worktree_shares_the_hook_and_hooks_path_moves_it() {
        let folder = tempfile::tempdir().unwrap();
        let shell = repository(&folder);
        let hooks = shell.current_dir().join(".git/hooks/pre-push");
        cmd!(shell, "git worktree add --quiet ../tree").run().unwrap();
        shell.change_dir("../tree");
        let path = install(&shell).unwrap();
        assert_eq!(fs::canonicalize(path).unwrap(), fs::canonicalize(hooks).unwrap());
        cmd!(shell, "git config core.hooksPath .hooks").run().unwrap();
        assert_eq!(install(&shell).unwrap(), shell.current_dir().join(".hooks/pre-push"));
    }

    #[test]
    fn a_hook_of_somebody_else_stays_and_an_older_one_of_xtask_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let shell = repository(&folder);
        let path = install(&shell).unwrap();
        for theirs in ["#!/bin/sh\nmake check\n", "", "\u{fffd}"] {
            fs::write(&path, theirs).unwrap();
            assert!(install(&shell).unwrap_err().to_string().contains("move it away"));
            assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        }
        fs::write(&path, format!("#!/bin/sh\n{MARK}, long ago\n")).unwrap();
        install(&shell).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), HOOK);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert!(install(&shell).is_err());
    }
}
