//! The password of a production database, created on the first start.
//!
//! It is in a folder that only its owner may enter, and outside the build folder, which people
//! delete: the database was created with it. The file must be readable by everyone: Compose mounts
//! it with the mode and owner it has here, and the container's user is not one of this machine.

use crate::failure::Failure;
use anyhow::{Context, Result};
use squall_base::random;
use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

/// Create the password if it is missing. An existing one stays, and so do existing modes, which are
/// the user's choice.
pub fn create(folder: &Path) -> Result<()> {
    // As infra/compose.prod.yaml names it.
    let path = folder.join("database_password");
    let shown = path.display();
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.with_context(|| format!("creating {}", folder.display()))?;
    match File::create_new(&path) {
        Ok(file) => {
            write(file, &random::token()).with_context(|| format!("writing {shown}"))?;
            eprintln!("created the secret {shown}; keep it: the database is created with it");
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("creating {shown}")),
    }
    if fs::metadata(&path)?.permissions().mode() & 0o004 == 0 {
        eprintln!("containers cannot read {shown}; run `chmod 444 {shown}`: its folder keeps others out");
    }
    // One that was cut short is empty.
    if fs::read_to_string(&path).with_context(|| format!("reading {shown}"))?.trim().is_empty() {
        let next = "restore the password that the database was created with; if there is no database yet, delete the \
                    file, and `cargo xtask up --prod` creates a new one";
        return Err(Failure::new("reading the database password", format!("{shown} is empty"), next).into());
    }
    Ok(())
}

fn write(mut file: File, text: &str) -> std::io::Result<()> {
    file.write_all(text.as_bytes())?;
    // Whatever the umask.
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::root;

    #[test]
    fn the_password_is_created_once_in_a_folder_that_only_its_owner_enters() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("secrets");
        create(&folder).unwrap();
        let path = folder.join("database_password");
        let first = fs::read_to_string(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((first.len(), mode(&folder), mode(&path)), (64, 0o700, 0o444));
        create(&folder).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        for text in ["", " \n"] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, text).unwrap();
            let error = create(&folder).unwrap_err().to_string();
            assert!(error.contains("is empty") && error.contains("restore the password"), "{error}");
        }
    }

    #[test]
    fn secrets_get_into_neither_a_commit_nor_an_image() {
        let read = |name| fs::read_to_string(root().join(name)).unwrap();
        assert!(read(".gitignore").lines().any(|line| line == "/secrets"));
        let ignored = read(".dockerignore");
        assert!(ignored.lines().any(|line| line == "*") && !ignored.contains("!secrets"));
    }
}
