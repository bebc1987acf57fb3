//! Files that other processes read while we write them.

use anyhow::{Context, Result};
use std::{
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Replaces a file as a whole: a reader sees the old text or the new one. Only its owner may read it.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let aside = PathBuf::from(format!("{}.{}.new", path.display(), std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", aside.display()))?;
    fs::rename(&aside, path).with_context(|| format!("writing {}", path.display()))
}

/// Holds a lock that the kernel gives back when this process ends, however it ends.
pub fn lock(path: &Path, when_taken: impl FnOnce()) -> Result<File> {
    let file = open_lock(path)?;
    if file.try_lock().is_err() {
        when_taken();
        file.lock().with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(file)
}

/// The lock, or nothing when another process holds it.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = open_lock(path)?;
    Ok(file.try_lock().is_ok().then_some(file))
}

fn open_lock(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path).with_context(|| format!("opening {}", path.display()))
}

/// The text of a file, or nothing when there is none.
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

/// A short stable name for any value, within one version of xtask.
pub fn fingerprint(value: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// What a set of files holds: names and contents, folders walked in order, `skip` left out by name.
pub fn content_stamp(paths: &[PathBuf], skip: &[&str]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        walk(path, skip, &mut |file| {
            file.hash(&mut hasher);
            fs::read(file).with_context(|| format!("reading {}", file.display()))?.hash(&mut hasher);
            Ok(())
        })?;
    }
    Ok(format!("{:016x}", hasher.finish()))
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

/// Calls `visit` for each file under `path`, in the order of their names. What vanishes meanwhile is no error.
pub fn walk(path: &Path, skip: &[&str], visit: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(()) };
    if metadata.is_file() {
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

/// 32 hexadecimal digits that nobody can guess.
pub fn secret() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
