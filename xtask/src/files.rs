//! Files that other processes read while they are written, locks, and what files hold.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use sha1_smol::Sha1;
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

/// Replace a file as a whole: a reader sees the old text or the new one. Only its owner may read
/// it.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let aside = PathBuf::from(format!("{}.{}.new", path.display(), std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("writing {}", path.display()))
}

/// Hold a lock that the kernel releases when this process ends, however it ends.
pub fn lock(path: &Path, when_taken: impl FnOnce()) -> Result<File> {
    let file = open_to_append(path)?;
    if file.try_lock().is_err() {
        when_taken();
        file.lock().with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}

/// The lock, or none if it is held elsewhere.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = open_to_append(path)?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// Whether a process holds the lock on this very file. A copy of the file has a lock of its own.
pub fn is_locked(path: &Path) -> Result<bool> {
    match File::open(path) {
        Ok(file) => Ok(file.try_lock_shared().is_err()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("opening {}", path.display())),
    }
}

/// Open a log or a lock that only its owner may read.
pub fn open_to_append(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    file.with_context(|| format!("opening {}", path.display()))
}

/// Create a folder once, however many processes need it: `make` writes it aside.
pub fn create_once(
    path: &Path,
    when_taken: impl FnOnce(),
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let beside = |name: &str| PathBuf::from(format!("{}.{name}", path.display()));
    let (_lock, aside) = (lock(&beside("lock"), when_taken)?, beside("new"));
    if path.exists() {
        return Ok(());
    }
    let _ = fs::remove_dir_all(&aside);
    let made = make(&aside)
        .and_then(|()| fs::rename(&aside, path).with_context(|| format!("creating {}", path.display())));
    let _ = fs::remove_dir_all(&aside);
    made
}

/// Delete a file or a folder, if it exists.
pub fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("deleting {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The text of a file, or none if it does not exist.
pub fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// What a JSON file holds; one that was cut short or has another shape holds nothing.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    Ok(read_if_there(path)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The last lines of a file, reading no more than its last 64 kB.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let mut bytes = Vec::new();
    let _ = File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(64 << 10)))?;
        file.read_to_end(&mut bytes)
    });
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// A stable name for a text. As in Git, SHA-1 only has to tell contents apart.
pub fn fingerprint(text: &str) -> String {
    Sha1::from(text).digest().to_string()
}

/// What a set of files holds: names, contents, modes and link targets; `skip` is left out by name.
///
/// Names count from `root`, so that two clones of one commit agree and a moved file is noticed.
pub fn content_stamp(root: &Path, paths: &[PathBuf], skip: &[&str]) -> Result<String> {
    let mut hasher = Sha1::new();
    // Each part with its length, so that no two sets of files look alike.
    let mut add = |part: &[u8]| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    };
    for path in paths {
        walk(path, skip, &mut |file| {
            let reading = || format!("reading {}", file.display());
            let metadata = fs::symlink_metadata(file).with_context(reading)?;
            add(file.strip_prefix(root)?.as_os_str().as_bytes());
            if metadata.is_symlink() {
                add(b"link");
                add(fs::read_link(file).with_context(reading)?.as_os_str().as_bytes());
            } else {
                // Git keeps no other part of the mode, and a umask may change the rest.
                add(if metadata.mode() & 0o100 == 0 { b"file" } else { b"program" });
                add(&fs::read(file).with_context(reading)?);
            }
            Ok(())
        })?;
    }
    Ok(hasher.digest().to_string())
}

/// The newest change and the number of files, which is enough to notice an edit.
pub fn change_mark(paths: &[PathBuf], skip: &[&str]) -> Result<(u128, usize)> {
    let mut mark = (0, 0);
    for path in paths {
        walk(path, skip, &mut |file| {
            let modified = fs::metadata(file).and_then(|metadata| metadata.modified());
            let since = modified.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            mark = (mark.0.max(since.map_or(0, |since| since.as_nanos())), mark.1 + 1);
            Ok(())
        })?;
    }
    Ok(mark)
}

/// Call `visit` for each file and link under `path`, in the order of their names. What vanishes
/// meanwhile is skipped.
pub fn walk(path: &Path, skip: &[&str], visit: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.is_dir() {
        return visit(path);
    }
    let Ok(entries) = fs::read_dir(path) else { return Ok(()) };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names.iter().filter(|name| !skip.iter().any(|skip| name.as_os_str() == *skip)) {
        walk(&path.join(name), skip, visit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};
    use tempfile::TempDir;

    /// A clone with a program, a link and a folder that is skipped.
    fn clone() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        let src = root.path().join("src");
        fs::create_dir_all(src.join("target")).unwrap();
        fs::write(src.join("main.rs"), "fn main() {}").unwrap();
        fs::write(src.join("run.sh"), "exit").unwrap();
        fs::write(src.join("target/made"), root.path().display().to_string()).unwrap();
        std::os::unix::fs::symlink("main.rs", src.join("link")).unwrap();
        root
    }

    fn stamp(root: &TempDir) -> String {
        let paths = ["src", "missing"].map(|name| root.path().join(name));
        content_stamp(root.path(), &paths, &["target"]).unwrap()
    }

    #[test]
    fn two_clones_of_the_same_files_have_one_stamp() {
        for clone in [clone(), clone()] {
            // Stable between versions of Rust and xtask, too.
            assert_eq!(stamp(&clone), "4b38e5d817c2e19da247d864f425b734c3cda247");
        }
    }

    #[test]
    fn a_name_a_mode_a_link_target_and_a_content_each_change_the_stamp() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 4] = [
            ("renamed", |src| fs::rename(src.join("main.rs"), src.join("lib.rs")).unwrap()),
            ("mode", |src| fs::set_permissions(src.join("run.sh"), Permissions::from_mode(0o755)).unwrap()),
            ("target", |src| {
                fs::remove_file(src.join("link")).unwrap();
                std::os::unix::fs::symlink("run.sh", src.join("link")).unwrap();
            }),
            ("content", |src| fs::write(src.join("main.rs"), "fn main() { }").unwrap()),
        ];
        for (name, change) in changes {
            let root = clone();
            let before = stamp(&root);
            change(&root.path().join("src"));
            assert_ne!(stamp(&root), before, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_moved_alone_changes_the_stamp() {
        let root = clone();
        let [before, after] = ["src/main.rs", "main.rs"].map(|name| root.path().join(name));
        let stamp = |file: &PathBuf| content_stamp(root.path(), std::slice::from_ref(file), &[]).unwrap();
        let first = stamp(&before);
        fs::rename(&before, &after).unwrap();
        assert_ne!(stamp(&after), first);
    }
}
