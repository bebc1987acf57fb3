//! The files of a repository that containers are made of.

use super::{Finding, compose::Source};
use crate::{
    docker::{context::Ignore, dockerfile::Dockerfile},
    files,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf, absolute},
};

/// Folders without files of a stack. `.ci` makes base images for machines that cannot pull them.
const SKIPPED: [&str; 7] = [".ci", ".git", "target", "node_modules", "dist", "docs", "tests"];

#[derive(Debug, Default)]
pub struct Project {
    pub root: PathBuf,
    /// Not only some files of it.
    pub is_whole: bool,
    /// What hadolint can read, also where it is not a Dockerfile.
    pub texts: BTreeMap<String, String>,
    pub dockerfiles: BTreeMap<String, Dockerfile>,
    /// Why others are not Dockerfiles.
    pub broken: Vec<Finding>,
    pub composes: Vec<Source>,
    pub ignore: Ignore,
    /// Names that .env.example lists, if there is one.
    pub example: Option<BTreeSet<String>>,
    /// Names of variables that our sources quote.
    quoted: BTreeSet<String>,
    /// Templates and scripts of the images.
    templates: Vec<String>,
}

impl Project {
    /// All of a repository, or only the given files of it.
    pub fn read(root: &Path, given: &[PathBuf]) -> Result<Self> {
        let ignore = Ignore::read(root)?;
        let example = files::read_if_there(&root.join(".env.example"))?.map(|text| names_in(&text));
        let is_whole = given.is_empty();
        let mut project = Self { root: root.to_owned(), is_whole, ignore, example, ..Self::default() };
        let paths = given.iter().map(absolute).collect::<Result<Vec<_>, _>>();
        let mut paths = paths.context("finding the given files")?;
        if is_whole {
            files::walk(root, &SKIPPED, &mut |path| {
                // A link may lead to a folder.
                paths.extend(path.is_file().then(|| path.to_owned()));
                Ok(())
            })?;
        }
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let shown = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let bytes = || fs::read(&path).with_context(|| format!("reading {}", path.display()));
            let text = || Ok::<_, anyhow::Error>(String::from_utf8_lossy(&bytes()?).into_owned());
            if is_compose(&name) {
                project.composes.push(Source { path: shown, text: text()? });
            } else if is_dockerfile(&name) || !is_whole {
                match String::from_utf8(bytes()?) {
                    Ok(text) => project.add_dockerfile(shown, text),
                    Err(_) => project.broken.push(Finding::new("SQ-D07", &shown, 1, "")),
                }
            } else if name.ends_with(".rs") && !shown.starts_with("xtask/") {
                let text = text()?;
                project.quoted.extend(text.split('"').filter(|name| is_name(name)).map(str::to_owned));
            } else if shown.starts_with("infra/") && !name.ends_with(".md") {
                project.templates.push(text()?);
            }
        }
        // The base first, then the files that are laid over it.
        project.composes.sort_by_key(|source| (source.path.matches('/').count(), source.path.clone()));
        Ok(project)
    }

    fn add_dockerfile(&mut self, path: String, text: String) {
        match Dockerfile::parse(&text) {
            Ok(file) => drop(self.dockerfiles.insert(path.clone(), file)),
            Err((line, message)) => self.broken.push(Finding::new("SQ-D08", &path, line, message)),
        }
        self.texts.insert(path, text);
    }

    /// A path from the root of the repository; nothing for one outside of it.
    pub fn relative<'a>(&self, path: &'a str) -> Option<&'a str> {
        Path::new(path).strip_prefix(&self.root).ok()?.to_str()
    }

    /// Where a build finds its Dockerfile, if that is in this repository.
    pub fn dockerfile_of(&self, build: &Value) -> Option<String> {
        let context = self.relative(build["context"].as_str()?)?;
        let name = build["dockerfile"].as_str().unwrap_or("Dockerfile");
        Path::new(context).join(name).to_str().map(str::to_owned)
    }

    pub fn stage_of(&self, build: &Value) -> Option<(&Dockerfile, usize)> {
        let file = self.dockerfiles.get(&self.dockerfile_of(build)?)?;
        let stage = match build["target"].as_str() {
            Some(target) => file.target(target),
            None => file.stages.len().checked_sub(1),
        };
        Some((file, stage?))
    }

    pub fn has_sources(&self) -> bool {
        !self.quoted.is_empty()
    }

    /// Whether our programs, or the templates of an image, read a variable.
    pub fn reads(&self, name: &str) -> bool {
        let in_template = |wanted: &str| self.templates.iter().any(|text| text.contains(wanted));
        self.quoted.contains(name)
            || in_template(&format!("${{{name}"))
            || in_template(&format!("${name}"))
            // A name with _FILE is read where the code reads any name that way.
            || name.strip_suffix("_FILE").is_some_and(|base| self.quoted.contains("_FILE") && self.reads(base))
    }
}

fn is_dockerfile(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace("containerfile", "dockerfile");
    // `dockerfile.rs` is a program about Dockerfiles.
    let is_other = [".dockerignore", ".rs", ".md", ".txt"].iter().any(|end| name.ends_with(end));
    name == "dockerfile" || name.ends_with(".dockerfile") || (name.starts_with("dockerfile.") && !is_other)
}

/// `compose.yaml`, `docker-compose.yml`, `compose.prod.yaml`, `x.compose.yaml`.
fn is_compose(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    stem.is_some_and(|stem| stem.split(['.', '-']).any(|part| part == "compose"))
}

/// Names that an example of `.env` sets, in comments too.
fn names_in(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='));
    let names = names.map(|(name, _)| name.trim_start_matches("export "));
    names.filter(|name| is_name(name)).map(str::to_owned).collect()
}

fn is_name(text: &str) -> bool {
    let is_letter = |letter: &u8| letter.is_ascii_uppercase() || letter.is_ascii_digit() || *letter == b'_';
    !text.is_empty() && text.as_bytes().iter().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        for name in ["Dockerfile", "rust.Dockerfile", "Dockerfile.dev", "Containerfile", "api.dockerfile"] {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in ["compose.yaml", "docker-compose.yml", "compose.prod.yaml", "x.compose.yaml"] {
            assert!(is_compose(name), "{name}");
        }
        for name in ["rust.Dockerfile.dockerignore", "Dockerfiles.md", "dockerfile.rs", "composer.yaml"] {
            assert!(!is_dockerfile(name) && !is_compose(name), "{name}");
        }
    }
}
