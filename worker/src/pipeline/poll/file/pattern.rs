//! Which files a source reads: a glob, and the walk that finds what it matches.
//!
//! The walk starts in the deepest folder that the glob names without a wildcard and goes no deeper
//! than the glob can reach. A glob without any wildcard costs a single look.

use super::position::FileId;
use globset::{GlobBuilder, GlobSet};
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How deep `**` reaches: deeper is a mistake, or a loop of mounts.
const MAX_DEPTH: usize = 32;

/// How many files one source follows: each poll looks at all of them, 10,000 cost about 30 ms.
const MAX_FILES: usize = 10_000;

/// A valid, absolute glob.
#[derive(Debug)]
pub(super) struct Pattern {
    glob: String,
    matcher: GlobSet,
    /// The part before the first wildcard.
    base: PathBuf,
    /// How many levels below `base` the glob reaches; 0 when `base` is the file itself.
    depth: usize,
}

/// A file that the walk found.
#[derive(Debug, Clone)]
pub(super) struct MatchedFile {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) size: u64,
    pub(super) modified: Option<SystemTime>,
}

impl MatchedFile {
    pub(super) fn of(path: PathBuf, metadata: &fs::Metadata) -> Self {
        Self { path, id: FileId::of(metadata), size: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// The result of a walk.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// One entry per file, however many names it has.
    pub(super) found: Vec<MatchedFile>,
    /// Paths that could not be read, with the reason.
    pub(super) unreadable: Vec<(PathBuf, io::Error)>,
    /// More files match than a source follows.
    pub(super) too_many: bool,
    files: HashSet<FileId>,
    folders: HashSet<FileId>,
}

/// A longer glob is a mistake, and compiling it takes long.
pub(super) const MAX_GLOB_BYTES: usize = 1000;

impl Pattern {
    /// Reads a glob.
    ///
    /// # Errors
    /// A sentence for the user who wrote it.
    pub(super) fn parse(glob: &str) -> Result<Self, String> {
        if !glob.starts_with('/') {
            return Err(format!("The glob {glob:?} must be an absolute path, such as /var/log/app/*.log."));
        }
        if glob.len() > MAX_GLOB_BYTES {
            return Err(format!("The glob has {} bytes; at most {MAX_GLOB_BYTES} are allowed.", glob.len()));
        }
        let invalid = |error: globset::Error| format!("The glob {glob:?} is not valid: {}.", error.kind());
        let parsed = GlobBuilder::new(glob).literal_separator(true).build().map_err(invalid)?;
        // A set, since compiling a single glob panics where a set has an error.
        let matcher = GlobSet::builder().add(parsed).build().map_err(invalid)?;
        let parts: Vec<&str> = glob.split('/').filter(|part| !part.is_empty()).collect();
        let literal = parts.iter().take_while(|part| !part.contains(['*', '?', '[', '{', '\\'])).count();
        let base = parts[..literal].iter().fold(PathBuf::from("/"), |base, part| base.join(part));
        // Alternatives may hold a slash, and then reach as deep as the longest of them.
        let depth = if glob.contains("**") { MAX_DEPTH } else { parts.len() - literal };
        Ok(Self { glob: glob.to_owned(), matcher, base, depth })
    }

    /// The glob as the user wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.glob
    }

    /// Finds every file that matches.
    pub(super) fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        if self.depth == 0 {
            self.consider(self.base.clone(), &mut walk);
        } else {
            self.descend(&self.base, self.depth, &mut walk);
        }
        walk
    }

    fn descend(&self, folder: &Path, depth: usize, walk: &mut Walk) {
        let listing = fs::metadata(folder).and_then(|metadata| {
            // A folder reached twice is a loop of links.
            let is_new = metadata.is_dir() && walk.folders.insert(FileId::of(&metadata));
            if is_new { fs::read_dir(folder).map(Some) } else { Ok(None) }
        });
        let entries = match listing {
            Ok(Some(entries)) => entries,
            Ok(None) => return,
            Err(error) => return note(folder, error, walk),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let kind = entry.file_type().ok();
            let may_be_folder = kind.is_none_or(|kind| kind.is_dir() || kind.is_symlink());
            if self.matcher.is_match(&path) && kind.is_none_or(|kind| !kind.is_dir()) {
                self.consider(path.clone(), walk);
            }
            if may_be_folder && depth > 1 {
                self.descend(&path, depth - 1, walk);
            }
        }
    }

    /// Adds a path that matches, if it is a regular file.
    fn consider(&self, path: PathBuf, walk: &mut Walk) {
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => {}
            Ok(_) if walk.found.len() == MAX_FILES => walk.too_many = true,
            Ok(metadata) => {
                let found = MatchedFile::of(path, &metadata);
                if walk.files.insert(found.id) {
                    walk.found.push(found);
                }
            }
            Err(error) => note(&path, error, walk),
        }
    }
}

/// A missing path matches nothing; any other error is reported.
fn note(path: &Path, error: io::Error, walk: &mut Walk) {
    if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        walk.unreadable.push((path.to_owned(), error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn matches(folder: &Path, glob: &str) -> Vec<String> {
        let pattern = Pattern::parse(&folder.join(glob).to_string_lossy()).unwrap();
        let walk = pattern.walk();
        assert!(walk.unreadable.is_empty(), "{:?}", walk.unreadable);
        let name =
            |found: &MatchedFile| found.path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        let mut names: Vec<_> = walk.found.iter().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_glob_finds_files_and_only_as_deep_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["app.log", "app.txt", "a/web.log", "a/b/deep.log", "c/web.log"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::create_dir(folder.path().join("folder.log")).unwrap();
        for (glob, expected) in [
            ("app.log", &["app.log"] as &[&str]),
            ("*.log", &["app.log"]),
            ("*/*.log", &["a/web.log", "c/web.log"]),
            ("{a,c}/web.log", &["a/web.log", "c/web.log"]),
            ("{a/b/deep,c/web}.log", &["a/b/deep.log", "c/web.log"]),
            ("a/**/*.log", &["a/b/deep.log", "a/web.log"]),
            ("**/*.log", &["a/b/deep.log", "a/web.log", "app.log", "c/web.log"]),
            ("app.???", &["app.log", "app.txt"]),
            ("none/*.log", &[]),
            ("app.log/*.log", &[]),
        ] {
            assert_eq!(matches(folder.path(), glob), expected, "{glob}");
        }
    }

    #[test]
    fn a_file_with_two_names_is_found_once_and_a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.log"), "x").unwrap();
        fs::hard_link(folder.path().join("app.log"), folder.path().join("twin.log")).unwrap();
        symlink(folder.path(), folder.path().join("loop")).unwrap();
        symlink(folder.path().join("nowhere"), folder.path().join("dangling.log")).unwrap();
        assert_eq!(matches(folder.path(), "**/*.log").len(), 1);
    }

    #[test]
    fn a_glob_that_cannot_work_says_why() {
        for (glob, expected) in [
            ("logs/*.log", "absolute"),
            ("", "absolute"),
            ("/logs/[a", "not valid"),
            ("/logs/{a", "not valid"),
        ] {
            let reason = Pattern::parse(glob).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
