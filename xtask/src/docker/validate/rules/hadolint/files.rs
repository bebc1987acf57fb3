//! COPY, ADD and WORKDIR.

use super::{Broken, Step};
use std::collections::{BTreeMap, BTreeSet};

const ARCHIVES: [&str; 15] = [
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz",
    ".txz", ".xz",
];

pub fn check(steps: &[Step<'_>], broken: &mut Broken) {
    for step in steps {
        let line = step.line();
        if step.is("WORKDIR") {
            let path = unquoted(&step.instruction.body);
            if !path.starts_with(['$', '/']) && !has_drive(path) {
                broken.insert((line, "DL3000"));
            }
        }
        let Some((sources, target)) = step.instruction.paths() else { continue };
        if step.is("ADD") {
            let is_url = |source: &str| source.starts_with("https://") || source.starts_with("http://");
            if !sources
                .iter()
                .map(|source| unquoted(source))
                .all(|source| is_archive(source) || is_url(source))
            {
                broken.insert((line, "DL3020"));
            }
        } else if step.is("COPY") {
            if sources.len() > 1 && !unquoted(&target).ends_with('/') {
                broken.insert((line, "DL3021"));
            }
            let whole = sources.iter().any(|source| unquoted(source) == "/") && unquoted(&target) == "/";
            if step.instruction.flag("from").is_some() && whole {
                broken.insert((line, "DL3067"));
            }
        }
    }
    relative_targets(steps, broken);
    unpacked_archives(steps, broken);
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

fn has_drive(path: &str) -> bool {
    let mut letters = path.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next() == Some(':')
}

fn is_archive(path: &str) -> bool {
    ARCHIVES.iter().any(|end| unquoted(path).ends_with(end))
}

/// A stage has a WORKDIR when it, or the stage it is built from, sets one.
fn relative_targets(steps: &[Step<'_>], broken: &mut Broken) {
    let mut stage = String::new();
    let mut has_workdir: BTreeMap<String, bool> = BTreeMap::new();
    for step in steps {
        if let Some(base) = step.instruction.base_image() {
            let inherited = has_workdir.get(&base.name).copied().unwrap_or(false);
            stage = base.alias.unwrap_or(base.name);
            has_workdir.insert(stage.clone(), inherited);
        } else if step.is("WORKDIR") {
            has_workdir.insert(stage.clone(), true);
        } else if let Some((_, target)) = step.instruction.paths().filter(|_| step.is("COPY")) {
            let target = unquoted(&target);
            let is_set = has_workdir.get(&stage).is_some_and(|set| *set);
            if !is_set && !target.starts_with(['/', '$']) && !has_drive(target) {
                broken.insert((step.line(), "DL3045"));
            }
        }
    }
}

/// An archive that is copied and then unpacked would have been unpacked by ADD.
fn unpacked_archives(steps: &[Step<'_>], broken: &mut Broken) {
    let mut copied: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut found: BTreeSet<usize> = BTreeSet::new();
    for step in steps {
        if step.is("FROM") {
            // Only the last stage is told: what an earlier one unpacks is thrown away with it.
            copied.clear();
            found.clear();
        } else if let Some((sources, target)) = step.instruction.paths().filter(|_| step.is("COPY")) {
            if step.instruction.flag("from").is_some() {
                continue;
            }
            let names = if is_archive(&target) { vec![target] } else { sources };
            copied.extend(names.iter().filter(|name| is_archive(name)).map(|name| (step.line(), last(name))));
        } else if step.is("RUN") {
            let unpackers = step.script.commands.iter().filter(|command| {
                let unpacks = |word: &String| {
                    matches!(word.as_str(), "--extract" | "--get")
                        || (word.starts_with('-') && word.contains('x'))
                };
                UNPACKERS.contains(&command.name.as_str())
                    || (command.name == "tar" && command.arguments.iter().any(unpacks))
            });
            let unpacked: BTreeSet<_> = unpackers.flat_map(|command| command.words(&[])).map(last).collect();
            found.extend(copied.iter().filter(|(_, name)| unpacked.contains(name)).map(|(line, _)| *line));
        }
    }
    broken.extend(found.into_iter().map(|line| (line, "DL3010")));
}

const UNPACKERS: [&str; 9] =
    ["unzip", "gunzip", "bunzip2", "unlzma", "unxz", "zgz", "uncompress", "zcat", "gzcat"];

fn last(path: impl AsRef<str>) -> String {
    unquoted(path.as_ref()).rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}
