//! Variables that are used, and those that are there.

use super::Found;
use crate::docker::validate::{
    dockerfile::{Dockerfile, Instruction},
    stages::{Stages, Variable, pieces},
};
use std::collections::BTreeSet;

/// What BuildKit knows without being told; in a stage it wants them declared.
const PLATFORM: [&str; 8] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
];

/// What it knows everywhere.
const PREDEFINED: [&str; 11] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "SOURCE_DATE_EPOCH",
];

/// What images set that are well known enough to be judged. Of others nothing is said.
const SET_BY_IMAGES: [(&str, &[&str]); 9] = [
    ("scratch", &[]),
    ("debian", &["PATH"]),
    ("ubuntu", &["PATH"]),
    ("alpine", &["PATH"]),
    ("busybox", &["PATH"]),
    ("rust", &["PATH", "RUSTUP_HOME", "CARGO_HOME", "RUST_VERSION"]),
    ("node", &["PATH", "NODE_VERSION", "YARN_VERSION"]),
    ("golang", &["PATH", "GOLANG_VERSION", "GOTOOLCHAIN", "GOPATH"]),
    (
        "nginx",
        &[
            "PATH",
            "NGINX_VERSION",
            "NJS_VERSION",
            "NJS_RELEASE",
            "PKG_RELEASE",
            "DYNPKG_RELEASE",
            "ACME_VERSION",
        ],
    ),
];

pub fn check(file: &Dockerfile, stages: &Stages<'_>, found: &mut Found<'_>) {
    let mut declared = BTreeSet::new();
    let before_from = file.instructions.iter().take_while(|instruction| !instruction.is("FROM"));
    for instruction in before_from.filter(|instruction| instruction.is("ARG")) {
        declared.extend(instruction.declared().into_iter().map(|(name, _)| name));
    }
    for instruction in file.instructions.iter().filter(|instruction| instruction.is("FROM")) {
        in_from(instruction, &declared, stages, found);
    }
    for index in 0..stages.stages.len() {
        in_stage(stages, index, found);
    }
}

fn in_from(
    instruction: &Instruction,
    declared: &BTreeSet<String>,
    stages: &Stages<'_>,
    found: &mut Found<'_>,
) {
    let written = instruction.body.split_whitespace().next().unwrap_or_default();
    let platform = instruction.flag("platform").unwrap_or_default();
    for Variable { name, operator } in variables(written).into_iter().chain(variables(platform)) {
        let has_default = operator.trim_start_matches(':').starts_with(['-', '+']);
        let is_known = PLATFORM.contains(&name.as_str()) || PREDEFINED.contains(&name.as_str());
        if !declared.contains(&name) && !is_known {
            let why = format!("FROM uses ${name}, which no ARG above the first FROM declares");
            found.say("UndefinedArgInFrom", instruction.line, why);
        } else if declared.contains(&name)
            && !has_default
            && stages.arguments.get(&name).is_none_or(Option::is_none)
        {
            let why = format!(
                "FROM uses ${name}, and its ARG has no default: a build without --build-arg has no base"
            );
            found.say("InvalidDefaultArgInFrom", instruction.line, why);
        }
    }
}

fn in_stage(stages: &Stages<'_>, index: usize, found: &mut Found<'_>) {
    let root = stages.root(index);
    let Some((_, set)) = SET_BY_IMAGES.iter().find(|(name, _)| Some(*name) == root.as_deref()) else {
        return;
    };
    let own = &stages.stages[index].instructions;
    let mut known: BTreeSet<String> = set.iter().map(|name| (*name).to_owned()).collect();
    known.extend(PREDEFINED.iter().map(|name| (*name).to_owned()));
    let inherited = stages.history(index);
    let inherited = &inherited[..inherited.len() - own.len()];
    inherited.iter().for_each(|instruction| learn(instruction, &mut known));
    for instruction in own {
        let expanded = matches!(
            instruction.keyword.as_str(),
            "ADD" | "COPY" | "ENV" | "EXPOSE" | "LABEL" | "STOPSIGNAL" | "USER" | "VOLUME" | "WORKDIR"
        );
        // ENV sees what was there before it.
        if expanded {
            for Variable { name, operator } in variables(&instruction.body) {
                let has_default = operator.trim_start_matches(':').starts_with(['-', '+', '?']);
                if !known.contains(&name) && !has_default {
                    let why = format!("${name} is used, and no ARG or ENV of this stage defines it");
                    found.say("UndefinedVar", instruction.line, why);
                }
            }
        }
        learn(instruction, &mut known);
    }
}

fn learn(instruction: &Instruction, known: &mut BTreeSet<String>) {
    match instruction.keyword.as_str() {
        "ARG" => known.extend(instruction.declared().into_iter().map(|(name, _)| name)),
        "ENV" => known.extend(instruction.pairs().into_iter().map(|(name, _)| name)),
        _ => {}
    }
}

/// Those in single quotes are text.
fn variables(text: &str) -> Vec<Variable> {
    let mut outside = String::new();
    let (mut single, mut double) = (false, false);
    for letter in text.chars() {
        match letter {
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            letter if !single => outside.push(letter),
            _ => {}
        }
    }
    pieces(&outside).into_iter().filter_map(Result::ok).collect()
}
