//! The user who runs PostgreSQL when this is root, and which folders that user can reach.

use crate::{failure::Failure, files::fingerprint, process};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
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
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = ["postgres", "nobody"].iter().find_map(|name| find(&users, name));
        found.map(Some).ok_or_else(|| {
            let wrong = "PostgreSQL refuses to run as root, and this machine has neither the user postgres nor nobody";
            Failure::new("choosing a user for PostgreSQL", wrong, "add one with `useradd --system postgres`").into()
        })
    }

    /// Make a command run as this user.
    pub fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid).env("HOME", "/").env("USER", &self.name);
    }

    /// Make a child to be watched run as this user.
    pub fn run_watched(self, child: &duct::Expression) -> duct::Expression {
        child.before_spawn(move |command| {
            self.run(command);
            Ok(())
        })
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
        path.ancestors().skip(1).all(|folder| match fs::metadata(folder) {
            Ok(metadata) => self.may_enter(metadata.uid(), metadata.gid(), metadata.permissions().mode()),
            Err(_) => true,
        })
    }

    fn may_enter(&self, owner: u32, group: u32, mode: u32) -> bool {
        let bit = match (owner == self.uid, group == self.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        mode & bit != 0
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

fn find(users: &str, name: &str) -> Option<Account> {
    let fields: Vec<_> =
        users.lines().map(|line| line.split(':').collect()).find(|fields: &Vec<_>| fields[0] == name)?;
    Some(Account {
        name: name.to_owned(),
        uid: fields.get(2)?.parse().ok()?,
        gid: fields.get(3)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres() -> Account {
        find("root:x:0:0::/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n", "postgres")
            .unwrap()
    }

    #[test]
    fn the_user_is_read_from_the_list_of_users() {
        assert_eq!(postgres(), Account { name: "postgres".into(), uid: 101, gid: 104 });
    }

    #[test]
    fn a_folder_is_entered_by_the_right_of_owner_group_or_others() {
        let check =
            |owner, group, mode, expected| assert_eq!(postgres().may_enter(owner, group, mode), expected);
        check(0, 0, 0o700, false);
        check(0, 0, 0o755, true);
        check(0, 104, 0o750, true);
        check(101, 0, 0o700, true);
        check(101, 0, 0o077, false);
    }

    #[test]
    fn without_another_user_every_folder_is_fine() {
        assert_eq!(reachable_place(Path::new("/root/x"), "/var/lib/squall", None), Path::new("/root/x"));
    }
}
