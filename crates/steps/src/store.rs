//! Results by key, in a folder that all clones of a user share, and in a shared store behind it.
//!
//! Every file carries its own hash: one that was cut short, damaged or exchanged is no result. Nothing
//! here stops a run: a store that cannot be read or written costs time, and reports it once.

use crate::{
    code,
    key::Key,
    remote::Remote,
    step::Outputs,
    tree::{self, Tree},
};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What the folder may hold: a few thousand results and some builds of the web app.
pub const LIMIT_BYTES: u64 = 1 << 30;

/// A log above this is kept with its end alone.
pub const LOG_LIMIT_BYTES: usize = 4 << 20;

/// One file of the outputs above this is not kept, and so is the result.
pub const OUTPUT_LIMIT_BYTES: u64 = 64 << 20;

/// The file with the codes of sources. Raise the number when the meaning of a code changes.
const CODES: &str = "codes-2";

/// Once the file has this many codes, it starts over with those of the current tree.
const CODES_LIMIT: usize = 10_000;

/// How a step ended, and what it left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredResult {
    /// The step.
    pub step: String,
    /// Whether it passed. One that failed is shown, and never used instead of a run.
    pub passed: bool,
    /// How long it took.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub finished: u64,
    /// What it printed.
    pub log: Blob,
    /// The files of its output folder.
    pub outputs: Vec<OutputFile>,
    /// What it depended on.
    pub key: Blob,
}

/// The BLAKE3 hash of a content in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blob(String);

/// A file of an output folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutputFile {
    /// From the root of the repository.
    pub path: String,
    /// Whether it is a program.
    pub is_program: bool,
    /// What it holds.
    pub content: Blob,
}

impl StoredResult {
    /// The hash of the output files, which is part of the keys of the steps that read them.
    pub fn outputs_hash(&self) -> String {
        hash_of_outputs(&self.outputs)
    }
}

