//! The user who runs PostgreSQL when this is root, and which folders that user can reach.

use crate::{failure::Failure, files::fingerprint, process};
use anyhow::Result;
use nix::unistd::User;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl Account {
    /// None unless this is root.
    pub fn for_postgres() -> Result<Option<Self>> {
        if !process::is_root() {
            return Ok(None);
        }
        let user = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or_else(|| {
            let wrong = "PostgreSQL refuses to run as root, and this machine has neither the user postgres nor nobody";
            Failure::new("choosing a user for PostgreSQL", wrong, "add one with `useradd --system postgres`")
        })?;
        Ok(Some(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
    }

    pub fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid).env("HOME", "/").env("USER", &self.name);
    }

    pub fn give(&self, path: &Path) -> Result<()> {
        Ok(chown(path, Some(self.uid), Some(self.gid))?)
    }

    /// `uid:gid`, as chown reads it.
    pub fn owner(&self) -> String {
        format!("{}:{}", self.uid, self.gid)
    }

    /// Whether this user can reach `path`, of which the last parts need not exist yet.
    fn reaches(&self, path: &Path) -> bool {
        let Some(folder) = path.ancestors().skip(1).find(|folder| folder.exists()) else { return true };
        let mut test = Command::new("test");
        self.run(test.arg("-x").arg(folder).current_dir("/"));
        test.status().is_ok_and(|status| status.success())
    }
}

/// The folder for the server's files: `wanted`, or one below `fallback` if its user cannot reach
/// `wanted`.
pub fn reachable_place(wanted: &Path, fallback: &str, account: Option<&Account>) -> PathBuf {
    match account {
        Some(account) if !account.reaches(wanted) => {
            Path::new(fallback).join(&fingerprint(&wanted.to_string_lossy())[..12])
        }
        _ => wanted.to_owned(),
    }
}

/// Create a folder that only the server's user can read.
pub fn make_folder(path: &Path, account: Option<&Account>) -> Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    account.map_or(Ok(()), |account| account.give(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_the_user_cannot_enter_is_replaced_by_one_below_the_fallback() {
        let root = tempfile::tempdir().unwrap();
        make_folder(root.path(), None).unwrap();
        let wanted = root.path().join("state/postgres");
        let check = |account: Option<&Account>, wanted_is_used: bool| {
            assert_eq!(reachable_place(&wanted, "/var/lib/squall", account) == wanted, wanted_is_used);
        };
        check(None, true);
        // Only root can try as another user.
        if let Some(account) = Account::for_postgres().unwrap() {
            check(Some(&account), false);
            fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
            check(Some(&account), true);
        }
    }
}
