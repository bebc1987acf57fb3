//! The files of a repository with their contents' names: what git has in its index, corrected by what
//! the worktree says. A clean file is never read.

use anyhow::{Context, Result, bail};
use sha1_smol::Sha1;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

/// A symbolic link, as git writes its mode.
const LINK: &str = "120000";

/// All files that git tracks or would add, in the order of their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    files: Vec<File>,
    /// Where the links among them lead, by path.
    links: BTreeMap<String, String>,
}

/// One file, by content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// From the root of the repository, with slashes.
    pub path: String,
    /// As git writes it: 100644, 100755 or 120000.
    pub mode: String,
    /// Git's object id of the content, also for a file that git does not have yet: committing a file
    /// changes no key.
    pub id: String,
}

impl Tree {
    /// What the worktree has now.
    ///
    /// # Errors
    /// Git is missing, or `root` is not the root of a clone.
    pub fn of_worktree(root: &Path) -> Result<Self> {
        let index = git(root, &["ls-files", "--stage", "-v", "-z"])?;
        let status =
            ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignored=no"];
        let status = git(root, &status)?;
        let mut files = BTreeMap::new();
        let mut unsure = Vec::new();
        for entry in records(&index) {
            // `H 100644 e43557… 0<tab>path`; any other tag marks a file that git must not
            // look at, or that is being merged.
            let (head, path) = entry.split_once('\t').context("reading the output of git ls-files")?;
            let [tag, mode, id, _stage] = words(head)?;
            if tag != "H" {
                unsure.push(path.to_owned());
            }
            files.insert(path.to_owned(), (mode.to_owned(), id.to_owned()));
        }
        for entry in records(&status) {
            // `XY path`: X compares the index with the commit, Y the worktree with the index.
            let (state, path) = (entry.get(..2).unwrap_or_default(), entry.get(3..).unwrap_or_default());
            if !state.ends_with(' ') {
                unsure.push(path.to_owned());
            }
        }
        for path in unsure {
            match read(root, &path)? {
                Some(file) => files.insert(path, file),
                None => files.remove(&path),
            };
        }
        let mut tree = Self::from_files(files);
        tree.links = tree.links_of(|file| Ok(link_target(&root.join(&file.path))?.into_owned()))?;
        Ok(tree)
    }

    /// What a commit has.
    ///
    /// # Errors
    /// There is no such commit.
    pub fn of_commit(root: &Path, commit: &str) -> Result<Self> {
        let listed = git(root, &["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let mut files = BTreeMap::new();
        for entry in records(&listed) {
            let (head, path) = entry.split_once('\t').context("reading the output of git ls-tree")?;
            let [mode, _kind, id] = words(head)?;
            files.insert(path.to_owned(), (mode.to_owned(), id.to_owned()));
        }
        let mut tree = Self::from_files(files);
        tree.links = tree.links_of(|file| git(root, &["cat-file", "blob", &file.id]))?;
        Ok(tree)
    }

    fn from_files(files: BTreeMap<String, (String, String)>) -> Self {
        let files = files.into_iter().map(|(path, (mode, id))| File { path, mode, id }).collect();
        Self { files, links: BTreeMap::new() }
    }

    fn links_of(&self, target: impl Fn(&File) -> Result<String>) -> Result<BTreeMap<String, String>> {
        let links = self.files.iter().filter(|file| file.mode == LINK);
        let links = links.map(|file| Ok((file.path.clone(), resolve(&file.path, &target(file)?))));
        let links = links.collect::<Result<Vec<_>>>()?;
        Ok(links.into_iter().filter_map(|(path, target)| Some((path, target?))).collect())
    }

    /// A tree of these files, without links.
    pub fn new(mut files: Vec<File>) -> Self {
        files.sort();
        Self { files, links: BTreeMap::new() }
    }

    /// All files.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The files that any of the patterns selects, and those behind the links among them.
    pub fn select<'a>(&self, patterns: impl IntoIterator<Item = &'a str>) -> Vec<&File> {
        let mut chosen = vec![false; self.files.len()];
        let mut left: Vec<String> = patterns.into_iter().map(str::to_owned).collect();
        let mut seen = left.clone();
        while let Some(pattern) = left.pop() {
            let fixed = &pattern[..pattern.find('*').unwrap_or(pattern.len())];
            let start = self.files.partition_point(|file| file.path.as_str() < fixed);
            let near = self.files[start..].iter().take_while(|file| file.path.starts_with(fixed));
            // Comparing the end first is fast: few paths end with Cargo.toml. `**/` also matches no folder,
            // so the slash is not compared.
            let end = pattern.rsplit_once('*').map_or("", |(_, end)| end.trim_matches('/'));
            let end = if pattern.ends_with('/') { "" } else { end };
            let is_chosen = |file: &File| file.path.ends_with(end) && matches(&pattern, &file.path);
            for (at, file) in near.enumerate().filter(|(_, file)| is_chosen(file)) {
                chosen[start + at] = true;
                let target = self.links.get(&file.path);
                for target in target.into_iter().flat_map(|path| [path.clone(), format!("{path}/")]) {
                    if !seen.contains(&target) {
                        seen.push(target.clone());
                        left.push(target);
                    }
                }
            }
        }
        self.files.iter().zip(chosen).filter_map(|(file, chosen)| chosen.then_some(file)).collect()
    }
}

/// Whether a pattern selects a path: the path itself, a folder with a slash at its end, `*` within a
/// name, `**` for any folders.
pub fn matches(pattern: &str, path: &str) -> bool {
    if let Some(folder) = pattern.strip_suffix('/').filter(|folder| !folder.contains('*')) {
        return path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    }
    let pattern: Vec<_> = pattern.split('/').collect();
    let path: Vec<_> = path.split('/').collect();
    folders_match(&pattern, &path)
}

fn folders_match(pattern: &[&str], path: &[&str]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ["**", rest @ ..] => (0..=path.len()).any(|skip| folders_match(rest, &path[skip..])),
        // A pattern with a slash at its end selects what is in the folder.
        [""] => !path.is_empty(),
        [name, rest @ ..] => {
            path.first().is_some_and(|first| name_matches(name, first)) && folders_match(rest, &path[1..])
        }
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| name_matches(after, &rest[at..]))
}