/// The hash of output files: their paths, contents and modes.
pub fn hash_of_outputs(outputs: &[OutputFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for OutputFile { path, is_program, content } in outputs {
        hasher.update(format!("{}\0{path}\0{is_program}\0{}\0", path.len(), content.0).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// How a step ended, before it is stored.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Whether it passed.
    pub passed: bool,
    /// How long it took.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub finished: u64,
    /// What it printed.
    pub log: &'a [u8],
    /// The files of its output folder.
    pub outputs: Vec<OutputFile>,
}

/// The store of results.
pub struct Store {
    folder: PathBuf,
    /// None once it has failed: each further request would wait as long.
    remote: RefCell<Option<Remote>>,
    /// What went wrong, each once.
    problems: RefCell<BTreeSet<String>>,
}

impl Store {
    /// The store in `folder`, which need not exist yet.
    pub fn new(folder: PathBuf, remote: Option<Remote>) -> Self {
        Self { folder, remote: RefCell::new(remote), problems: RefCell::default() }
    }

    /// What went wrong so far, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        self.problems.borrow().iter().cloned().collect()
    }

    fn problem(&self, problem: impl Into<String>) {
        self.problems.borrow_mut().insert(problem.into());
    }

    /// The result with a key, if there is one and all that it needs is there and whole.
    pub fn find(&self, key: &str) -> Option<StoredResult> {
        let result: StoredResult = self.read_json(&format!("results/{key}"))?;
        let contents = result.outputs.iter().map(|output| &output.content).chain([&result.log]);
        let is_whole = contents.into_iter().all(|blob| self.has(blob));
        (is_whole && result.passed).then_some(result)
    }

    /// The last result of a step on this machine, for showing.
    pub fn last(&self, step: &str) -> Option<StoredResult> {
        self.read_json(&format!("last/{step}"))
    }

    /// The key that a result was stored with.
    pub fn key_of(&self, result: &StoredResult) -> Option<Key> {
        serde_json::from_slice(&self.read_blob(&result.key)?).ok()
    }

    /// What a step printed.
    pub fn log_of(&self, result: &StoredResult) -> Option<Vec<u8>> {
        self.read_blob(&result.log)
    }

    /// The name of the code of each Rust source of a tree, by the name of its content: see
    /// [`crate::code`]. A content is read once on a machine.
    pub fn codes(&self, root: &Path, tree: &Tree) -> BTreeMap<String, String> {
        let known: BTreeMap<String, String> = self.read_json(CODES).unwrap_or_default();
        let sources = tree.files().iter().filter(|file| file.path.ends_with(".rs"));
        let code = |file: &tree::File| {
            let source = fs::read(root.join(&file.path)).ok()?;
            // It may have changed since the tree was listed.
            (tree::blob_id(&source) == file.id).then_some(())?;
            Some(code::id(str::from_utf8(&source).ok()?))
        };
        let named = sources.filter_map(|file| {
            let code = known.get(&file.id).cloned().or_else(|| code(file))?;
            Some((file.id.clone(), code))
        });
        let codes: BTreeMap<_, _> = named.collect();
        if codes.keys().any(|id| !known.contains_key(id)) {
            let mut all = codes.clone();
            if known.len() < CODES_LIMIT {
                all.extend(known);
            }
            if let Err(error) = self.write_json(CODES, &all) {
                self.problem(format!("results are not kept: {error:#}"));
            }
        }
        codes
    }

    /// Forgets a result that proved wrong.
    pub fn forget(&self, key: &str) {
        let _ = fs::remove_file(self.path(&format!("results/{key}")));
    }

    /// Keeps a result: one that passed under its key, any as the last one of its step.
    pub fn keep(&self, step: &str, ended: Ended<'_>, key: &Key) {
        let Ended { passed, seconds, finished, log, outputs } = ended;
        let kept = || -> Result<()> {
            let start = log.len().saturating_sub(LOG_LIMIT_BYTES);
            let (log, listed) =
                (self.write_blob(&log[start..])?, self.write_blob(&serde_json::to_vec(key)?)?);
            let result =
                StoredResult { step: step.to_owned(), passed, seconds, finished, log, outputs, key: listed };
            if passed {
                self.write_json(&format!("results/{}", key.hash()), &result)?;
                self.share(&key.hash(), &result);
            }
            self.write_json(&format!("last/{step}"), &result)
        };
        if let Err(error) = kept() {
            self.problem(format!("results are not kept: {error:#}"));
        }
    }

    /// Reads a folder of the repository into the store.
    ///
    /// # Errors
    /// A file cannot be read or kept, or is too large.
    pub fn take(&self, root: &Path, outputs: &Outputs) -> Result<Vec<OutputFile>> {
        let Outputs::Folder(folder) = outputs else { return Ok(Vec::new()) };
        let mut paths = Vec::new();
        list(&root.join(folder), &mut paths)?;
        let mut files = Vec::new();
        for path in paths {
            let metadata = path.metadata().with_context(|| format!("reading {}", path.display()))?;
            ensure!(metadata.len() <= OUTPUT_LIMIT_BYTES, "{} has {} bytes", path.display(), metadata.len());
            let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            let content = self.write_blob(&content).unwrap_or_else(|error| {
                self.problem(format!("results are not kept: {error:#}"));
                Blob::of(&content)
            });
            let is_program = metadata.permissions().mode() & 0o100 != 0;
            let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
            files.push(OutputFile { path, is_program, content });
        }
        files.sort();
        Ok(files)
    }

    /// Puts the output folder of a result back as it was.
    ///
    /// # Errors
    /// A content is missing, or the folder cannot be written.
    pub fn put_back(&self, root: &Path, result: &StoredResult, outputs: &Outputs) -> Result<()> {
        let Outputs::Folder(folder) = outputs else { return Ok(()) };
        let folder = root.join(folder);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("deleting {}", folder.display()));
            }
            _ => {}
        }
        for OutputFile { path, is_program, content } in &result.outputs {
            let path = root.join(path);
            let content = self.read_blob(content).context("the store lost a file of this result")?;
            fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
            let mode = if *is_program { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Deletes the files that were not used for longest, until the rest fits.
    pub fn shrink(&self, limit_bytes: u64) {
        let mut files = Vec::new();
        for folder in ["results", "blobs"] {
            let entries = fs::read_dir(self.folder.join(folder)).into_iter().flatten().flatten();
            files.extend(entries.filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            }));
        }
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        files.sort();
        for (_, length, path) in files {
            if bytes <= limit_bytes {
                break;
            }
            let _ = fs::remove_file(path);
            bytes -= length;
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn has(&self, blob: &Blob) -> bool {
        self.read_blob(blob).is_some()
    }

    fn read_blob(&self, blob: &Blob) -> Option<Vec<u8>> {
        self.read(&format!("blobs/{}", blob.0), |content| Blob::of(content) == *blob)
    }

    fn write_blob(&self, content: &[u8]) -> Result<Blob> {
        let blob = Blob::of(content);
        self.write(&format!("blobs/{}", blob.0), content)?;
        Ok(blob)
    }

    fn read_json<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let bytes = self.read(name, |content| unseal(content).is_some())?;
        serde_json::from_slice(unseal(&bytes)?).ok()
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.write(name, &seal(&serde_json::to_vec(value)?))
    }

    /// A file that is whole, here or in the shared store; a damaged one is deleted.
    fn read(&self, name: &str, is_whole: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(content) if is_whole(&content) => {
                // Used now, and so not deleted soon. A folder that is read-only keeps its order.
                let _ = File::options()
                    .append(true)
                    .open(&path)
                    .and_then(|file| file.set_modified(SystemTime::now()));
                return Some(content);
            }
            Ok(_) => {
                self.problem(format!(
                    "{} was damaged; it is deleted and its step runs again",
                    path.display()
                ));
                let _ = fs::remove_file(&path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.problem(format!("{} cannot be read: {error}", path.display())),
        }
        // What a step did last, and which sources were read, are matters of this machine.
        let is_local = name.starts_with("last/") || name == CODES;
        let remote = self.remote.borrow().clone().filter(|_| !is_local)?;
        let content = remote.get(name).unwrap_or_else(|error| {
            self.give_up_remote(&error);
            None
        })?;
        if !is_whole(&content) {
            self.problem(format!("{name} of the shared store is damaged and is not used"));
            return None;
        }
        let _ = self.write(name, &content);
        Some(content)
    }

    /// Writes a file as a whole: a reader, another run, or a crash sees all of it or none.
    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.path(name);
        let writing = || format!("writing {}", path.display());
        let folder = path.parent().context("a file has a folder")?;
        fs::create_dir_all(folder).with_context(writing)?;
        let aside = path.with_extension(format!("{}.new", std::process::id()));
        let written = File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside);
        let written =
            written.and_then(|mut file| file.write_all(content)).and_then(|()| fs::rename(&aside, &path));
        written.with_context(writing).inspect_err(|_| drop(fs::remove_file(&aside)))
    }

    /// Sends a result and what belongs to it to the shared store, the result last.
    fn share(&self, key: &str, result: &StoredResult) {
        let Some(remote) = self.remote.borrow().clone().filter(|remote| remote.is_writable) else { return };
        let blobs = result.outputs.iter().map(|output| &output.content).chain([&result.log, &result.key]);
        let names = blobs.map(|blob| format!("blobs/{}", blob.0)).chain([format!("results/{key}")]);
        for name in names {
            if let Err(error) = remote.put(&name, &self.path(&name)) {
                return self.give_up_remote(&error);
            }
        }
    }

    fn give_up_remote(&self, error: &anyhow::Error) {
        self.problem(format!("{error:#}; this run continues without it"));
        *self.remote.borrow_mut() = None;
    }
}

