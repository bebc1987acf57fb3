//! Whether the programs that an image starts are in it, as far as its Dockerfile tells.

use super::tables::TABLES;
use crate::docker::dockerfile::{Command, Dockerfile};

/// The rule that a command breaks because it cannot start, and why it cannot.
pub fn missing(file: &Dockerfile, stage: usize, command: &Command) -> Option<(&'static str, String)> {
    match command {
        Command::Shell(_) if has_shell(file, stage) => None,
        Command::Shell(_) => Some(("SQ-D04", "needs a shell, and there is no shell in".to_owned())),
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
    let base = file.base(stage);
    let folders = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"];
    let may_be_of_base = !program.contains('/') || folders.iter().any(|folder| program.starts_with(folder));
    match base {
        Some("debian" | "ubuntu") => may_be_of_base && !TABLES.often_missed.iter().any(|it| it == name),
        Some("alpine" | "busybox") => may_be_of_base,
        base => !begins_empty(base),
    }
}

/// Whether a COPY or ADD puts a file at this path, or a folder over it.
fn is_copied(file: &Dockerfile, stage: usize, path: &str) -> bool {
    let mut folder = String::from("/");
    for instruction in file.history(stage) {
        if instruction.is("WORKDIR") {
            folder = absolute(&folder, &instruction.text());
        }
        let Some((target, sources)) = instruction.words.split_last().filter(|_| instruction.is_copy()) else {
            continue;
        };
        let into_folder = target.ends_with('/') || target == "." || sources.len() > 1;
        let target = absolute(&folder, target);
        let target = target.trim_end_matches('/');
        for source in sources {
            let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            // A source without a dot may be a folder, whose files land in the target.
            let may_be_folder = !into_folder && !name.contains('.');
            let is_pattern = name.contains(['*', '?', '[', '$']) || source == "." || source.ends_with('/');
            let is_below = path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'));
            let is_by_name = !path.contains('/') && (name == path || target.rsplit('/').next() == Some(path));
            if path == target
                || path == format!("{target}/{name}")
                || is_by_name
                || (is_below && (is_pattern || may_be_folder))
            {
                return true;
            }
        }
    }
    false
}

fn absolute(folder: &str, path: &str) -> String {
    match path.strip_prefix("./").unwrap_or(path) {
        "." | "" => folder.to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{}/{path}", folder.trim_end_matches('/')),
    }
}
