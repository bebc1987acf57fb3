//! Files that other processes read while they are written, locks, and what files hold.

use anyhow::{Context, Result};
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
    let file = open_lock(path)?;
    if file.try_lock().is_err() {
        when_taken();
        file.lock().with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}

/// The lock, or none if it is held elsewhere.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = open_lock(path)?;
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

fn open_lock(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path).with_context(|| format!("opening {}", path.display()))
}

/// The text of a file, or none if it does not exist.
pub fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// The last lines of a file, reading no more than its last 64 kB.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let Ok(mut file) = File::open(path) else { return Vec::new() };
    let length = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(length.saturating_sub(64 << 10))).is_err()
        || file.read_to_end(&mut bytes).is_err()
    {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// A stable name for a text. As in Git, SHA-1 only has to tell contents apart; it also compiles in
/// no time.
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

    /// A clone with a program, a link and a folder that is skipped.
    fn clone(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("squall-clone-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("src/target")).unwrap();
        fs::write(root.join("src/main.rs"), "fn main() {}").unwrap();
        fs::write(root.join("src/run.sh"), "exit").unwrap();
        fs::write(root.join("src/target/made"), name).unwrap();
        std::os::unix::fs::symlink("main.rs", root.join("src/link")).unwrap();
        root
    }

    fn stamp(root: &Path) -> String {
        content_stamp(root, &[root.join("src"), root.join("missing")], &["target"]).unwrap()
    }

    #[test]
    fn two_clones_of_the_same_files_have_one_stamp() {
        let (first, second) = (clone("first"), clone("second"));
        assert_eq!(stamp(&first), stamp(&second));
        // Stable between versions of Rust and xtask, too.
        assert_eq!(stamp(&first), "4b38e5d817c2e19da247d864f425b734c3cda247");
        fs::remove_dir_all(first).unwrap();
        fs::remove_dir_all(second).unwrap();
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
            let root = clone(name);
            let before = stamp(&root);
            change(&root.join("src"));
            assert_ne!(stamp(&root), before, "{name}");
            fs::remove_dir_all(root).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_moved_alone_changes_the_stamp() {
        let root = clone("moved");
        let before = content_stamp(&root, &[root.join("src/main.rs")], &[]).unwrap();
        fs::rename(root.join("src/main.rs"), root.join("main.rs")).unwrap();
        assert_ne!(content_stamp(&root, &[root.join("main.rs")], &[]).unwrap(), before);
        fs::remove_dir_all(root).unwrap();
    }
}
