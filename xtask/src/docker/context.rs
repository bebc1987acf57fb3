//! What a build sends to the engine: the files that COPY lines name and .dockerignore leaves, packed.
//!
//! Those two are the only definition of the build context. `docker compose build` sends the same files.
//! Patterns mean what they mean to Docker: the last one that matches decides, `!` takes back, `**` matches any
//! number of folders, and a pattern that matches a folder matches everything in it.

use super::{dockerfile::Dockerfile, images::Image};
use crate::{failure::OrFail, files, world::World};
use anyhow::{Context as _, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub const IGNORE: &str = ".dockerignore";

#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    is_exception: bool,
    parts: Vec<String>,
}

impl Ignore {
    /// The root's .dockerignore; without one everything is sent.
    pub fn read(root: &Path) -> Result<Option<Self>> {
        Ok(files::read_if_there(&root.join(IGNORE))?.map(|text| Self::parse(&text)))
    }

    pub fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let path = line.trim_start_matches('!').trim();
            let mut parts: Vec<String> = Vec::new();
            for part in path.split('/') {
                match part {
                    "" | "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part.to_owned()),
                }
            }
            Pattern { is_exception: line.starts_with('!'), parts }
        });
        Self { patterns: patterns.collect() }
    }

    /// Whether a path, from the root of the context, is left out.
    pub fn excludes(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        let decides = self.patterns.iter().rfind(|pattern| pattern.matches(&parts));
        decides.is_some_and(|pattern| !pattern.is_exception)
    }

    /// Whether nothing in this folder can be sent.
    fn excludes_all_of(&self, folder: &str) -> bool {
        let parts: Vec<&str> = folder.split('/').collect();
        let exceptions = || self.patterns.iter().filter(|pattern| pattern.is_exception);
        self.excludes(folder) && !exceptions().any(|pattern| pattern.may_match_below(&parts))
    }

    /// The files of a path that are sent, from the root of the context and in order. A link is sent as a link.
    pub fn files(&self, root: &Path, path: &str) -> Result<Vec<String>> {
        let Ok(kind) = root.join(path).symlink_metadata() else { return Ok(Vec::new()) };
        if !kind.is_dir() {
            return Ok(if self.excludes(path) { Vec::new() } else { vec![path.to_owned()] });
        }
        if !path.is_empty() && self.excludes_all_of(path) {
            return Ok(Vec::new());
        }
        let folder = root.join(path);
        let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
        let mut names: Vec<_> =
            entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        let mut sent = Vec::new();
        for name in names {
            let below = if path.is_empty() { name } else { format!("{path}/{name}") };
            sent.extend(self.files(root, &below)?);
        }
        Ok(sent)
    }
}

impl Pattern {
    /// The path or a folder that it is in.
    fn matches(&self, path: &[&str]) -> bool {
        (1..=path.len()).any(|length| matches(&self.parts, &path[..length]))
    }

    fn may_match_below(&self, folder: &[&str]) -> bool {
        let parts = self.parts.iter().zip(folder);
        parts.clone().all(|(part, name)| glob(part, name)) || parts.clone().any(|(part, _)| part == "**")
    }
}

fn matches(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((any, rest)), _) if any == "**" => {
            // At the end `**` needs something to match.
            (rest.is_empty() && !path.is_empty())
                || (!rest.is_empty() && matches(rest, path))
                || (!path.is_empty() && matches(pattern, &path[1..]))
        }
        (Some((first, rest)), Some((name, below))) => glob(first, name) && matches(rest, below),
        _ => false,
    }
}

/// `*` and `?` within one name.
pub fn glob(pattern: &str, name: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern == name;
    }
    let mut letters = name.chars();
    match pattern.chars().next() {
        Some('*') => {
            let rest = &pattern[1..];
            glob(rest, name) || (letters.next().is_some() && glob(pattern, letters.as_str()))
        }
        Some('?') => letters.next().is_some() && glob(&pattern[1..], letters.as_str()),
        Some(first) => letters.next() == Some(first) && glob(&pattern[first.len_utf8()..], letters.as_str()),
        None => name.is_empty(),
    }
}

/// The files that an image is made from, from the root of the repository.
pub fn files_of(root: &Path, image: &Image) -> Result<Vec<String>> {
    let dockerfile = Dockerfile::read(root, image.dockerfile)?;
    let stage = dockerfile.target(image.name);
    let stage = stage.with_context(|| format!("{} has no stage {}", image.dockerfile, image.name))?;
    let ignore = Ignore::read(root)?.unwrap_or_default();
    let mut files = vec![image.dockerfile.to_owned()];
    for source in dockerfile.sources(stage) {
        // Of a pattern the whole folder, which is never too little.
        let fixed = source.find(['*', '?']).map_or(source.as_str(), |at| &source[..at]);
        let folder = fixed.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = if fixed == source { &source } else { folder };
        files.extend(ignore.files(root, path)?);
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Packs the context of an image and returns the archive.
pub fn pack(world: &World, image: &Image) -> Result<PathBuf> {
    let next = "check that the folder target is writable and that the disk has room";
    let folder = world.build_folder().join("squall-build");
    fs::create_dir_all(&folder)?;
    let file = |end: &str| folder.join(format!("context-{}.{end}", image.name));
    let (archive, list) = (file("tar.gz"), file("list"));
    fs::write(&list, files_of(&world.root, image)?.join("\n"))?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--file"]).arg(&archive);
    tar.arg("--directory").arg(&world.root).arg("--files-from").arg(&list);
    super::engine::capture(tar).or_fail(format!("packing the sources of {}", image.name), next)?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_docker_means_by_them() {
        let check = |text: &str, path: &str, expected| {
            assert_eq!(Ignore::parse(text).excludes(path), expected, "{path} by {text:?}");
        };
        check("target", "target/debug/x", true);
        check("target", "api/target/x", false);
        check("**/target", "api/target/x", true);
        check("**/target", "target", true);
        check("/web/dist/", "web/dist/a.js", true);
        check("*.md", "docs/README.md", false);
        check("**/*.md\n!README.md", "README.md", false);
        check("**/*.md\n!README.md", "docs/a.md", true);
        check("*\n!api\n!Cargo.*", "api/src/main.rs", false);
        check("*\n!api\n!Cargo.*", "Cargo.lock", false);
        check("*\n!api\napi/tests", "api/tests/a.rs", true);
        check("docs/**", "docs", false);
        check("a/**/z", "a/z", true);
        check("a/**/z", "a/b/c/z", true);
        check("# a comment\n\n./x/../y", "y", true);
        check("file?.rs", "file1.rs", true);
        check("", "anything", false);
    }

    #[test]
    fn a_folder_is_entered_only_if_something_in_it_can_be_sent() {
        let check = |text: &str, folder: &str, expected| {
            assert_eq!(Ignore::parse(text).excludes_all_of(folder), expected, "{folder} by {text:?}");
        };
        check("target", "target", true);
        check("*\n!api/src", "api", false);
        check("*\n!api/src", "web", true);
        check("*\n!**/Cargo.toml", "web/src", false);
        check("docs/**", "docs", false);
    }
}
