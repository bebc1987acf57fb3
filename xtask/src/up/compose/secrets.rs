//! The secrets of a production stack, made on its first start.
//!
//! They lie in a folder that nobody but its owner may enter. The files in it must be readable by everybody: Compose shows a file to a
//! container with the mode and owner it has here, and the container's user is none of this machine.

use anyhow::{Context, Result};
use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Every secret, as infra/compose.prod.yaml names its file.
const SECRETS: [&str; 1] = ["database_password"];

/// Makes what lacks; what is there stays, since the database was made with it.
pub fn make(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("making {}", folder.display()))?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    for name in SECRETS {
        let path = folder.join(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o444).open(&path) {
            Ok(mut file) => {
                file.write_all(crate::files::secret()?.as_bytes())?;
                eprintln!("made the secret {}", path.display());
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("writing {}", path.display())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_in_a_folder_that_only_its_owner_enters() {
        let folder = std::env::temp_dir().join(format!("squall-secrets-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        make(&folder).unwrap();
        let first = fs::read_to_string(folder.join("database_password")).unwrap();
        assert_eq!(first.len(), 32);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        make(&folder).unwrap();
        assert_eq!(fs::read_to_string(folder.join("database_password")).unwrap(), first);
        fs::remove_dir_all(&folder).unwrap();
    }
}
