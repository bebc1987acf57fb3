//! The secrets of a production stack, made on its first start.
//!
//! They lie in a folder that nobody but its owner may enter, and not among what a build makes, which people delete: the database was
//! made with this password. The files in it must be readable by everybody: Compose shows a file to a container with the mode and owner
//! it has here, and the container's user is none of this machine.

use crate::{failure::Failure, files, up::state::StateFolder, world::World};
use anyhow::{Context, Result};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Every secret, as infra/compose.prod.yaml names its file.
const SECRETS: [&str; 1] = ["database_password"];

/// The folder where nobody named one, with a sentence where it is not the usual one.
pub fn place(world: &World, folder: &StateFolder, project: &str) -> (PathBuf, Option<String>) {
    let (usual, old) = (usual(world, folder, project), folder.secret(""));
    if usual == old || !are_in(&old) {
        return (usual, None);
    }
    let (old_place, usual_place) = (old.display(), usual.display());
    if are_in(&usual) {
        let remark = format!("the secrets in {usual_place} are used, not those in {old_place}");
        return (usual, Some(remark));
    }
    let moved: Vec<_> = SECRETS.iter().map(|name| old.join(name).display().to_string()).collect();
    let remark = format!(
        "the secrets are in {old_place}, which goes with the build folder; to keep them safe: `cargo xtask down`, \
         `mkdir -p -m 700 {usual_place} && mv {} {usual_place}`, and start again",
        moved.join(" ")
    );
    (old, Some(remark))
}

pub fn are_in(place: &Path) -> bool {
    SECRETS.iter().any(|name| place.join(name).exists())
}

/// `./secrets`, as infra/compose.prod.yaml has it. A stack whose folder was named has its own.
fn usual(world: &World, folder: &StateFolder, project: &str) -> PathBuf {
    let secrets = world.root.join("secrets");
    if folder.0 == world.root.join("target/squall") {
        return secrets;
    }
    if folder.0.starts_with(world.build_folder()) { secrets.join(project) } else { folder.secret("") }
}

/// Makes what lacks; what is there stays, since the database was made with it.
pub fn make(folder: &Path) -> Result<()> {
    make_folder(folder)?;
    for name in SECRETS {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => return Err(unusable(&path, "holds nothing")),
            Ok(_) if mode(&path)? & 0o004 == 0 => {
                let path = path.display();
                eprintln!(
                    "containers may not read {path}; `chmod 444 {path}` lets them, its folder keeps others out"
                );
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                write_new(&path, &files::secret()?)?;
                eprintln!("made the secret {}; keep it: the database is made with it", path.display());
            }
            Err(error) => return Err(unusable(&path, &format!("cannot be read: {error}"))),
        }
    }
    Ok(())
}

/// A folder that is there is somebody's choice: it is not closed behind their back.
fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        if mode(folder)? & 0o077 != 0 {
            let folder = folder.display();
            eprintln!(
                "others of this machine may enter {folder}, where secrets are; `chmod 700 {folder}` keeps them out"
            );
        }
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("making {}", folder.display()))?;
    // The umask may have taken rights away.
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    Ok(())
}

fn mode(path: &Path) -> Result<u32> {
    let metadata = fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?;
    Ok(metadata.permissions().mode() & 0o777)
}

/// Whole or not at all, whatever happens meanwhile: a part of a secret would be taken for one.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_aside(&aside, text).and_then(|()| {
        // Unlike a rename, a link does not replace what somebody else has made in between.
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
    // The umask does not count here.
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()
}

fn unusable(path: &Path, why: &str) -> anyhow::Error {
    let next = "put the password back that the database was made with; if there is no database yet, delete the file: \
                `cargo xtask up --prod` makes a new one";
    Failure::new("reading the secrets of the stack", format!("{} {why}", path.display()), next).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A folder of this test, without anything in it.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("squall-secrets-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn secrets_are_made_once_in_a_folder_that_only_its_owner_enters() {
        let folder = folder("once");
        make(&folder).unwrap();
        let path = folder.join("database_password");
        let first = fs::read_to_string(&path).unwrap();
        assert_eq!(first.len(), 32);
        assert_eq!((mode(&folder).unwrap(), mode(&path).unwrap()), (0o700, 0o444));
        make(&folder).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_strict_umask_changes_nothing() {
        let again =
            "up::compose::secrets::tests::secrets_are_made_once_in_a_folder_that_only_its_owner_enters";
        let ran = Command::new("sh")
            .args(["-c", "umask 077 && exec \"$0\" --exact \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg(again)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    fn a_secret_that_holds_nothing_is_refused() {
        let folder = folder("empty");
        fs::create_dir_all(&folder).unwrap();
        for text in ["", " \n"] {
            fs::write(folder.join("database_password"), text).unwrap();
            let shown = Failure::from_error(make(&folder).unwrap_err(), "").to_string();
            assert!(shown.contains("holds nothing") && shown.contains("put the password back"), "{shown}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_another_has_made_meanwhile_stays() {
        let folder = folder("meanwhile");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("database_password");
        fs::write(&path, "theirs").unwrap();
        write_new(&path, "ours").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn secrets_outlive_the_build_folder_and_old_ones_are_still_used() {
        let root = folder("root");
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let mut world = World::new(repository.clone()).unwrap();
        world.root.clone_from(&root);
        let usual = StateFolder(root.join("target/squall"));
        assert_eq!(place(&world, &usual, "squall"), (root.join("secrets"), None));
        let other = StateFolder(root.join("target/other"));
        assert_eq!(place(&world, &other, "squall-1").0, root.join("secrets/squall-1"));
        let named = StateFolder("/var/lib/squall".into());
        assert_eq!(place(&world, &named, "squall-2").0, Path::new("/var/lib/squall/secrets"));

        fs::create_dir_all(usual.secret("")).unwrap();
        fs::write(usual.secret("database_password"), "old").unwrap();
        let (found, remark) = place(&world, &usual, "squall");
        assert_eq!(found, usual.secret(""));
        assert!(remark.unwrap().contains("goes with the build folder"));
        fs::create_dir_all(root.join("secrets")).unwrap();
        fs::write(root.join("secrets/database_password"), "new").unwrap();
        let (found, remark) = place(&world, &usual, "squall");
        assert_eq!(found, root.join("secrets"));
        assert!(remark.unwrap().contains("are used, not those"));
        fs::remove_dir_all(&root).unwrap();

        // Neither a commit nor an image gets them.
        let read = |name| fs::read_to_string(repository.join(name)).unwrap();
        assert!(read(".gitignore").lines().any(|line| line == "/secrets"));
        let ignored = read(".dockerignore");
        assert!(ignored.lines().any(|line| line == "*") && !ignored.contains("!secrets"));
    }
}
