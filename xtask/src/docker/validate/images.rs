//! Rules about one Dockerfile: BuildKit's checks of style and variables, what dockle finds in an
//! image, and our own.

use super::{Finding, compose::Model, programs, project::Project, secrets, tables::TABLES};
use crate::docker::{
    context::glob,
    dockerfile::{Command, Dockerfile, Instruction, Stage, expand, plain, reference, variables},
};
use regex_lite::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, ptr,
};

struct Rules<'a> {
    project: &'a Project,
    path: &'a str,
    file: &'a Dockerfile,
    findings: Vec<Finding>,
}

pub fn check(project: &Project, path: &str, file: &Dockerfile, models: &[Model]) -> Vec<Finding> {
    let mut rules = Rules { project, path, file, findings: Vec::new() };
    let lines: Vec<_> = project.texts[path].lines().map(str::trim).collect();
    for (at, pair) in lines.windows(2).enumerate() {
        if pair[0].ends_with('\\') && !pair[0].starts_with('#') && pair[1].is_empty() {
            rules.add("NoEmptyContinuation", at + 2, "");
        }
    }
    rules.casing();
    rules.bases();
    rules.variables();
    for row in &TABLES.instructions {
        let unless = row.unless.as_ref().and_then(|unless| Regex::new(unless).ok());
        let Ok(pattern) = Regex::new(&row.pattern) else { continue };
        let is_good =
            |text: &str| !pattern.is_match(text) || unless.as_ref().is_some_and(|it| it.is_match(text));
        for instruction in file.instructions.iter().filter(|it| !is_good(&it.written)) {
            rules.add(&row.rule, instruction.line, "");
        }
    }
    for instruction in &file.instructions {
        if instruction.is_copy() {
            rules.copies(instruction);
        }
        if secrets::is_in(&instruction.written) {
            rules.add("CIS-DI-0010", instruction.line, "a secret stays in the image's history");
        }
    }
    // The stages that services are made of, and whether each of these checks itself or runs once.
    let mut targets = BTreeMap::new();
    for (model, service) in models.iter().flat_map(|model| model.services().map(move |it| (model, it))) {
        if let Some((built, stage)) = project.stage_of(&service.json["build"])
            && ptr::eq(built, file)
        {
            let is_checked = model.is_job(service) || service.health_check().is_some();
            *targets.entry(stage).or_insert(true) &= is_checked;
        }
    }
    if targets.is_empty() {
        targets = file.ends().into_iter().map(|stage| (stage, false)).collect();
    }
    for (stage, is_checked_by_service) in targets {
        rules.image(stage, is_checked_by_service);
    }
    rules.findings
}

