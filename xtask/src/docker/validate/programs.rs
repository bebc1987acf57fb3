//! Whether the programs that an image starts are in it, as far as its Dockerfile tells.

use super::tables::TABLES;
use crate::docker::dockerfile::{Command, Dockerfile};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The rule that a command breaks because it cannot start, and why it cannot.
pub fn missing(file: &Dockerfile, stage: usize, command: &Command) -> Option<(&'static str, String)> {
    match command {
        Command::Shell if has_shell(file, stage) => None,
        Command::Shell => Some(("SQ-D04", "needs a shell, and there is no shell in".to_owned())),
        Command::Exec(words) => {
            let program = words.first().filter(|program| !program.contains('$'))?;
            let why = || ("SQ-D03", format!("starts {program}, which is not in"));
            (!has_program(file, stage, program)).then(why)
        }
    }
}

fn begins_empty(base: Option<&str>) -> bool {
    base.is_some_and(|base| TABLES.empty_images.iter().any(|empty| base.starts_with(empty)))
}

fn has_shell(file: &Dockerfile, stage: usize) -> bool {
    let shells = ["/bin/sh", "/bin/bash", "/bin/busybox"];
    !begins_empty(file.base(stage)) || shells.iter().any(|shell| is_copied(file, stage, shell))
}

fn has_program(file: &Dockerfile, stage: usize, program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or(program);
    // A RUN that names it may well have installed it.
    let is_named = |text: &str| {
        let is_part = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
        text.split(|letter| !is_part(letter)).any(|word| word == name)
    };
    let mut runs = file.history(stage).filter(|instruction| instruction.is("RUN"));
    if is_copied(file, stage, program) || runs.any(|run| is_named(&run.written)) {
        return true;
    }
    let folders = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"];
    let may_be_of_base = !program.contains('/') || folders.iter().any(|folder| program.starts_with(folder));
    match file.base(stage) {
        Some("debian" | "ubuntu") => may_be_of_base && !TABLES.often_missed.contains(name),
        Some("alpine" | "busybox") => may_be_of_base,
        base => !begins_empty(base),
    }
}

/// Whether a COPY or ADD puts a file at this path, or a folder over it.
fn is_copied(file: &Dockerfile, stage: usize, program: &str) -> bool {
    let (mut folder, path) = (PathBuf::from("/"), Path::new(program));
    file.history(stage).any(|instruction| {
        if instruction.is("WORKDIR") {
            folder.push(instruction.text());
        }
        let Some((written, sources)) = instruction.words.split_last().filter(|_| instruction.is_copy())
        else {
            return false;
        };
        let target = folder.join(written);
        let into_folder = written.ends_with('/') || written == "." || sources.len() > 1;
        sources.iter().any(|source| {
            let name = Path::new(source).file_name().and_then(OsStr::to_str).unwrap_or_default();
            // A source without a dot may be a folder, whose files land in the target.
            let may_be_folder = !into_folder && !name.contains('.');
            let is_pattern = name.contains(['*', '?', '[', '$']) || source == "." || source.ends_with('/');
            let is_by_name = !program.contains('/') && (name == program || target.ends_with(program));
            path == target
                || path == target.join(name)
                || is_by_name
                || (path.starts_with(&target) && (is_pattern || may_be_folder))
        })
    })
}
