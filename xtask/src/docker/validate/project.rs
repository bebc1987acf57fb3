//! The files of a repository that containers are made of.

use super::{
    compose::{Build, Source},
    context::Ignore,
    dockerfile::Dockerfile,
    rules::compose::Readers,
};
use crate::files;
use anyhow::{Context, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

/// The file at the root of a context; beside a Dockerfile its name is the end of a longer one.
pub const IGNORE: &str = ".dockerignore";

/// Folders in which nothing of ours stands.
const SKIPPED: [&str; 6] = [".git", "target", "node_modules", "dist", "docs", "tests"];

#[derive(Debug, Default)]
pub struct Project {
    pub root: PathBuf,
    pub dockerfiles: Dockerfiles,
    pub composes: Vec<Source>,
    /// What the root's .dockerignore says, and those beside Dockerfiles, by their names.
    ignores: BTreeMap<String, Ignore>,
    pub has_ignore: bool,
    pub readers: Readers,
}

#[derive(Debug, Default)]
pub struct Dockerfiles {
    root: PathBuf,
    files: BTreeMap<String, DockerfileOf>,
}

#[derive(Debug)]
pub struct DockerfileOf {
    pub path: String,
    pub text: String,
    pub parsed: Dockerfile,
    /// BuildKit reads UTF-8 and nothing else.
    pub is_utf8: bool,
}

impl Dockerfiles {
    pub fn get(&self, path: &str) -> Option<&DockerfileOf> {
        self.files.get(path)
    }

    pub fn all(&self) -> impl Iterator<Item = &DockerfileOf> {
        self.files.values()
    }

    /// Where a build finds its Dockerfile, from the root of the repository.
    pub fn path_of(&self, build: &Build) -> String {
        let from_root =
            |path: &str| Path::new(path).strip_prefix(&self.root).unwrap_or(Path::new(path)).to_owned();
        let name = build.dockerfile.as_deref().unwrap_or("Dockerfile");
        plain(&Path::new(&build.folder).join(from_root(&build.context)).join(from_root(name)))
    }
}

/// A path without `.` and `..`, with slashes.
fn plain(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    parts.join("/")
}

/// Whether a file's name says that it is a Dockerfile.
pub fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let bare = ["dockerfile", "containerfile"];
    // `dockerfile.rs` is a program about Dockerfiles.
    let is_other =
        [".dockerignore", ".rs", ".md", ".txt", ".tpl", ".template"].iter().any(|end| lower.ends_with(end));
    !is_other
        && bare.iter().any(|bare| {
            lower == *bare || lower.starts_with(&format!("{bare}.")) || lower.ends_with(&format!(".{bare}"))
        })
}

/// `compose.yaml`, `docker-compose.yml`, `compose.prod.yaml`, `x.compose.yaml`.
pub fn is_compose(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let Some(stem) = lower.strip_suffix(".yaml").or_else(|| lower.strip_suffix(".yml")) else { return false };
    stem.split(['.', '-']).any(|part| part == "compose")
}

impl Project {
    /// All of a repository, or only the given files of it.
    pub fn read(root: &Path, given: &[PathBuf]) -> Result<Self> {
        let mut project = Self { root: root.to_owned(), ..Self::default() };
        project.dockerfiles.root = root.to_owned();
        let mut paths = Vec::new();
        if given.is_empty() {
            files::walk(root, &SKIPPED, &mut |path| {
                paths.push(path.to_owned());
                Ok(())
            })?;
        } else {
            paths.extend(given.iter().map(|path| root.join(path)));
        }
        for path in &paths {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if is_compose(&name) {
                let text = String::from_utf8_lossy(&read(path)?).into_owned();
                project.composes.push(Source { path: project.name(path), text });
            } else if is_dockerfile(&name) || !given.is_empty() {
                let (text, is_utf8) = decode(&read(path)?);
                let path = project.name(path);
                let parsed = Dockerfile::parse(&text);
                project.dockerfiles.files.insert(path.clone(), DockerfileOf { path, text, parsed, is_utf8 });
            } else {
                project.learn(path, &name)?;
            }
        }
        if let Some(text) = files::read_if_there(&root.join(".dockerignore"))? {
            project.ignores.insert(IGNORE.to_owned(), Ignore::parse(&text));
            project.has_ignore = true;
        }
        project.ignores.entry(IGNORE.to_owned()).or_default();
        for path in project.dockerfiles.files.keys() {
            let name = format!("{path}{IGNORE}");
            if let Some(text) = files::read_if_there(&root.join(&name))? {
                project.ignores.insert(name, Ignore::parse(&text));
            }
        }
        let example = files::read_if_there(&root.join(".env.example"))?;
        project.readers.example = example.map(|text| names_in(&text));
        // The base first, then what is laid over it.
        project.composes.sort_by_key(|source| (source.path.matches('/').count(), source.path.clone()));
        Ok(project)
    }

