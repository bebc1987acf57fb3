//! What RUN calls.

use super::{Broken, Step};
use crate::docker::validate::shell::Command;
use std::collections::BTreeSet;

pub fn check(steps: &[Step<'_>], kept: &[Step<'_>], broken: &mut Broken) {
    for (rule, in_onbuild, is_broken) in RULES {
        let runs = steps.iter().chain(kept.iter().filter(|_| in_onbuild)).filter(|step| step.is("RUN"));
        broken.extend(runs.filter(|step| is_broken(step)).map(|step| (step.line(), rule)));
    }
    for steps in [steps, kept] {
        both_downloaders(steps, broken);
    }
    pipes_without_pipefail(steps, broken);
    runs_in_a_row(steps, broken);
}

type Rule = (&'static str, bool, fn(&Step<'_>) -> bool);

/// Rules that need no more than the one RUN: id, whether ONBUILD RUN counts, and when it is broken.
const RULES: [Rule; 7] = [
    ("DL3001", true, |step| {
        step.script.commands.iter().any(|command| POINTLESS.contains(&command.name.as_str()))
    }),
    ("DL3003", false, |step| step.script.runs("cd")),
    ("DL3004", true, |step| step.script.runs("sudo")),
    ("DL3027", true, |step| step.script.runs("apt")),
    ("DL3046", true, |step| step.script.commands.iter().any(adds_a_high_user)),
    ("DL3047", true, |step| step.script.commands.iter().any(shows_a_progress_bar)),
    ("DL4005", true, |step| step.script.commands.iter().any(|command| command.has(&["ln"], &["/bin/sh"]))),
];

const POINTLESS: [&str; 9] = ["free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim"];

/// The log of last logins is a sparse file as long as the largest user id.
fn adds_a_high_user(command: &Command) -> bool {
    command.name == "useradd"
        && !command.has_flag(&["l", "no-log-init"])
        && command.flag_values("u").iter().any(|id| id.chars().count() > 5)
}

fn shows_a_progress_bar(command: &Command) -> bool {
    const QUIET: [&str; 8] =
        ["progress", "q", "quiet", "o", "output-file", "a", "append-output", "no-verbose"];
    command.name == "wget" && !command.has_flag(&QUIET) && !command.has_argument("-nv")
}

fn both_downloaders(steps: &[Step<'_>], broken: &mut Broken) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for step in steps {
        if step.is("FROM") {
            seen.clear();
        } else if step.is("RUN") {
            let used: Vec<_> = ["curl", "wget"].into_iter().filter(|name| step.script.runs(name)).collect();
            seen.extend(used.iter().copied());
            if !used.is_empty() && seen.len() == 2 {
                broken.insert((step.line(), "DL4001"));
            }
        }
    }
}

fn pipes_without_pipefail(steps: &[Step<'_>], broken: &mut Broken) {
    let mut is_set = false;
    for step in steps {
        if step.is("FROM") {
            is_set = false;
        } else if step.is("SHELL") {
            let other = ["pwsh", "powershell", "cmd"].iter().any(|shell| step.script.text.starts_with(shell));
            is_set = other || step.script.commands.iter().any(sets_pipefail);
        } else if step.is("RUN") && !is_set && step.script.has_pipe {
            broken.insert((step.line(), "DL4006"));
        }
    }
}

fn sets_pipefail(command: &Command) -> bool {
    let shell = command.name.rsplit('/').next().unwrap_or_default();
    matches!(shell, "bash" | "zsh" | "ash") && command.has_flag(&["o"]) && command.has_argument("pipefail")
}

/// Short ones only: two RUN with one command each could be one layer.
fn runs_in_a_row(steps: &[Step<'_>], broken: &mut Broken) {
    let mut before = None;
    for step in steps {
        if !step.is("RUN") {
            before = None;
            continue;
        }
        let mut flags: Vec<_> = step.instruction.flags.clone();
        flags.sort();
        flags.dedup();
        let is_long = step.script.commands.len() > 1;
        match &before {
            Some((same, false)) if *same == flags && !is_long => {
                broken.insert((step.line(), "DL3059"));
            }
            _ => before = Some((flags, is_long)),
        }
    }
}
