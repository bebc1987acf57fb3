//! Whether the programs that an image starts are in it.

use super::Found;
use crate::docker::validate::{
    dockerfile::{Form, Instruction},
    stages::Stages,
};

/// Why a program cannot be started in an image.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing put it there.
    Program(String),
    /// It is a line for a shell, and there is none.
    Shell,
}

pub fn check(stages: &Stages<'_>, end: usize, found: &mut Found<'_>) {
    let title = stages.stages[end].title();
    for keyword in ["ENTRYPOINT", "CMD", "HEALTHCHECK"] {
        let Some(instruction) = stages.last(end, keyword).filter(|instruction| !instruction.is_health_none())
        else {
            continue;
        };
        // CMD behind an ENTRYPOINT is words for it.
        if keyword == "CMD" && stages.last(end, "ENTRYPOINT").is_some() {
            continue;
        }
        say(starts(stages, end, &instruction.form()), keyword, &title, instruction, found);
    }
    for instruction in stages.history(end).into_iter().filter(|instruction| instruction.is("RUN")) {
        if matches!(instruction.form(), Form::Shell(_)) && !has_shell(stages, end) {
            say(Some(Missing::Shell), "RUN", &title, instruction, found);
        }
    }
}

fn say(
    missing: Option<Missing>,
    keyword: &str,
    title: &str,
    instruction: &Instruction,
    found: &mut Found<'_>,
) {
    let line = instruction.line;
    match missing {
        Some(Missing::Program(program)) => {
            found.say(
                "SQ-D03",
                line,
                format!("{keyword} starts {program}, which nothing puts into the image {title}"),
            );
        }
        Some(Missing::Shell) => {
            found.say("SQ-D04", line, format!("{keyword} needs a shell, and the image {title} has none"));
        }
        None => {}
    }
}

/// What is missing for a command to start, as far as the Dockerfile tells.
pub fn starts(stages: &Stages<'_>, end: usize, form: &Form) -> Option<Missing> {
    match form {
        Form::Shell(_) => (!has_shell(stages, end)).then_some(Missing::Shell),
        Form::Exec(words) => {
            let program = words.first()?;
            (!program.contains('$') && !has_program(stages, end, program))
                .then(|| Missing::Program(program.clone()))
        }
    }
}

/// Images that begin with nothing, so that all that is in them is written down.
fn begins_empty(stages: &Stages<'_>, end: usize) -> bool {
    stages.root(end).is_some_and(|root| {
        root == "scratch"
            || root.starts_with("distroless/static")
            || root.starts_with("distroless/cc")
            || root.starts_with("distroless/base")
    })
}

fn has_shell(stages: &Stages<'_>, end: usize) -> bool {
    !begins_empty(stages, end)
        || ["/bin/sh", "/bin/bash", "/bin/busybox"].iter().any(|shell| is_copied(stages, end, shell))
}

/// Programs that small images of a distribution lack, which a health check is often written with.
const OFTEN_MISSED: [&str; 5] = ["curl", "wget", "nc", "jq", "ps"];

fn has_program(stages: &Stages<'_>, end: usize, program: &str) -> bool {
    if is_copied(stages, end, program) {
        return true;
    }
    let name = program.rsplit('/').next().unwrap_or(program);
    // A RUN that speaks of it may well have installed it.
    let named = |instruction: &&Instruction| {
        let text = instruction.form().text();
        text.split(|letter: char| !(letter.is_alphanumeric() || "_.-".contains(letter)))
            .any(|word| word == name)
    };
    let runs = stages.history(end);
    if runs.iter().filter(|instruction| instruction.is("RUN")).any(named) {
        return true;
    }
    if begins_empty(stages, end) {
        return false;
    }
    // Without a path, or in the folders of a distribution, the base image may have brought it.
    let is_slim = stages.root(end).is_some_and(|root| matches!(root.as_str(), "debian" | "ubuntu"));
    let from_base = !program.contains('/')
        || program.starts_with("/bin/")
        || program.starts_with("/usr/bin/")
        || program.starts_with("/sbin/")
        || program.starts_with("/usr/sbin/");
    let known_base = stages
        .root(end)
        .is_some_and(|root| matches!(root.as_str(), "debian" | "ubuntu" | "alpine" | "busybox"));
    match (is_slim, known_base) {
        (true, _) => from_base && !OFTEN_MISSED.contains(&name),
        (false, true) => from_base,
        (false, false) => true,
    }
}

/// A COPY or ADD puts a file at this path, or a folder over it.
fn is_copied(stages: &Stages<'_>, end: usize, path: &str) -> bool {
    let mut folder = String::from("/");
    for instruction in stages.history(end) {
        if instruction.is("WORKDIR") {
            folder = absolute(&folder, instruction.body.trim());
        }
        if !instruction.is("COPY") && !instruction.is("ADD") {
            continue;
        }
        let Some((sources, target)) = instruction.paths() else { continue };
        let into_folder = target.ends_with('/') || target == "." || sources.len() > 1;
        let target = absolute(&folder, &target);
        for source in sources {
            let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            let inside = format!("{}/{name}", target.trim_end_matches('/'));
            // A source without a dot may be a folder, whose files land in the target.
            let is_pattern = name.contains(['*', '?', '[', '$']) || source == "." || source.ends_with('/');
            let may_be_folder = !into_folder && !name.contains('.');
            let below =
                path.strip_prefix(target.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'));
            let by_name = !path.contains('/') && (name == path || target.rsplit('/').next() == Some(path));
            if path == target || path == inside || by_name || (below && (is_pattern || may_be_folder)) {
                return true;
            }
        }
    }
    false
}

fn absolute(folder: &str, path: &str) -> String {
    let path = path.trim_matches(['"', '\'']);
    let path = path.strip_prefix("./").unwrap_or(path);
    match path {
        "." | "" => folder.to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{}/{path}", folder.trim_end_matches('/')),
    }
}