/// Mode and id of a file of the worktree; none if it is gone, or is a clone of its own.
fn read(root: &Path, path: &str) -> Result<Option<(String, String)>> {
    let full = root.join(path);
    let Ok(metadata) = fs::symlink_metadata(&full) else { return Ok(None) };
    let reading = || format!("reading {}", full.display());
    let (mode, content) = if metadata.is_symlink() {
        (LINK, link_target(&full)?.into_owned().into_bytes())
    } else if metadata.is_file() {
        let is_program = metadata.permissions().mode() & 0o100 != 0;
        (if is_program { "100755" } else { "100644" }, fs::read(&full).with_context(reading)?)
    } else {
        return Ok(None);
    };
    Ok(Some((mode.to_owned(), blob_id(&content))))
}

/// Git's name for a content: git-hash-object(1).
pub fn blob_id(content: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", content.len()).as_bytes());
    hasher.update(content);
    hasher.digest().to_string()
}

fn link_target(path: &Path) -> Result<std::borrow::Cow<'static, str>> {
    let target = fs::read_link(path).with_context(|| format!("reading the link {}", path.display()))?;
    Ok(target.to_string_lossy().into_owned().into())
}

/// Where a link leads, from the root of the repository; none if that is outside.
fn resolve(link: &str, target: &str) -> Option<String> {
    let mut folders: Vec<_> = PathBuf::from(link).parent()?.iter().map(|it| it.to_owned()).collect();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => folders.push(name.to_owned()),
            Component::ParentDir => drop(folders.pop()?),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(folders.iter().collect::<PathBuf>().to_string_lossy().into_owned())
}

fn records(output: &str) -> impl Iterator<Item = &str> {
    output.split('\0').filter(|record| !record.is_empty())
}

fn words<const N: usize>(text: &str) -> Result<[&str; N]> {
    let words: Vec<_> = text.split(' ').collect();
    words.try_into().ok().with_context(|| format!("reading git's line {text:?}"))
}