    /// The .dockerignore that holds for a Dockerfile: one beside it goes before that of the root.
    pub fn ignore_of(&self, dockerfile: &str) -> (String, &Ignore) {
        let own = format!("{dockerfile}{IGNORE}");
        let name = if self.ignores.contains_key(&own) { own } else { IGNORE.to_owned() };
        let ignore = &self.ignores[&name];
        (name, ignore)
    }

    fn name(&self, path: &Path) -> String {
        plain(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// Keeps what can read the environment.
    fn learn(&mut self, path: &Path, name: &str) -> Result<()> {
        let shown = self.name(path);
        if name.ends_with(".rs") && !shown.starts_with("xtask/") {
            self.readers.sources.push(String::from_utf8_lossy(&read(path)?).into_owned());
        } else if shown.starts_with("infra/") && !name.ends_with(".md") {
            self.readers.templates.push(String::from_utf8_lossy(&read(path)?).into_owned());
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// The text of a file, and whether it is UTF-8. Others are read by their byte order mark, so that rules can speak about them too.
fn decode(bytes: &[u8]) -> (String, bool) {
    let units = |width: usize, little: bool| {
        let unit = move |unit: &[u8]| {
            let add = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
            if little { unit.iter().rev().fold(0, add) } else { unit.iter().fold(0, add) }
        };
        bytes[width..].chunks_exact(width).map(unit).collect::<Vec<u32>>()
    };
    let wide = |units: Vec<u32>| units.into_iter().filter_map(char::from_u32).collect();
    let narrow = |units: Vec<u32>| {
        let units: Vec<u16> = units.into_iter().map(|unit| (unit & 0xffff) as u16).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => (wide(units(4, true)), false),
        [0, 0, 0xfe, 0xff, ..] => (wide(units(4, false)), false),
        [0xff, 0xfe, ..] => (narrow(units(2, true)), false),
        [0xfe, 0xff, ..] => (narrow(units(2, false)), false),
        _ => (String::from_utf8_lossy(bytes).into_owned(), std::str::from_utf8(bytes).is_ok()),
    }
}

/// Names that an example of `.env` sets, in comments too.
fn names_in(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(|line| line.trim_start_matches(['#', ' ']).trim_start_matches("export "));
    let names = lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let is_name = |name: &str| {
        name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
    };
    names.filter(|name| !name.is_empty() && is_name(name)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        for name in ["Dockerfile", "rust.Dockerfile", "Dockerfile.dev", "Containerfile", "api.dockerfile"] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in ["rust.Dockerfile.dockerignore", "Dockerfiles.md", "dockerfile.rs"] {
            assert!(!is_dockerfile(name), "{name}");
        }
        for name in ["compose.yaml", "docker-compose.yml", "compose.prod.yaml", "docker-compose.override.yml"]
        {
            assert!(is_compose(name), "{name}");
        }
        for name in ["composer.yaml", "compose.rs", "prometheus.yaml"] {
            assert!(!is_compose(name), "{name}");
        }
    }

    #[test]
    fn other_encodings_are_read_and_told() {
        assert!(decode("\u{feff}FROM a".as_bytes()).1);
        assert_eq!(decode(b"\xff\xfea\0b\0"), ("ab".to_owned(), false));
        assert_eq!(decode(b"\0\0\xfe\xff\0\0\0a"), ("a".to_owned(), false));
        assert_eq!(decode(b"a\xff"), ("a\u{fffd}".to_owned(), false));
    }

    #[test]
    fn an_example_names_what_is_commented_out_too() {
        let names = names_in("# Words = about it\n# A=1\nB=\n\nexport C=x\n# no name here\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["A", "B", "C"]);
    }
}
