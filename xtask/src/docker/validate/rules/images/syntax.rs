//! How a Dockerfile is written: BuildKit's own checks of style, and text that is no Dockerfile.

use super::Found;
use crate::docker::validate::dockerfile::{Dockerfile, Instruction};

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

pub fn check(file: &Dockerfile, found: &mut Found<'_>) {
    let instructions = &file.instructions;
    if !instructions.iter().any(|instruction| instruction.is("FROM")) {
        found.say("SQ-D08", 1, "there is no FROM".into());
    }
    for line in &file.endless_heredocs {
        found.say("SQ-D08", *line, "the end of the heredoc never comes".into());
    }
    for line in &file.empty_continuations {
        found.add("NoEmptyContinuation", *line);
    }
    let count = |wanted: fn(char) -> bool| {
        instructions.iter().filter(|instruction| instruction.written_keyword.chars().all(wanted)).count()
    };
    let lower_wins =
        count(|letter| letter.is_ascii_lowercase()) > count(|letter| letter.is_ascii_uppercase());
    for instruction in instructions {
        if !KEYWORDS.contains(&instruction.keyword.as_str()) {
            found.say(
                "SQ-D08",
                instruction.line,
                format!("there is no instruction {}", instruction.written_keyword),
            );
            continue;
        }
        casing(instruction, lower_wins, found);
        if (instruction.is("ENV") || instruction.is("LABEL")) && instruction.is_legacy_pair() {
            found.add("LegacyKeyValueFormat", instruction.line);
        }
        if instruction.is("EXPOSE") {
            ports(instruction, found);
        }
    }
}

fn casing(instruction: &Instruction, lower_wins: bool, found: &mut Found<'_>) {
    let written = &instruction.written_keyword;
    let expected =
        if lower_wins { instruction.keyword.to_ascii_lowercase() } else { instruction.keyword.clone() };
    if *written != expected {
        let why = format!("{written} is written unlike most instructions of this file");
        found.say("ConsistentInstructionCasing", instruction.line, why);
    }
    let Some(base) = instruction.base_image() else { return };
    let is_lower = |word: &str| word.chars().all(|letter| letter.is_ascii_lowercase());
    let is_upper = |word: &str| word.chars().all(|letter| letter.is_ascii_uppercase());
    if let Some(word) = &base.written_as
        && ((is_lower(word) && is_upper(written)) || (is_upper(word) && is_lower(written)))
    {
        found.add("FromAsCasing", instruction.line);
    }
    if base.alias.is_some_and(|alias| alias.chars().any(char::is_uppercase)) {
        found.add("StageNameCasing", instruction.line);
    }
}

fn ports(instruction: &Instruction, found: &mut Found<'_>) {
    for port in instruction.body.split_whitespace().filter(|port| !port.contains('$')) {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        if number.contains([':', '.']) {
            let why = format!(
                "{port} is more than a port: addresses and mappings belong to the one who runs the image"
            );
            found.say("ExposeInvalidFormat", instruction.line, why);
        } else if protocol != protocol.to_ascii_lowercase() {
            found.add("ExposeProtoCasing", instruction.line);
        }
    }
}