/// What a git command prints.
///
/// # Errors
/// Git is missing, or the command failed: its message.
pub fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git").args(arguments).current_dir(root).stdin(Stdio::null()).output();
    let output = output.context("starting git")?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A clone with a program, a link and an ignored file.
    fn clone() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("api/src")).unwrap();
        fs::create_dir_all(root.join("shared")).unwrap();
        fs::write(root.join("api/src/main.rs"), "fn main() {}\n").unwrap();
        fs::write(root.join("run.sh"), "exit\n").unwrap();
        fs::write(root.join("shared/config"), "a = 1\n").unwrap();
        fs::write(root.join(".gitignore"), "*.log\n").unwrap();
        symlink("../shared", root.join("api/linked")).unwrap();
        git(root, &["init", "--quiet"]).unwrap();
        commit(root);
        folder
    }

    fn commit(root: &Path) {
        git(root, &["add", "--all"]).unwrap();
        let author = ["-c", "user.name=a", "-c", "user.email=a@localhost"];
        git(root, &[&author[..], &["commit", "--quiet", "--message", "a"]].concat()).unwrap();
    }

    fn files(tree: &Tree, patterns: &[&str]) -> Vec<String> {
        let files = tree.select(patterns.iter().copied());
        files.iter().map(|file| format!("{} {} {}", file.path, file.mode, file.id)).collect()
    }

    #[test]
    fn every_kind_of_change_is_seen_and_committing_it_changes_nothing() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 9] = [
            ("content", |root| fs::write(root.join("run.sh"), "exec\n").unwrap()),
            ("mode", |root| {
                fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap()
            }),
            ("deleted", |root| fs::remove_file(root.join("run.sh")).unwrap()),
            ("renamed", |root| fs::rename(root.join("run.sh"), root.join("go.sh")).unwrap()),
            ("new", |root| fs::write(root.join("new file\nof two lines"), "").unwrap()),
            ("link target", |root| {
                fs::remove_file(root.join("api/linked")).unwrap();
                symlink("../run.sh", root.join("api/linked")).unwrap();
            }),
            ("file instead of a link", |root| {
                fs::remove_file(root.join("api/linked")).unwrap();
                fs::write(root.join("api/linked"), "../shared").unwrap();
            }),
            ("staged", |root| {
                fs::write(root.join("run.sh"), "exec\n").unwrap();
                git(root, &["add", "--all"]).unwrap();
            }),
            ("staged, then changed again", |root| {
                fs::write(root.join("run.sh"), "exec\n").unwrap();
                git(root, &["add", "--all"]).unwrap();
                fs::write(root.join("run.sh"), "again\n").unwrap();
            }),
        ];
        for (name, change) in changes {
            let folder = clone();
            let root = folder.path();
            let before = Tree::of_worktree(root).unwrap();
            change(root);
            let changed = Tree::of_worktree(root).unwrap();
            assert_ne!(changed, before, "{name}");
            commit(root);
            assert_eq!(Tree::of_worktree(root).unwrap(), changed, "{name}, committed");
            assert_eq!(Tree::of_commit(root, "HEAD").unwrap(), changed, "{name}, from the commit");
        }
    }

    #[test]
    fn a_file_that_git_was_told_not_to_look_at_is_read() {
        for flag in ["--assume-unchanged", "--skip-worktree"] {
            let folder = clone();
            let before = Tree::of_worktree(folder.path()).unwrap();
            git(folder.path(), &["update-index", flag, "run.sh"]).unwrap();
            assert_eq!(Tree::of_worktree(folder.path()).unwrap(), before);
            fs::write(folder.path().join("run.sh"), "changed\n").unwrap();
            assert_ne!(Tree::of_worktree(folder.path()).unwrap(), before, "{flag}");
        }
    }

    #[test]
    fn what_git_ignores_is_no_input() {
        let folder = clone();
        let before = Tree::of_worktree(folder.path()).unwrap();
        fs::write(folder.path().join("a.log"), "text").unwrap();
        assert_eq!(Tree::of_worktree(folder.path()).unwrap(), before);
    }

    #[test]
    fn a_link_among_the_inputs_makes_its_target_an_input() {
        let folder = clone();
        let tree = Tree::of_worktree(folder.path()).unwrap();
        let paths: Vec<_> = tree.select(["api/"]).iter().map(|file| file.path.clone()).collect();
        assert_eq!(paths, ["api/linked", "api/src/main.rs", "shared/config"]);
        fs::write(folder.path().join("shared/config"), "a = 2\n").unwrap();
        assert_ne!(files(&Tree::of_worktree(folder.path()).unwrap(), &["api/"]), files(&tree, &["api/"]));
    }

    #[test]
    fn a_folder_without_git_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Tree::of_worktree(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a git repository"), "{error}");
    }

    #[test]
    fn patterns_select_a_path_a_folder_or_names() {
        for (pattern, path, expected) in [
            ("a/b.rs", "a/b.rs", true),
            ("a/b.rs", "a/b.rs.orig", false),
            ("a/", "a/b/c.rs", true),
            ("a/", "ab/c.rs", false),
            ("a", "a/b", false),
            ("**", ".ci/run", true),
            ("**/*.rs", "main.rs", true),
            ("**/*.rs", "a/b/main.rs", true),
            ("**/*.rs", "a/b/main.rs.txt", false),
            ("*.rs", "a/main.rs", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/b/c", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("**/.cargo/", "api/.cargo/config.toml", true),
            ("a*b*c", "aXbXc", true),
            ("a*b*c", "aXcXb", false),
            ("*CA_BUNDLE*", "CURL_CA_BUNDLE", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_content_has_the_id_that_git_gives_it() {
        // git hash-object --stdin </dev/null
        assert_eq!(blob_id(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }
}
