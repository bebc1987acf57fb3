//! Rules about one Dockerfile: BuildKit's checks of style and variables, what dockle finds in an image, and our own.

use super::{Finding, programs, secrets};
use crate::docker::{
    context::{Ignore, glob},
    dockerfile::{Command, Dockerfile, Instruction, expand, plain, reference, substitute},
};
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
    rules.style(text);
    rules.bases();
    rules.variables();
    for instruction in &file.instructions {
        if instruction.is_copy() {
            rules.copies(instruction, around.context);
        }
        if let Some(command) = instruction.command.as_ref().filter(|_| instruction.is("RUN")) {
            rules.commands(instruction.line, &command.text());
        }
        rules.text(instruction);
    }
    let ends = if around.targets.is_empty() { file.ends() } else { around.targets.iter().copied().collect() };
    for stage in ends {
        rules.image(stage, around.checked_by_service.contains(&stage));
    }
    rules.findings
}

/// Whether a tag names another image every few weeks.
pub fn moves(tag: &str) -> bool {
    const MOVING: &str = "alpine current dev edge latest lts lts-alpine lts-slim main mainline master nightly rolling \
                          slim stable testing unstable";
    MOVING.split_whitespace().any(|moving| moving == tag)
}

/// Folders that belong to the system.
const SYSTEM: [&str; 10] =
    ["/", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/sys", "/usr", "/var/run"];

pub fn is_system_folder(path: &str) -> bool {
    SYSTEM.contains(&path) || SYSTEM.contains(&path.trim_end_matches('/'))
}

impl Rules<'_> {
    fn add(&mut self, rule: &str, line: usize, why: impl Into<Option<String>>) {
        let finding = Finding::new(rule, self.path, line);
        self.findings.insert(match why.into() {
            Some(why) => finding.because(why),
            None => finding,
        });
    }

    fn style(&mut self, text: &str) {
        let lines: Vec<_> = text.lines().collect();
        for (index, pair) in lines.windows(2).enumerate() {
            let is_continued = pair[0].trim_end().ends_with('\\') && !pair[0].trim_start().starts_with('#');
            if is_continued && pair[1].trim().is_empty() {
                self.add("NoEmptyContinuation", index + 2, None);
            }
        }
        let is_lower = |word: &str| word.chars().all(|letter| letter.is_ascii_lowercase());
        let is_upper = |word: &str| word.chars().all(|letter| letter.is_ascii_uppercase());
        let file = self.file;
        let lower = file.instructions.iter().filter(|it| is_lower(&it.spelling)).count();
        let upper = file.instructions.iter().filter(|it| is_upper(&it.spelling)).count();
        for instruction in &file.instructions {
            let Instruction { line, spelling, .. } = instruction;
            if !(if lower > upper { is_lower(spelling) } else { is_upper(spelling) }) {
                let why = format!("{spelling} is not in the case of most instructions of this file");
                self.add("ConsistentInstructionCasing", *line, why);
            }
            if instruction.is_legacy_pair() {
                self.add("LegacyKeyValueFormat", *line, None);
            }
            let ports =
                instruction.words.iter().filter(|port| instruction.is("EXPOSE") && !port.contains('$'));
            for port in ports {
                let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
                if number.contains([':', '.']) {
                    self.add("ExposeInvalidFormat", *line, format!("{port} is more than a port"));
                } else if protocol != protocol.to_ascii_lowercase() {
                    self.add("ExposeProtoCasing", *line, None);
                }
            }
        }
        let froms = file.instructions.iter().filter(|instruction| instruction.is("FROM"));
        for (stage, from) in file.stages.iter().zip(froms) {
            let word = stage.spelling_of_as.as_deref().unwrap_or(&from.spelling);
            if (is_lower(word), is_upper(word)) != (is_lower(&from.spelling), is_upper(&from.spelling)) {
                self.add("FromAsCasing", stage.line, None);
            }
            if stage.name.as_ref().is_some_and(|name| name.contains(char::is_uppercase)) {
                self.add("StageNameCasing", stage.line, None);
            }
        }
    }

    /// hadolint does not look through variables, and knows no moving tag but `latest`.
    fn bases(&mut self) {
        for stage in self.file.stages.iter().filter(|stage| stage.parent.is_none()) {
            let Some(image) = &stage.image else { continue };
            let (name, tag, has_digest) = reference(image);
            let is_hidden = *image != stage.base && name != "scratch";
            match tag {
                Some(tag) if !has_digest && moves(tag) && (is_hidden || tag != "latest") => {
                    self.add(
                        "SQ-D01",
                        stage.line,
                        format!("the tag of {image} moves to another image every few weeks"),
                    );
                }
                None if is_hidden && !has_digest => {
                    self.add("SQ-D01", stage.line, format!("{image} has no version"));
                }
                _ => {}
            }
        }
    }

    fn variables(&mut self) {
        let file = self.file;
        for from in file.instructions.iter().filter(|instruction| instruction.is("FROM")) {
            let text = format!("{} {}", from.text, from.flag("platform").unwrap_or_default());
            for (name, operator) in used_variables(&text) {
                let has_default = operator.trim_start_matches(':').starts_with(['-', '+']);
                match file.arguments.get(&name) {
                    None if !DEFINED
                        .split(' ')
                        .chain(DEFINED_IN_FROM.split(' '))
                        .any(|known| known == name) =>
                    {
                        let why = format!("FROM uses ${name}, which no ARG above the first FROM declares");
                        self.add("UndefinedArgInFrom", from.line, why);
                    }
                    Some(None) if !has_default => {
                        let why = format!("FROM uses ${name}, which has no value unless --build-arg sets it");
                        self.add("InvalidDefaultArgInFrom", from.line, why);
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
                let text = format!("{} {}", instruction.text, instruction.words.join(" "));
                for (name, operator) in used_variables(&text) {
                    let has_default = operator.trim_start_matches(':').starts_with(['-', '+', '?']);
                    if expands && !known.contains(&name) && !has_default {
                        let why = format!("${name} is used, and no ARG or ENV of this stage defines it");
                        self.add("UndefinedVar", instruction.line, why);
                    }
                }
                if instruction.is("ARG") || instruction.is("ENV") {
                    known.extend(instruction.pairs().into_iter().map(|(name, _)| name));
                }
            }
        }
    }

    fn copies(&mut self, copy: &Instruction, context: Option<(&Path, &Ignore)>) {
        let line = copy.line;
        self.mode(copy.flag("chmod").unwrap_or_default(), line);
        for source in copy.sources() {
            if source.contains("://") || source.starts_with("git@") {
                if copy.is("ADD") && source.starts_with("http") && copy.flag("checksum").is_none() {
                    self.add("SQ-D06", line, format!("{source} is downloaded without a check"));
                }
                continue;
            }
            let path = plain(source);
            let name = path.rsplit('/').next().unwrap_or_default();
            let is_harmless = matches!(name, ".env.example" | ".npmrc")
                && context.is_none_or(|(root, _)| {
                    let text = fs::read_to_string(root.join(path)).unwrap_or_default();
                    !text.contains("_auth") && !text.contains("_password") && !secrets::holds_token(&text)
                });
            if secrets::is_secret_file(name) && !is_harmless {
                self.add("CIS-DI-0010", line, format!("{source} looks like a secret, and stays in a layer"));
            }
            let Some((root, ignore)) = context.filter(|_| copy.flag("from").is_none() && !path.contains('$'))
            else {
                continue;
            };
            if !path.is_empty() && path != "." && !exists(root, path) {
                self.add("SQ-D05", line, format!("{source} is not in the build context"));
            } else if !path.contains(['*', '?'])
                && ignore.files(root, path).is_ok_and(|files| files.is_empty())
            {
                self.add("CopyIgnoredFile", line, format!("{source} is left out of the build context"));
            }
        }
    }

    fn mode(&mut self, mode: &str, line: usize) {
        let octal = u32::from_str_radix(mode, 8).ok();
        let (who, what) = mode.split_once(['+', '=']).unwrap_or_default();
        if octal.is_some_and(|octal| octal & 0o6000 != 0) || what.contains('s') {
            self.add("CIS-DI-0008", line, format!("mode {mode} lets everyone run the file as its owner"));
        }
        let for_others = who.is_empty() || who.contains(['o', 'a']);
        if octal.is_some_and(|octal| octal & 0o1002 == 0o002) || (for_others && what.contains('w')) {
            self.add("SQ-D11", line, format!("mode {mode} lets every process write there"));
        }
    }

    /// Reads a script as words between separators; hadolint, which holds ShellCheck, does the rest.
    fn commands(&mut self, line: usize, script: &str) {
        let script = script.replace("\\\n", " ").replace("||", ";").replace("&&", ";");
        let mut is_apt_used = [false; 2];
        for pipeline in script.split([';', '\n', '(', ')', '{', '}']) {
            let mut is_download = false;
            for command in pipeline.split('|') {
                let words: Vec<_> = command.split_whitespace().filter(|word| !word.contains('=')).collect();
                let Some((program, arguments)) = words.split_first() else { continue };
                let mut plain = arguments.iter().filter(|word| !word.starts_with('-'));
                let has = |names: &[&str]| arguments.iter().any(|word| names.contains(word));
                match *program {
                    "chmod" => plain.next().iter().for_each(|mode| self.mode(mode, line)),
                    "install" => {
                        let after = arguments.iter().skip_while(|word| **word != "-m").nth(1);
                        after.iter().for_each(|mode| self.mode(mode, line));
                    }
                    "apt-get" | "apt" => {
                        is_apt_used[0] |= has(&["update"]);
                        is_apt_used[1] |= has(&[
                            "install",
                            "upgrade",
                            "dist-upgrade",
                            "full-upgrade",
                            "build-dep",
                            "download",
                        ]);
                        if has(&["upgrade", "dist-upgrade", "full-upgrade"]) {
                            self.add("DKL-DI-0003", line, None);
                        }
                    }
                    "apk" if has(&["upgrade"]) => self.add("DKL-DI-0003", line, None),
                    "curl" | "wget" => is_download = true,
                    "sh" | "bash" | "ash" | "zsh" | "python" | "python3"
                        if is_download && plain.next().is_none() =>
                    {
                        self.add("SQ-D09", line, None);
                    }
                    _ => {}
                }
            }
        }
        if is_apt_used == [true, false] {
            self.add("SQ-D12", line, None);
        }
    }

    fn text(&mut self, instruction: &Instruction) {
        let command = instruction.command.as_ref().map(Command::text);
        let texts = [&instruction.text, &command.unwrap_or_default(), &instruction.heredocs.join("\n")]
            .map(String::clone);
        if texts.iter().any(|text| secrets::holds_token(text)) {
            self.add(
                "CIS-DI-0010",
                instruction.line,
                "a secret is in the text, and so in the image's history".to_owned(),
            );
        } else if texts.iter().any(|text| secrets::holds_password(text)) {
            let why = "an address with a password in it stays in the image's history".to_owned();
            self.add("CIS-DI-0010", instruction.line, why);
        }
    }

    /// What an image made of a stage must be.
    fn image(&mut self, stage: usize, is_checked_by_service: bool) {
        let file = self.file;
        let (title, line) = (file.stages[stage].title(), file.stages[stage].line);
        match file.last(stage, "USER") {
            None => {
                self.add("CIS-DI-0001", line, format!("the image {title} has no USER, and so runs as root"))
            }
            Some(user) => {
                let id = user.text.split(':').next().unwrap_or_default();
                let id = expand(id, &|name| default(file, stage, name)).unwrap_or_default();
                match id.parse::<u32>() {
                    Ok(0) => self.add("CIS-DI-0001", user.line, format!("the image {title} runs as root")),
                    Ok(_) => {}
                    Err(_) => {
                        let why = format!(
                            "the user {:?} of the image {title} is a name, which may be root's",
                            user.text
                        );
                        self.add("CIS-DI-0001", user.line, why);
                    }
                }
            }
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
            if instruction.is("ENV") && instruction.pairs().iter().any(|(name, _)| name == "DEBIAN_FRONTEND")
            {
                self.add("SQ-D13", instruction.line, None);
            }
            for path in
                instruction.words.iter().filter(|path| instruction.is("VOLUME") && is_system_folder(path))
            {
                self.add("DKL-DI-0002", instruction.line, format!("{path} is a folder of the system"));
            }
            let is_script = instruction.is("RUN") && matches!(instruction.command, Some(Command::Shell(_)));
            if is_script && !programs::has_shell(file, stage) {
                let why = format!("RUN needs a shell, and there is no shell in the image {title}");
                self.add("SQ-D04", instruction.line, why);
            }
        }
        for keyword in ["ENTRYPOINT", "CMD", "HEALTHCHECK"] {
            // CMD behind an ENTRYPOINT holds arguments.
            let started = file.last(stage, keyword);
            let started = started.filter(|_| keyword != "CMD" || file.last(stage, "ENTRYPOINT").is_none());
            let Some((it, command)) = started.and_then(|it| Some((it, it.command.as_ref()?))) else {
                continue;
            };
            if let Some(missing) = programs::missing(file, stage, command) {
                self.add(missing.rule(), it.line, format!("{keyword} {missing} the image {title}"));
            }
        }
    }
}

/// What BuildKit defines everywhere, and in FROM alone.
const DEFINED: &str = "HTTP_PROXY http_proxy HTTPS_PROXY https_proxy FTP_PROXY ftp_proxy NO_PROXY no_proxy ALL_PROXY \
                       all_proxy SOURCE_DATE_EPOCH";
const DEFINED_IN_FROM: &str =
    "BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT";

/// Names and operators; what is in single quotes is text.
fn used_variables(text: &str) -> Vec<(String, String)> {
    let (mut outside, mut single, mut double) = (String::new(), false, false);
    for letter in text.chars() {
        match letter {
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            letter if !single => outside.push(letter),
            _ => {}
        }
    }
    let mut found = Vec::new();
    substitute(&outside, &mut |name, operator| {
        found.push((name.to_owned(), operator.to_owned()));
        String::new()
    });
    found
}

/// The value that ARG or ENV gives a variable of a stage.
fn default(file: &Dockerfile, stage: usize, name: &str) -> Option<String> {
    let sets = file.history(stage).filter(|it| it.is("ARG") || it.is("ENV")).flat_map(Instruction::pairs);
    let last = sets.filter(|(known, _)| known == name).last()?;
    last.1.or_else(|| file.arguments.get(name).cloned().flatten())
}

/// Whether a path with `*` in it leads to something.
fn exists(folder: &Path, pattern: &str) -> bool {
    let (first, rest) = pattern.split_once('/').map_or((pattern, None), |(first, rest)| (first, Some(rest)));
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut matching = names.filter(|name| glob(first, &name.to_string_lossy()));
    matching.any(|name| rest.is_none_or(|rest| exists(&folder.join(name), rest)))
}
