//! `generated`: everything that is committed and made from something else.

pub mod queries;
pub mod openapi;
pub mod workflows;

use crate::{failure::Failure, files::read_if_there, test, world::World};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Arguments {
    /// Change nothing, and fail if something would change.
    #[arg(long)]
    pub check: bool,
}

/// Each part in the order in which one needs another: queries let the api compile, the api
/// describes itself, and the tests compare their snapshots and the tables of the docs.
pub fn run(world: &World, arguments: Arguments) -> Result<()> {
    queries::run(world, arguments)?;
    openapi::run(world, arguments)?;
    workflows::run(world, arguments)?;
    test::snapshots(world, arguments.check)
}

/// Write the files that changed or, with `check`, fail if there are any. An empty text removes its
/// file; `command` is what renews them.
pub fn renew(world: &World, files: &[(PathBuf, String)], check: bool, command: &str) -> Result<()> {
    let mut differences = Vec::new();
    for (path, fresh) in files {
        let committed = read_if_there(path)?.unwrap_or_default();
        if committed == *fresh {
            continue;
        }
        if check {
            let path = path.strip_prefix(&world.root).unwrap_or(path);
            differences.push(difference(path, &committed, fresh));
        } else if fresh.is_empty() {
            fs::remove_file(path).with_context(|| format!("removing {}", path.display()))?;
        } else {
            fs::create_dir_all(path.parent().context("a file has a folder")?)?;
            fs::write(path, fresh).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let next = format!("run `cargo xtask {command}`, and commit what it changes");
    Err(Failure::new("comparing generated files with their sources", differences.join("\n"), next).into())
}

/// `web/openapi.json, line 3: "old" instead of "new"`
fn difference(path: &Path, committed: &str, fresh: &str) -> String {
    let path = path.display();
    // A new or unused file is described by how it begins.
    let begin = |text: &str| {
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(120).collect::<String>()
    };
    if committed.is_empty() {
        return format!("{path} is missing: {}", begin(fresh));
    }
    if fresh.is_empty() {
        return format!("{path} is no longer used: {}", begin(committed));
    }
    let lines = committed.lines().map(Some).chain([None]).zip(fresh.lines().map(Some).chain([None]));
    match lines.enumerate().find(|(_, (old, new))| old != new) {
        Some((index, (old, new))) => {
            let show =
                |line: Option<&str>| line.map_or("nothing".into(), |line| format!("`{}`", line.trim()));
            format!("{path}, line {}: {} instead of {}", index + 1, show(old), show(new))
        }
        None => format!("{path}: the end of the file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_file_the_line_and_both_sides() {
        for (old, new, expected) in [
            ("a\nb\n", "a\nc\n", "api.json, line 2: `b` instead of `c`"),
            ("a\n", "a\nb\n", "api.json, line 2: nothing instead of `b`"),
            ("a\nb\n", "a\n", "api.json, line 2: `b` instead of nothing"),
            ("a", "a\n", "api.json: the end of the file"),
            ("", "a\n  b\n", "api.json is missing: a b"),
            ("a\n  b\n", "", "api.json is no longer used: a b"),
        ] {
            assert_eq!(difference(Path::new("api.json"), old, new), expected);
        }
    }
}