impl Blob {
    fn of(content: &[u8]) -> Self {
        Self(blake3::hash(content).to_hex().to_string())
    }
}

/// A content behind a line with its hash.
fn seal(content: &[u8]) -> Vec<u8> {
    [blake3::hash(content).to_hex().as_bytes(), b"\n", content].concat()
}

fn unseal(sealed: &[u8]) -> Option<&[u8]> {
    let (hash, content) = sealed.split_at_checked(blake3::OUT_LEN * 2)?;
    let content = content.strip_prefix(b"\n")?;
    (blake3::hash(content).to_hex().as_bytes() == hash).then_some(content)
}

/// The files of a folder and of those in it. A link may lead anywhere, and so does not count.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        } else {
            bail!("{} is not a file", entry.path().display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use tempfile::TempDir;

    fn key(plan: &str) -> Key {
        let (files, outputs) = (BTreeMap::new(), BTreeMap::new());
        Key { plan: plan.to_owned(), files, outputs, tools: BTreeMap::new(), environment: BTreeMap::new() }
    }

    fn web() -> Outputs {
        Outputs::Folder("dist".to_owned())
    }

    /// A clone with an output folder, and a store that has kept a result with it.
    fn kept() -> (TempDir, Store, StoredResult) {
        let folder = tempfile::tempdir().unwrap();
        let (root, store) = (folder.path(), Store::new(folder.path().join("store"), None));
        fs::create_dir_all(root.join("dist/assets")).unwrap();
        fs::write(root.join("dist/index.html"), "<html>").unwrap();
        fs::write(root.join("dist/assets/run"), "exit").unwrap();
        fs::set_permissions(root.join("dist/assets/run"), fs::Permissions::from_mode(0o755)).unwrap();
        let outputs = store.take(root, &web()).unwrap();
        let ended = Ended { passed: true, seconds: 1.5, finished: 100, log: b"built\n", outputs };
        store.keep("build-web", ended, &key("a"));
        let found = store.find(&key("a").hash()).unwrap();
        (folder, store, found)
    }

    #[test]
    fn a_result_is_found_by_its_key_with_its_log_and_its_files() {
        let (folder, store, result) = kept();
        assert!(store.find(&key("b").hash()).is_none());
        assert_eq!((result.seconds, result.finished), (1.5, 100));
        assert_eq!(store.log_of(&result).unwrap(), b"built\n");
        assert_eq!(store.key_of(&result).unwrap(), key("a"));
        fs::write(folder.path().join("dist/old.js"), "of another build").unwrap();
        store.put_back(folder.path(), &result, &web()).unwrap();
        assert_eq!(store.take(folder.path(), &web()).unwrap(), result.outputs);
        assert_eq!(store.problems(), Vec::<String>::new());
    }

    #[test]
    fn a_failed_result_is_shown_and_never_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned(), None);
        let ended = Ended { passed: false, seconds: 1.0, finished: 1, log: b"error", outputs: Vec::new() };
        store.keep("tsc", ended, &key("a"));
        assert!(store.find(&key("a").hash()).is_none());
        assert!(!store.last("tsc").unwrap().passed);
    }

    #[test]
    fn a_damaged_file_of_the_store_is_no_result() {
        type Damage = fn(&Path);
        let damages: [(&str, Damage); 4] = [
            ("cut short", |path| {
                let file = File::options().write(true).open(path).unwrap();
                file.set_len(path.metadata().unwrap().len() / 2).unwrap();
            }),
            ("one bit", |path| {
                let mut content = fs::read(path).unwrap();
                let last = content.len() - 1;
                content[last] ^= 1;
                fs::write(path, content).unwrap();
            }),
            ("empty", |path| fs::write(path, "").unwrap()),
            ("gone", |path| fs::remove_file(path).unwrap()),
        ];
        let paths = |store: &Store| {
            let list =
                |name| fs::read_dir(store.folder.join(name)).unwrap().map(|entry| entry.unwrap().path());
            list("results").chain(list("blobs")).collect::<Vec<_>>()
        };
        let count = paths(&kept().1).len();
        for (name, damage) in damages {
            for at in 0..count {
                let (_folder, store, result) = kept();
                let path = &paths(&store)[at];
                // The list of what it depended on is for explaining alone.
                if path.ends_with(&result.key.0) {
                    continue;
                }
                damage(path);
                assert!(store.find(&key("a").hash()).is_none(), "{name} {}", path.display());
                assert_eq!(store.problems().is_empty(), name == "gone", "{name} {:?}", store.problems());
            }
        }
    }

    #[test]
    fn a_store_that_cannot_be_written_costs_a_sentence_and_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let store = Store::new(file.join("store"), None);
        let ended = Ended { passed: true, seconds: 1.0, finished: 1, log: b"", outputs: Vec::new() };
        store.keep("tsc", ended, &key("a"));
        assert!(store.find(&key("a").hash()).is_none());
        let is_said = |problem: &String| problem.starts_with("results are not kept: ");
        assert!(store.problems().iter().any(is_said), "{:?}", store.problems());
    }

    #[test]
    fn the_files_unused_for_longest_are_deleted_until_the_rest_fits() {
        let (_folder, store, result) = kept();
        let old = SystemTime::UNIX_EPOCH;
        let log = store.path(&format!("blobs/{}", result.log.0));
        File::options().append(true).open(&log).unwrap().set_modified(old).unwrap();
        let bytes = |store: &Store| -> u64 {
            let list = ["results", "blobs"].map(|name| fs::read_dir(store.folder.join(name)).unwrap());
            list.into_iter().flatten().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
        };
        let before = bytes(&store);
        store.shrink(before);
        assert_eq!(bytes(&store), before);
        store.shrink(before - 1);
        assert!(!log.exists());
        assert_eq!(bytes(&store), before - b"built\n".len() as u64);
        assert!(store.find(&key("a").hash()).is_none(), "a result without its log counts for nothing");
    }
}
