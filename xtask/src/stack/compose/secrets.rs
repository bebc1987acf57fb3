//! The secrets of a production stack, created on its first start.
//!
//! They are in a folder that only its owner may enter, and outside the build folder, which people
//! delete: the database was created with this password. The files must be readable by everyone:
//! Compose mounts a file with the mode and owner it has here, and the container's user is not one
//! of this machine.

use crate::{failure::Failure, stack::state::StateFolder, world::World};
use anyhow::{Context, Result};
use squall_base::random;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Every secret, as infra/compose.prod.yaml names its file.
const SECRETS: [&str; 1] = ["database_password"];

/// The folder unless the user named one, with a remark if it is not the usual one.
pub fn locate(world: &World, folder: &StateFolder, project: &str) -> (PathBuf, Option<String>) {
    let (usual, old) = (usual(world, folder, project), folder.secret(""));
    if usual == old || !are_in(&old) {
        return (usual, None);
    }
    let (old_path, usual_path) = (old.display(), usual.display());
    if are_in(&usual) {
        let remark = format!("using the secrets in {usual_path}, not those in {old_path}");
        return (usual, Some(remark));
    }
    let moved: Vec<_> = SECRETS.iter().map(|name| old.join(name).display().to_string()).collect();
    let remark = format!(
        "the secrets are in {old_path}, which goes with the build folder; to keep them safe: `cargo xtask down`, \
         `mkdir -p -m 700 {usual_path} && mv {} {usual_path}`, and start again",
        moved.join(" ")
    );
    (old, Some(remark))
}

pub fn are_in(folder: &Path) -> bool {
    SECRETS.iter().any(|name| folder.join(name).exists())
}

/// `./secrets`, as infra/compose.prod.yaml has it. A stack whose folder was named has its own.
fn usual(world: &World, folder: &StateFolder, project: &str) -> PathBuf {
    let secrets = world.root.join("secrets");
    if folder.0 == world.root.join("target/squall") {
        return secrets;
    }
    if folder.0.starts_with(world.build_folder()) { secrets.join(project) } else { folder.secret("") }
}

/// Create what is missing. Existing secrets stay, since the database was created with them.
pub fn create(folder: &Path) -> Result<()> {
    create_folder(folder)?;
    for name in SECRETS {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => return Err(unusable(&path, "is empty")),
            Ok(_) if mode(&path)? & 0o004 == 0 => {
                let path = path.display();
                eprintln!(
                    "containers cannot read {path}; run `chmod 444 {path}`: its folder keeps others out"
                );
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                write_new(&path, &random::token())?;
                eprintln!("created the secret {}; keep it: the database is created with it", path.display());
            }
            Err(error) => return Err(unusable(&path, &format!("cannot be read: {error}"))),
        }
    }
    Ok(())
}

/// The mode of an existing folder is the user's choice and is not changed.
fn create_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        if mode(folder)? & 0o077 != 0 {
            let folder = folder.display();
            eprintln!(
                "other users can enter {folder}, which holds secrets; `chmod 700 {folder}` keeps them out"
            );
        }
        return Ok(());
    }
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.with_context(|| format!("creating {}", folder.display()))?;
    // The umask may have removed permissions.
    Ok(fs::set_permissions(folder, Permissions::from_mode(0o700))?)
}

fn mode(path: &Path) -> Result<u32> {
    let metadata = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(metadata.permissions().mode() & 0o777)
}

/// Whole or not at all: a part of a secret would be taken for one.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let written = write_aside(&aside, text).and_then(|()| {
        // Unlike a rename, a link does not replace a file that another process has created
        // meanwhile.
        match fs::hard_link(&aside, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => File::open(folder)?.sync_all(),
        }
    });
    let _ = fs::remove_file(&aside);
    written.with_context(|| format!("writing {}", path.display()))
}

fn write_aside(aside: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(aside)?;
    file.write_all(text.as_bytes())?;
    // Whatever the umask.
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()
}

fn unusable(path: &Path, why: &str) -> anyhow::Error {
    let next = "restore the password that the database was created with; if there is no database yet, delete the \
                file, and `cargo xtask up --prod` creates a new one";
    Failure::new("reading the secrets of the stack", format!("{} {why}", path.display()), next).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::root;
    use std::process::Command;

    fn missing_folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("squall-secrets-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn secrets_are_created_once_in_a_folder_that_only_its_owner_enters() {
        let folder = missing_folder("once");
        create(&folder).unwrap();
        let path = folder.join("database_password");
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!((first.len(), mode(&folder).unwrap(), mode(&path).unwrap()), (64, 0o700, 0o444));
        create(&folder).unwrap();
        // Nor is one replaced that another process has created meanwhile.
        write_new(&path, "another").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_strict_umask_changes_nothing() {
        let again = concat!(
            "stack::compose::secrets::tests::",
            "secrets_are_created_once_in_a_folder_that_only_its_owner_enters"
        );
        let ran = Command::new("sh")
            .args(["-c", "umask 077 && exec \"$0\" --exact \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg(again)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && printed.contains("1 passed"), "{printed}");
    }

    #[test]
    fn an_empty_secret_is_refused() {
        let folder = missing_folder("empty");
        fs::create_dir_all(&folder).unwrap();
        for text in ["", " \n"] {
            fs::write(folder.join("database_password"), text).unwrap();
            let error = create(&folder).unwrap_err().to_string();
            assert!(error.contains("is empty") && error.contains("restore the password"), "{error}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn secrets_outlive_the_build_folder_and_old_ones_are_still_used() {
        let clone = missing_folder("clone");
        let mut world = World::new(root()).unwrap();
        world.root.clone_from(&clone);
        let usual = StateFolder(clone.join("target/squall"));
        assert_eq!(locate(&world, &usual, "squall"), (clone.join("secrets"), None));
        let other = StateFolder(clone.join("target/other"));
        assert_eq!(locate(&world, &other, "squall-1").0, clone.join("secrets/squall-1"));
        let named = StateFolder("/var/lib/squall".into());
        assert_eq!(locate(&world, &named, "squall-2").0, Path::new("/var/lib/squall/secrets"));

        let check = |secrets: &Path, remark: &str| {
            let (found, remarked) = locate(&world, &usual, "squall");
            assert_eq!(found, secrets);
            assert!(remarked.unwrap().contains(remark));
        };
        create(&usual.secret("")).unwrap();
        check(&usual.secret(""), "goes with the build folder");
        create(&clone.join("secrets")).unwrap();
        check(&clone.join("secrets"), "not those in");
        fs::remove_dir_all(&clone).unwrap();

        // Neither a commit nor an image gets them.
        let read = |name| fs::read_to_string(root().join(name)).unwrap();
        assert!(read(".gitignore").lines().any(|line| line == "/secrets"));
        let ignored = read(".dockerignore");
        assert!(ignored.lines().any(|line| line == "*") && !ignored.contains("!secrets"));
    }
}
