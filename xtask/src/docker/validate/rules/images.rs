//! Rules about one Dockerfile: BuildKit's checks of style and variables, what dockle finds in an
//! image, and our own.

use super::{programs, secrets};
use crate::docker::{
    context::{Ignore, glob},
    dockerfile::{Command, Dockerfile, Instruction, expand, plain, reference, variables},
    validate::finding::Finding,
};
use regex_lite::Regex;
use std::{collections::BTreeSet, fs, path::Path};

/// What is known around a Dockerfile.
pub struct Surroundings<'a> {
    /// The build context and what it leaves out, when a whole repository is checked.
    pub context: Option<(&'a Path, &'a Ignore)>,
    /// The stages that services are made of; without any, those that no other stage needs.
    pub targets: BTreeSet<usize>,
    /// Stages whose services check themselves or run once.
    pub checked_by_service: BTreeSet<usize>,
}

struct Rules<'a> {
    path: &'a str,
    file: &'a Dockerfile,
    findings: BTreeSet<Finding>,
}

pub fn check(path: &str, text: &str, file: &Dockerfile, around: &Surroundings<'_>) -> BTreeSet<Finding> {
    let mut rules = Rules { path, file, findings: BTreeSet::new() };
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    for (at, pair) in lines.windows(2).enumerate() {
        if pair[0].ends_with('\\') && !pair[0].starts_with('#') && pair[1].is_empty() {
            rules.add("NoEmptyContinuation", at + 2);
        }
    }
    rules.casing();
    rules.bases();
    rules.variables();
    for (rule, pattern, unless) in PATTERNS {
        let (pattern, unless) = (Regex::new(pattern), Regex::new(unless));
        let (Ok(pattern), Ok(unless)) = (pattern, unless) else { continue };
        for instruction in &file.instructions {
            let text = &instruction.written;
            if pattern.is_match(text) && (unless.as_str().is_empty() || !unless.is_match(text)) {
                rules.add(rule, instruction.line);
            }
        }
    }
    for instruction in &file.instructions {
        if instruction.is_copy() {
            rules.copies(instruction, around.context);
        }
        if secrets::holds_token(&instruction.written) {
            rules.say("CIS-DI-0010", instruction.line, "a secret stays in the image's history".into());
        } else if secrets::holds_password(&instruction.written) {
            let why = "a password in an address stays in the image's history";
            rules.say("CIS-DI-0010", instruction.line, why.into());
        }
    }
    let ends = if around.targets.is_empty() { file.ends() } else { around.targets.iter().copied().collect() };
    for stage in ends {
        rules.image(stage, around.checked_by_service.contains(&stage));
    }
    rules.findings
}

