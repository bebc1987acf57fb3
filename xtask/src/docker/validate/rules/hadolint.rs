//! Rules that bear hadolint's ids, and mean exactly what hadolint 2.15 means by them, line for line.
//!
//! tests/docker/hadolint holds files that meet each rule from both sides, with hadolint's own answers beside them. A
//! rule that could not be made to agree would have an id of ours.

mod commands;
mod packages;
mod stages;
mod process;
mod files;
mod values;

pub use values::is_secret;

use super::super::{
    dockerfile::{Dockerfile, Instruction},
    shell::Script,
};
use std::collections::BTreeSet;

/// Places where rules are broken: rule and line, each once.
pub type Broken = BTreeSet<(usize, &'static str)>;

/// An instruction with the shell text it holds.
pub struct Step<'a> {
    pub instruction: &'a Instruction,
    pub script: Script,
}

impl Step<'_> {
    pub fn line(&self) -> usize {
        self.instruction.line
    }

    pub fn is(&self, keyword: &str) -> bool {
        self.instruction.is(keyword)
    }

    /// A cache or tmpfs lies over a folder whose path has this part.
    pub fn has_mount_over(&self, part: &str) -> bool {
        let mounts = self.instruction.flags.iter().filter(|flag| flag.name == "mount");
        mounts.filter_map(|flag| flag.value.as_deref()).any(|mount| {
            let fields: Vec<_> = mount.split(',').filter_map(|field| field.split_once('=')).collect();
            let is_kept =
                fields.iter().any(|&(name, value)| name == "type" && matches!(value, "cache" | "tmpfs"));
            let is_there = |&(name, value): &(&str, &str)| {
                matches!(name, "target" | "dst" | "destination") && value.contains(part)
            };
            is_kept && fields.iter().any(is_there)
        })
    }
}

pub fn check(file: &Dockerfile) -> Broken {
    let steps = read(file.instructions.iter());
    // Most rules about commands look into ONBUILD too, as if what it keeps were a file of its own.
    let kept = read(file.triggers());
    let mut broken = Broken::new();
    commands::check(&steps, &kept, &mut broken);
    packages::check(&steps, &kept, &mut broken);
    stages::check(&steps, &mut broken);
    process::check(&steps, &mut broken);
    files::check(&steps, &mut broken);
    values::check(&steps, &kept, &mut broken);
    broken
}

fn read<'a>(instructions: impl Iterator<Item = &'a Instruction>) -> Vec<Step<'a>> {
    let with_script = |instruction: &'a Instruction| {
        let text = match instruction.keyword.as_str() {
            "RUN" | "SHELL" => instruction.form().text(),
            _ => String::new(),
        };
        Step { instruction, script: Script::parse(&text) }
    };
    instructions.map(with_script).collect()
}
