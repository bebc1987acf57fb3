//! What a build would send to the engine: the files of a folder that .dockerignore leaves.
//!
//! Patterns mean what they mean to Docker: the last one that matches decides, `!` takes back, `**` stands for any number of folders,
//! and a pattern that matches a folder matches all below it.

use anyhow::{Context as _, Result};
use std::{fs, path::Path};

/// Enough to know that a context is far too large; a folder of build output must not cost minutes.
const MOST_FILES: usize = 20_000;

#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    taken_back: bool,
    parts: Vec<Part>,
}

/// One name of a pattern. Most are plain, and thousands of files are compared with each.
#[derive(Debug)]
enum Part {
    /// `**`
    Any,
    Name(String),
    Glob(String),
}

impl Part {
    fn of(text: &str) -> Self {
        match text {
            "**" => Self::Any,
            text if text.contains(['*', '?', '[', '\\']) => Self::Glob(text.to_owned()),
            text => Self::Name(text.to_owned()),
        }
    }

    fn is(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Name(text) => text == name,
            Self::Glob(text) => glob(text, name),
        }
    }
}

#[derive(Debug, Default)]
pub struct Sent {
    /// Largest first.
    pub files: Vec<(u64, String)>,
    pub bytes: u64,
    /// There are more files than were counted.
    pub cut: bool,
}

impl Ignore {
    pub fn parse(text: &str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let patterns = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(|line| {
            let (taken_back, path) = match line.strip_prefix('!') {
                Some(path) => (true, path.trim()),
                None => (false, line),
            };
            let parts = clean(path);
            (!parts.is_empty()).then_some(Pattern { taken_back, parts })
        });
        Self { patterns: patterns.collect() }
    }

    /// Whether a path, from the root of the context, is left out.
    pub fn leaves_out(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut left_out = false;
        for pattern in &self.patterns {
            if left_out == pattern.taken_back && pattern.matches_with_parents(&parts) {
                left_out = !pattern.taken_back;
            }
        }
        left_out
    }

    /// Nothing below a folder that is left out can come back.
    fn is_lost(&self, folder: &str) -> bool {
        let parts: Vec<&str> = folder.split('/').collect();
        self.leaves_out(folder)
            && !self.patterns.iter().any(|pattern| pattern.taken_back && pattern.could_match_below(&parts))
    }
}

impl Pattern {
    fn matches_with_parents(&self, path: &[&str]) -> bool {
        (1..=path.len()).any(|length| matches(&self.parts, &path[..length]))
    }

    fn could_match_below(&self, folder: &[&str]) -> bool {
        self.parts.iter().zip(folder).all(|(part, name)| part.is(name))
            || self.parts.iter().take(folder.len()).any(|part| matches!(part, Part::Any))
    }
}

/// The parts of a pattern, as Go's `filepath.Clean` leaves them.
fn clean(path: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(Part::of(part)),
        }
    }
    parts
}

fn matches(pattern: &[Part], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((Part::Any, rest)), _) => {
            // At the end `**` wants something to stand for.
            (rest.is_empty() && !path.is_empty())
                || (!rest.is_empty() && matches(rest, path))
                || (!path.is_empty() && matches(pattern, &path[1..]))
        }
        (Some((first, rest)), Some((name, below))) => first.is(name) && matches(rest, below),
        _ => false,
    }
}

/// `*`, `?`, `[a-z]`, `[^a]` and `\` within one name.
pub fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    glob_at(&pattern, &name)
}

fn glob_at(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => {
            // `a**b` within a name is no more than `a*b`.
            glob_at(rest, name) || (!name.is_empty() && glob_at(pattern, &name[1..]))
        }
        Some(('?', rest)) => !name.is_empty() && glob_at(rest, &name[1..]),
        Some(('[', rest)) => match (rest.iter().position(|&letter| letter == ']'), name.split_first()) {
            (Some(end), Some((&letter, below))) => {
                let (negated, set) = match rest[..end].strip_prefix(&['^']) {
                    Some(set) => (true, set),
                    None => (false, &rest[..end]),
                };
                in_set(set, letter) != negated && glob_at(&rest[end + 1..], below)
            }
            _ => false,
        },
        Some(('\\', rest)) if !rest.is_empty() => {
            name.first() == rest.first() && glob_at(&rest[1..], &name[1..])
        }
        Some((first, rest)) => name.first() == Some(first) && glob_at(rest, &name[1..]),
    }
}

fn in_set(set: &[char], letter: char) -> bool {
    let mut at = 0;
    while at < set.len() {
        if at + 2 < set.len() && set[at + 1] == '-' {
            if (set[at]..=set[at + 2]).contains(&letter) {
                return true;
            }
            at += 3;
        } else {
            if set[at] == letter {
                return true;
            }
            at += 1;
        }
    }
    false
}

/// Walks a context. Links are sent as links, so they cost nothing.
pub fn measure(root: &Path, ignore: &Ignore) -> Result<Sent> {
    let mut sent = Sent::default();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries =
            fs::read_dir(&path).with_context(|| format!("reading the folder {}", path.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("reading the folder {}", path.display()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let below = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            // A file that vanishes meanwhile is not sent either.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !ignore.is_lost(&below) {
                    folders.push(below);
                }
            } else if kind.is_file() && !ignore.leaves_out(&below) {
                let bytes = entry.metadata().map_or(0, |metadata| metadata.len());
                sent.bytes += bytes;
                sent.files.push((bytes, below));
            }
            if sent.files.len() >= MOST_FILES {
                sent.cut = true;
                folders.clear();
                break;
            }
        }
    }
    sent.files.sort_by(|one, other| other.cmp(one));
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_docker_means_by_them() {
        let check = |text: &str, path: &str, expected| {
            assert_eq!(Ignore::parse(text).leaves_out(path), expected, "{path} by {text:?}");
        };
        check("target", "target/debug/x", true);
        check("target", "api/target/x", false);
        check("**/target", "api/target/x", true);
        check("**/target", "target", true);
        check("/web/dist/", "web/dist/a.js", true);
        check("*.md", "README.md", true);
        check("*.md", "docs/README.md", false);
        check("**/*.md\n!README.md", "README.md", false);
        check("**/*.md\n!README.md", "docs/a.md", true);
        check("*\n!api\n!Cargo.*", "api/src/main.rs", false);
        check("*\n!api\n!Cargo.*", "Cargo.lock", false);
        check("*\n!api\napi/tests", "api/tests/a.rs", true);
        check("docs/**", "docs/a/b", true);
        check("docs/**", "docs", false);
        check("a/**/z", "a/z", true);
        check("a/**/z", "a/b/c/z", true);
        check("# a comment\n\n./x/../y", "y", true);
        check("file?.[a-c]x", "file1.bx", true);
        check("file?.[^a-c]x", "file1.bx", false);
        check("a\\*", "ab", false);
        check("", "anything", false);
    }

    #[test]
    fn a_folder_is_entered_only_if_something_in_it_can_come_back() {
        let check = |text: &str, folder: &str, expected| {
            assert_eq!(Ignore::parse(text).is_lost(folder), expected, "{folder} by {text:?}");
        };
        check("target", "target", true);
        check("*\n!api/src", "api", false);
        check("*\n!api/src", "web", true);
        check("*\n!**/Cargo.toml", "web/src", false);
        check("docs/**", "docs", false);
    }
}