/// Rule, the text of an instruction that breaks it, and the text that makes it good.
#[rustfmt::skip]
const PATTERNS: [(&str, &str, &str); 12] = [
    ("LegacyKeyValueFormat", r"^(?i:ENV|LABEL)\s+[^=\s]+\s", ""),
    ("ExposeInvalidFormat", r"^(?i:EXPOSE)\s(.*\s)?[^\s$]*[:.]", ""),
    ("ExposeProtoCasing", r"^(?i:EXPOSE)\s.*/[a-z]*[A-Z]", ""),
    ("FromAsCasing", r"^(FROM\s.*\sas|from\s.*\sAS)\s", ""),
    ("StageNameCasing", r"^(?i:FROM)\s.*\s(?i:AS)\s+\S*[A-Z]", ""),
    ("SQ-D06", r"^(?i:ADD)\s(.*\s)?https?://", r"\s--checksum="),
    ("SQ-D09", r"^(?i:RUN)\s(?s:.*)\b(curl|wget)\b[^;&]*\|\s*(sh|bash|ash|zsh|python3?)(\s+--?)?\s*($|[;&\n])", ""),
    ("SQ-D11", r"(chmod\s+(-\S+\s+)*|--chmod=|install\s[^;&|]*-m\s*)(([ug]*[oa][ugoa]*)?[+=][a-z]*w|0?[0246]?\d\d[2367]\b)", ""),
    ("CIS-DI-0008", r"(chmod\s+(-\S+\s+)*|--chmod=|install\s[^;&|]*-m\s*)([ugoa]*[+=][a-z]*s|0?[2-7]\d{3}\b)", ""),
    ("DKL-DI-0003", r"\b(apt|apt-get|apk)\s[^;&|]*\b(dist-|full-)?upgrade\b", ""),
    ("SQ-D12", r"\bapt(-get)?\s[^;&|]*\bupdate\b", r"\bapt(-get)?\s[^;&|]*\b(install|(dist-|full-)?upgrade|build-dep|download)\b"),
    ("DKL-DI-0002", r#"^(?i:VOLUME)\s(.*["\s])?(/|/boot|/dev|/etc|/lib|/proc|/root|/sys|/usr)/?(["\s]|$)"#, ""),
];

/// Whether a tag names another image every few weeks.
pub fn moves(tag: &str) -> bool {
    const MOVING: &str = "alpine current dev edge latest lts lts-alpine lts-slim main mainline master nightly rolling \
                          slim stable testing unstable";
    MOVING.split(' ').any(|moving| moving == tag)
}

/// What BuildKit defines everywhere, and in FROM alone.
const DEFINED: &str = "HTTP_PROXY http_proxy HTTPS_PROXY https_proxy FTP_PROXY ftp_proxy NO_PROXY no_proxy ALL_PROXY \
                       all_proxy SOURCE_DATE_EPOCH";
const DEFINED_IN_FROM: &str =
    "BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT";

impl Rules<'_> {
    fn add(&mut self, rule: &str, line: usize) {
        self.findings.insert(Finding::new(rule, self.path, line));
    }

    fn say(&mut self, rule: &str, line: usize, why: String) {
        self.findings.insert(Finding::new(rule, self.path, line).because(why));
    }

    fn casing(&mut self) {
        let spelling = |it: &Instruction| it.written[..it.keyword.len()].to_owned();
        let is_upper = |it: &&Instruction| spelling(it) == it.keyword;
        let uppers = self.file.instructions.iter().filter(is_upper).count();
        let upper_wins = uppers * 2 >= self.file.instructions.len();
        for it in &self.file.instructions {
            if !(if upper_wins { is_upper(&it) } else { spelling(it) == it.keyword.to_lowercase() }) {
                self.add("ConsistentInstructionCasing", it.line);
            }
        }
    }

    /// hadolint does not look through variables, and knows no moving tag but `latest`.
    fn bases(&mut self) {
        for stage in self.file.stages.iter().filter(|stage| stage.parent.is_none()) {
            let Some(image) = &stage.image else { continue };
            let (name, tag, has_digest) = reference(image);
            let is_hidden = *image != stage.base && name != "scratch";
            if !has_digest && tag.map_or(is_hidden, |tag| moves(tag) && (is_hidden || tag != "latest")) {
                self.say("SQ-D01", stage.line, format!("{image} is another image every few weeks"));
            }
        }
    }

    fn variables(&mut self) {
        let file = self.file;
        for from in file.instructions.iter().filter(|instruction| instruction.is("FROM")) {
            for (name, operator) in variables(&from.written) {
                let is_built_in =
                    || DEFINED.split(' ').chain(DEFINED_IN_FROM.split(' ')).any(|known| known == name);
                match file.arguments.get(name) {
                    None if !is_built_in() => {
                        let why = format!("FROM uses ${name}, which no ARG above the first FROM declares");
                        self.say("UndefinedArgInFrom", from.line, why);
                    }
                    Some(None) if !operator.contains(['-', '+']) => {
                        let why = format!("FROM uses ${name}, which has no value unless --build-arg sets it");
                        self.say("InvalidDefaultArgInFrom", from.line, why);
                    }
                    _ => {}
                }
            }
        }
        for stage in 0..file.stages.len() {
            // What other images set is not known.
            let set = match file.base(stage) {
                Some("scratch") => "",
                Some("debian" | "ubuntu" | "alpine" | "busybox") => "PATH",
                Some("rust") => "PATH RUSTUP_HOME CARGO_HOME RUST_VERSION",
                Some("node") => "PATH NODE_VERSION YARN_VERSION",
                Some("nginx") => "PATH NGINX_VERSION NJS_VERSION NJS_RELEASE PKG_RELEASE",
                _ => continue,
            };
            let mut known: BTreeSet<String> =
                set.split(' ').chain(DEFINED.split(' ')).map(str::to_owned).collect();
            for instruction in file.history(stage) {
                let expands =
                    !matches!(&*instruction.keyword, "ARG" | "RUN" | "CMD" | "ENTRYPOINT" | "SHELL");
                for (name, operator) in variables(&instruction.written).into_iter().filter(|_| expands) {
                    if !known.contains(name) && operator.is_empty() {
                        let why = format!("${name} is used, and no ARG or ENV of this stage defines it");
                        self.say("UndefinedVar", instruction.line, why);
                    }
                }
                if instruction.is("ARG") || instruction.is("ENV") {
                    known.extend(instruction.pairs().into_iter().map(|(name, _)| name));
                }
            }
        }
    }

    fn copies(&mut self, copy: &Instruction, context: Option<(&Path, &Ignore)>) {
        for source in copy.sources().iter().filter(|source| !source.contains("://")) {
            let path = plain(source);
            let name = path.rsplit('/').next().unwrap_or_default();
            let is_harmless = matches!(name, ".env.example" | ".npmrc")
                && context.is_none_or(|(root, _)| {
                    let text = fs::read_to_string(root.join(path)).unwrap_or_default();
                    !text.contains("_auth") && !text.contains("_password") && !secrets::holds_token(&text)
                });
            if secrets::is_secret_file(name) && !is_harmless {
                self.say(
                    "CIS-DI-0010",
                    copy.line,
                    format!("{source} looks like a secret, and stays in a layer"),
                );
            }
            let is_local = copy.flag("from").is_none() && !path.contains('$');
            let Some((root, ignore)) = context.filter(|_| is_local && !matches!(path, "" | ".")) else {
                continue;
            };
            let (folder, last) = path.rsplit_once('/').unwrap_or(("", path));
            let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
            let pattern = glob(last);
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let is_match = |name: &String| pattern.as_ref().is_some_and(|pattern| pattern.is_match(name));
            let matching: Vec<_> = names.filter(is_match).collect();
            let sent =
                |name: &String| ignore.files(root, plain(&format!("{folder}/{name}"))).unwrap_or_default();
            if matching.is_empty() {
                self.say("SQ-D05", copy.line, format!("{source} is not in the build context"));
            } else if matching.iter().all(|name| sent(name).is_empty()) {
                self.say("CopyIgnoredFile", copy.line, format!("{source} is left out of the build context"));
            }
        }
    }

    /// What an image made of a stage must be.
    fn image(&mut self, stage: usize, is_checked_by_service: bool) {
        let file = self.file;
        let (title, line) = (file.stages[stage].title(), file.stages[stage].line);
        let user = file.last(stage, "USER").map(|user| (user.line, user.text()));
        let id = user.as_ref().map(|(_, user)| user.split(':').next().unwrap_or_default());
        let id = id.and_then(|id| expand(id, |name| default(file, stage, name))).unwrap_or_default();
        let why = match (&user, id.parse::<u32>()) {
            (None, _) => Some(format!("the image {title} has no USER, and so runs as root")),
            (_, Ok(0)) => Some(format!("the image {title} runs as root")),
            (Some((_, user)), Err(_)) => {
                Some(format!("the user {user:?} of the image {title} may be root's name"))
            }
            (_, Ok(_)) => None,
        };
        if let Some(why) = why {
            self.say("CIS-DI-0001", user.map_or(line, |(line, _)| line), why);
        }
        if file.last(stage, "HEALTHCHECK").is_none() && !is_checked_by_service {
            self.say("CIS-DI-0006", line, format!("the image {title} has no HEALTHCHECK"));
        }
        let labels = file.history(stage).filter(|label| label.is("LABEL")).flat_map(Instruction::pairs);
        let labels: BTreeSet<_> = labels.map(|(name, _)| name).collect();
        let is_missing = |name: &&str| !labels.contains(&format!("org.opencontainers.image.{name}"));
        let missing: Vec<_> = ["title", "description", "licenses"].into_iter().filter(is_missing).collect();
        if !missing.is_empty() {
            let why = format!("the image {title} has no {} (org.opencontainers.image.…)", missing.join(", "));
            self.say("SQ-D10", line, why);
        }
        for instruction in file.history(stage) {
            if instruction.is("ENV") && instruction.pairs().iter().any(|(name, _)| name == "DEBIAN_FRONTEND")
            {
                self.add("SQ-D13", instruction.line);
            }
            let is_script = instruction.is("RUN") && matches!(instruction.command, Some(Command::Shell(_)));
            if is_script && !programs::has_shell(file, stage) {
                let why = format!("RUN needs a shell, and there is no shell in the image {title}");
                self.say("SQ-D04", instruction.line, why);
            }
        }
        for keyword in ["ENTRYPOINT", "CMD", "HEALTHCHECK"] {
            // CMD behind an ENTRYPOINT holds arguments.
            let started = file.last(stage, keyword);
            let started = started.filter(|_| keyword != "CMD" || file.last(stage, "ENTRYPOINT").is_none());
            let missing = started.and_then(|it| programs::missing(file, stage, it.command.as_ref()?));
            if let (Some(it), Some(missing)) = (started, missing) {
                self.say(missing.rule(), it.line, format!("{keyword} {missing} the image {title}"));
            }
        }
    }
}

/// The value that ARG or ENV gives a variable of a stage.
fn default(file: &Dockerfile, stage: usize, name: &str) -> Option<String> {
    let mut sets = file.history(stage).filter(|it| it.is("ARG") || it.is("ENV")).flat_map(Instruction::pairs);
    let last = sets.rfind(|(known, _)| known == name)?;
    last.1.or_else(|| file.arguments.get(name).cloned().flatten())
}
