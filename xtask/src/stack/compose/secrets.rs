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
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The only secret, as infra/compose.prod.yaml names its file.
const PASSWORD: &str = "database_password";

/// `./secrets`, as infra/compose.prod.yaml has it. A stack whose folder was named has its own.
pub fn locate(world: &World, folder: &StateFolder, project: &str) -> PathBuf {
    let secrets = world.root.join("secrets");
    if folder.0 == world.root.join("target/squall") {
        secrets
    } else if folder.0.starts_with(world.build_folder()) {
        secrets.join(project)
    } else {
        folder.secret("")
    }
}

pub fn are_in(folder: &Path) -> bool {
    folder.join(PASSWORD).exists()
}

/// Create what is missing. An existing password stays, since the database was created with it, and
/// so do existing modes, which are the user's choice.
pub fn create(folder: &Path) -> Result<()> {
    let (path, shown) = (folder.join(PASSWORD), folder.display());
    if !folder.is_dir() {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        created.with_context(|| format!("creating {shown}"))?;
    } else if mode(folder)? & 0o077 != 0 {
        eprintln!("other users can enter {shown}, which holds secrets; `chmod 700 {shown}` keeps them out");
    }
    let shown = path.display();
    let why = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            write_new(&path, &random::token()).with_context(|| format!("writing {shown}"))?;
            eprintln!("created the secret {shown}; keep it: the database is created with it");
            return Ok(());
        }
        Ok(text) if !text.trim().is_empty() => {
            if mode(&path)? & 0o004 == 0 {
                eprintln!(
                    "containers cannot read {shown}; run `chmod 444 {shown}`: its folder keeps others out"
                );
            }
            return Ok(());
        }
        Ok(_) => "is empty".to_owned(),
        Err(error) => format!("cannot be read: {error}"),
    };
    let next = "restore the password that the database was created with; if there is no database yet, delete the \
                file, and `cargo xtask up --prod` creates a new one";
    Err(Failure::new("reading the secrets of the stack", format!("{shown} {why}"), next).into())
}

fn mode(path: &Path) -> Result<u32> {
    let metadata = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(metadata.permissions().mode() & 0o777)
}

/// Never over a file that another process has created meanwhile. One that was cut short is empty,
/// which is refused.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        file => file?,
    };
    file.write_all(text.as_bytes())?;
    // Whatever the umask.
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{super::record::tests::folder, *};
    use crate::world::tests::root;

    #[test]
    fn secrets_are_created_once_in_a_folder_that_only_its_owner_enters() {
        let state = folder("secrets");
        let secrets = state.secret("");
        create(&secrets).unwrap();
        let path = secrets.join("database_password");
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!((first.len(), mode(&secrets).unwrap(), mode(&path).unwrap()), (64, 0o700, 0o444));
        create(&secrets).unwrap();
        // Nor is one replaced that another process has created meanwhile.
        write_new(&path, "another").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(fs::read_dir(&secrets).unwrap().count(), 1, "nothing is left beside it");
        for text in ["", " \n"] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, text).unwrap();
            let error = create(&secrets).unwrap_err().to_string();
            assert!(error.contains("is empty") && error.contains("restore the password"), "{error}");
        }
        fs::remove_dir_all(&state.0).unwrap();
    }

    #[test]
    fn secrets_outlive_the_build_folder_and_get_into_neither_a_commit_nor_an_image() {
        let world = World::new(root()).unwrap();
        for (folder, expected) in [
            (root().join("target/squall"), root().join("secrets")),
            (root().join("target/other"), root().join("secrets/project")),
            ("/var/lib/squall".into(), "/var/lib/squall/secrets".into()),
        ] {
            assert_eq!(locate(&world, &StateFolder(folder), "project"), expected);
        }
        let read = |name| fs::read_to_string(root().join(name)).unwrap();
        assert!(read(".gitignore").lines().any(|line| line == "/secrets"));
        let ignored = read(".dockerignore");
        assert!(ignored.lines().any(|line| line == "*") && !ignored.contains("!secrets"));
    }
}