impl Rules<'_> {
    /// Without a reason the rule's own is given.
    fn add(&mut self, rule: &str, line: usize, why: impl Into<String>) {
        self.findings.push(Finding::new(rule, self.path, line, why));
    }

    fn casing(&mut self) {
        let is_upper = |it: &Instruction| it.written.starts_with(&it.keyword);
        let is_lower = |it: &Instruction| it.written.starts_with(&it.keyword.to_lowercase());
        let all = &self.file.instructions;
        let upper_wins = all.iter().filter(|it| is_upper(it)).count() * 2 >= all.len();
        for it in all.iter().filter(|it| if upper_wins { !is_upper(it) } else { !is_lower(it) }) {
            self.add("ConsistentInstructionCasing", it.line, "");
        }
    }

    /// hadolint does not look through variables, and knows no moving tag but `latest`.
    fn bases(&mut self) {
        for stage in self.file.stages.iter().filter(|stage| stage.parent.is_none()) {
            let Some(image) = &stage.image else { continue };
            let (name, tag, has_digest) = reference(image);
            let is_hidden = *image != stage.base && name != "scratch";
            if !has_digest
                && tag.map_or(is_hidden, |tag| {
                    TABLES.moving_tags.contains(tag) && (is_hidden || tag != "latest")
                })
            {
                self.add(
                    "SQ-D01",
                    stage.line,
                    format!("the tag of {image} moves to a new image every few weeks"),
                );
            }
        }
    }

    fn variables(&mut self) {
        let file = self.file;
        let froms = file.instructions.iter().filter(|instruction| instruction.is("FROM"));
        let used = froms.flat_map(|from| variables(&from.written).into_iter().map(move |it| (from, it)));
        for (from, (name, operator)) in used {
            let is_built_in = TABLES.defined.contains(name) || TABLES.defined_in_from.contains(name);
            let (rule, why) = match file.arguments.get(name) {
                None if !is_built_in => ("UndefinedArgInFrom", "which no ARG above the first FROM declares"),
                Some(None) if !operator.contains(['-', '+']) => {
                    ("InvalidDefaultArgInFrom", "which has no value unless --build-arg sets it")
                }
                _ => continue,
            };
            self.add(rule, from.line, format!("FROM uses ${name}, {why}"));
        }
        for stage in 0..file.stages.len() {
            let by_base = file.base(stage).and_then(|base| TABLES.defined_by_base.get(base));
            let Some(by_base) = by_base else { continue };
            let mut known: BTreeSet<_> = by_base.iter().chain(&TABLES.defined).cloned().collect();
            for instruction in file.history(stage) {
                let expands =
                    !matches!(&*instruction.keyword, "ARG" | "RUN" | "CMD" | "ENTRYPOINT" | "SHELL");
                for (name, operator) in variables(&instruction.written).into_iter().filter(|_| expands) {
                    if operator.is_empty() && !known.contains(name) {
                        let why = format!("${name} is used, and no ARG or ENV of this stage defines it");
                        self.add("UndefinedVar", instruction.line, why);
                    }
                }
                if instruction.sets_variables() {
                    known.extend(instruction.pairs().into_iter().map(|(name, _)| name));
                }
            }
        }
    }

    fn copies(&mut self, copy: &Instruction) {
        let project = self.project;
        for source in copy.sources().iter().filter(|source| !source.contains("://")) {
            let path = plain(source);
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let text = fs::read_to_string(project.root.join(path)).ok().filter(|_| project.is_whole);
            let text = text.unwrap_or_default();
            let is_harmless = matches!(name, ".env.example" | ".npmrc")
                && !["_auth", "_password"].iter().any(|word| text.contains(word))
                && !secrets::holds_token(&text);
            if secrets::is_secret_file(name) && !is_harmless {
                let why = format!("{source} looks like a secret, and stays in a layer");
                self.add("CIS-DI-0010", copy.line, why);
            }
            let names_files = copy.is_copy_of_context() && !path.contains('$') && !matches!(path, "" | ".");
            if !project.is_whole || !names_files {
                continue;
            }
            let entries = fs::read_dir(project.root.join(folder)).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let pattern = glob(name);
            let is_match = |name: &String| pattern.as_ref().is_some_and(|it| it.is_match(name));
            let mut matching = names.filter(is_match).peekable();
            let is_sent = |name: String| {
                let sent = project.ignore.files(&project.root, plain(&format!("{folder}/{name}")));
                sent.is_ok_and(|files| !files.is_empty())
            };
            if matching.peek().is_none() {
                self.add("SQ-D05", copy.line, format!("{source} is not in the build context"));
            } else if !matching.any(is_sent) {
                self.add("CopyIgnoredFile", copy.line, format!("{source} is left out of the build context"));
            }
        }
    }

    /// What an image made of a stage must be.
    fn image(&mut self, stage: usize, is_checked_by_service: bool) {
        let file = self.file;
        let Stage { name, base, line, .. } = &file.stages[stage];
        let (line, title) = (*line, name.clone().unwrap_or_else(|| format!("from {base}")));
        let user = file.last(stage, "USER");
        let id = user.map(Instruction::text).unwrap_or_default();
        let id = expand(id.split(':').next().unwrap_or_default(), |name| default(file, stage, name));
        let why = match id.as_deref().unwrap_or_default().parse::<u32>() {
            _ if user.is_none() => "has no USER, and so runs as root",
            Ok(0) => "runs as root",
            Err(_) => "has a user whose name may be root's",
            Ok(_) => "",
        };
        if !why.is_empty() {
            self.add("CIS-DI-0001", user.map_or(line, |user| user.line), format!("the image {title} {why}"));
        }
        if file.last(stage, "HEALTHCHECK").is_none() && !is_checked_by_service {
            self.add("CIS-DI-0006", line, format!("the image {title} has no HEALTHCHECK"));
        }
        let labels = file.history(stage).filter(|label| label.is("LABEL")).flat_map(Instruction::pairs);
        let labels: BTreeSet<_> = labels.map(|(name, _)| name).collect();
        let is_missing = |name: &&str| !labels.contains(&format!("org.opencontainers.image.{name}"));
        let missing: Vec<_> = ["title", "description", "licenses"].into_iter().filter(is_missing).collect();
        if !missing.is_empty() {
            let why = format!("the image {title} has no {} (org.opencontainers.image.…)", missing.join(", "));
            self.add("SQ-D10", line, why);
        }
        for instruction in file.history(stage) {
            let sets = |wanted| instruction.pairs().iter().any(|(name, _)| name == wanted);
            if instruction.is("ENV") && sets("DEBIAN_FRONTEND") {
                self.add("SQ-D13", instruction.line, "");
            }
            // CMD behind an ENTRYPOINT holds arguments, and only the last of each counts.
            let is_started = match &*instruction.keyword {
                "RUN" => matches!(instruction.command, Some(Command::Shell)),
                "CMD" if file.last(stage, "ENTRYPOINT").is_some() => false,
                keyword @ ("ENTRYPOINT" | "CMD" | "HEALTHCHECK") => {
                    file.last(stage, keyword).is_some_and(|last| ptr::eq(last, instruction))
                }
                _ => false,
            };
            let command = instruction.command.as_ref().filter(|_| is_started);
            if let Some((rule, missing)) = command.and_then(|it| programs::missing(file, stage, it)) {
                let why = format!("{} {missing} the image {title}", instruction.keyword);
                self.add(rule, instruction.line, why);
            }
        }
    }
}

/// The value that ARG or ENV gives a variable of a stage.
fn default(file: &Dockerfile, stage: usize, name: &str) -> Option<String> {
    let mut sets = file.history(stage).filter(|it| it.sets_variables()).flat_map(Instruction::pairs);
    let last = sets.rfind(|(known, _)| known == name)?;
    last.1.or_else(|| file.arguments.get(name).cloned().flatten())
}
