//! What a build sends to the engine: the files that COPY lines name and .dockerignore leaves, packed.
//!
//! `docker compose build` sends the same files. Patterns mean what they mean to Docker: the last one
//! that matches decides, `!` takes back, `**` matches any number of folders, and a pattern that
//! matches a folder matches everything in it.

use super::{
    dockerfile::{Dockerfile, plain},
    images::Image,
};
use crate::{files, world::World};
use anyhow::{Context as _, Result};
use regex_lite::Regex;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use xshell::cmd;

pub const IGNORE: &str = ".dockerignore";

/// Packs the context of an image, which is a quarter of its size, and returns the archive.
pub fn pack(world: &World, image: &Image) -> Result<PathBuf> {
    let archive = world.build_folder().join(format!("squall-build/context-{}.tar.gz", image.name));
    let list = archive.with_extension("list");
    files::replace(&list, &files_of(&world.root, image)?.join("\n"))?;
    let shell = world.shell()?;
    let tar = cmd!(shell, "tar --create --gzip --file {archive} --files-from {list}");
    world.capture(tar, "check that the disk has room and that target/ is writable")?;
    Ok(archive)
}

#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

/// A line of the file.
#[derive(Debug)]
struct Pattern {
    /// Begins with `!`: what matches is sent.
    is_exception: bool,
    /// Of a pattern with wildcards: a regex takes far longer than what is compared before it.
    regex: Option<Regex>,
    /// What is between the wildcards, without slashes at its ends: a path that matches has all of it.
    literals: Vec<String>,
    /// What is before the first wildcard.
    fixed: String,
}

const WILDCARDS: [char; 4] = ['*', '?', '[', '\\'];

impl Pattern {
    fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(&self.fixed) else { return false };
        match &self.regex {
            None => rest.is_empty() || rest.starts_with('/'),
            Some(regex) => self.literals.iter().all(|it| path.contains(it)) && regex.is_match(path),
        }
    }
}

impl Ignore {
    /// The root's .dockerignore; without one everything is sent.
    pub fn read(root: &Path) -> Result<Self> {
        Ok(Self::parse(&files::read_if_there(&root.join(IGNORE))?.unwrap_or_default()))
    }

    fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(|line| {
            let path = plain(line.trim_start_matches('!').trim());
            // A class such as [ab] is left to the regex.
            let literals: Vec<_> = path.split(WILDCARDS).map(|it| it.trim_matches('/').to_owned()).collect();
            Some(Pattern {
                is_exception: line.starts_with('!'),
                regex: if path.contains(WILDCARDS) { Some(glob(path)?) } else { None },
                literals: if path.contains(['[', '\\']) { Vec::new() } else { literals },
                fixed: path.split(WILDCARDS).next()?.to_owned(),
            })
        });
        Self { patterns: patterns.collect() }
    }

    /// Whether a path, from the root of the context, is left out.
    fn excludes(&self, path: &str) -> bool {
        let decides = self.patterns.iter().rfind(|pattern| pattern.matches(path));
        decides.is_some_and(|pattern| !pattern.is_exception)
    }

    /// Whether nothing in this folder can be sent.
    fn excludes_all_of(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        let mut exceptions = self.patterns.iter().filter(|pattern| pattern.is_exception);
        self.excludes(folder)
            && !exceptions.any(|it| it.fixed.starts_with(&below) || below.starts_with(&it.fixed))
    }

    /// The files of a path that are sent, from the root of the context and in order. A link is sent
    /// as a link.
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
        let below = |name| if path.is_empty() { name } else { format!("{path}/{name}") };
        let sent = names.into_iter().map(|name| self.files(root, &below(name)));
        Ok(sent.collect::<Result<Vec<_>>>()?.concat())
    }
}

/// Matches what Docker's pattern matches, and all that is in a folder of that name.
pub fn glob(pattern: &str) -> Option<Regex> {
    let mut regex = pattern.replace("**/", "\u{1}").replace("**", "\u{2}");
    for (from, to) in [(".", "\\."), ("+", "\\+"), ("(", "\\("), ("*", "[^/]*"), ("?", "[^/]")] {
        regex = regex.replace(from, to);
    }
    Regex::new(&format!("^{}(/.*)?$", regex.replace('\u{1}', "(.*/)?").replace('\u{2}', ".*"))).ok()
}

/// The files that an image is made from, from the root of the repository.
pub fn files_of(root: &Path, image: &Image) -> Result<Vec<String>> {
    let files = files_of_each(root, std::slice::from_ref(image))?;
    Ok(files.into_values().next().unwrap_or_default())
}

/// The same of several images, by name. What they share is listed once.
pub fn files_of_each(root: &Path, images: &[Image]) -> Result<BTreeMap<String, Vec<String>>> {
    let (ignore, mut listed) = (Ignore::read(root)?, BTreeMap::new());
    let files =
        images.iter().map(|image| Ok((image.name.to_owned(), sent(root, image, &ignore, &mut listed)?)));
    files.collect()
}

fn sent(
    root: &Path,
    image: &Image,
    ignore: &Ignore,
    listed: &mut BTreeMap<String, Vec<String>>,
) -> Result<Vec<String>> {
    let dockerfile = Dockerfile::read(root, image.dockerfile)?;
    let stage = dockerfile.target(image.name);
    let stage = stage.with_context(|| format!("{} has no stage {}", image.dockerfile, image.name))?;
    let mut files = vec![image.dockerfile.to_owned()];
    for source in dockerfile.sources(stage) {
        // Of a pattern the whole folder, which is never too little.
        let fixed = source.find(['*', '?']).map_or(source.as_str(), |at| &source[..at]);
        let folder = fixed.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = if fixed == source { &source } else { folder };
        if !listed.contains_key(path) {
            listed.insert(path.to_owned(), ignore.files(root, path)?);
        }
        files.extend(listed[path].iter().cloned());
    }
    files.sort();
    files.dedup();
    Ok(files)
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
        check("a/**/z", "a/z", true);
        check("a/**/z", "a/b/c/z", true);
        check("# a comment\n\n./y", "y", true);
        check("file?.rs", "file1.rs", true);
        check("file[12].rs", "file2.rs", true);
        check("*\n![ab]*.sql", "b1.sql", false);
        check("*\n![ab]*.sql", "c1.sql", true);
        check("", "anything", false);
        let folders =
            [("target", "target", true), ("*\n!api/src", "api", false), ("*\n!api/src", "web", true)];
        for (text, folder, expected) in folders.into_iter().chain([("*\n!**/a", "web/src", false)]) {
            assert_eq!(Ignore::parse(text).excludes_all_of(folder), expected, "{folder} by {text:?}");
        }
    }
}
