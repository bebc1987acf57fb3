//! Rules about one Dockerfile beyond hadolint's: what BuildKit warns of, what dockle finds in the image, and ours.

mod programs;
mod syntax;
mod variables;

pub use programs::{Missing, starts};

use super::super::{
    context::{Ignore, glob},
    dockerfile::{Dockerfile, Form, Instruction, reference},
    finding::Finding,
    shell::Script,
    stages::Stages,
};
use std::{collections::BTreeSet, path::Path};

/// What is known around a Dockerfile.
pub struct Surroundings<'a> {
    /// The folder whose files COPY sees, if it is known.
    pub context: Option<&'a Path>,
    pub ignore: &'a Ignore,
    /// Stages that services are made of, by index; without any, those that nothing else uses.
    pub targets: Option<&'a BTreeSet<usize>>,
    /// Stages of services that need no health check in the image.
    pub checked_elsewhere: &'a BTreeSet<usize>,
    /// Somebody runs these images.
    pub is_shipped: bool,
}

pub fn check(path: &str, file: &Dockerfile, around: &Surroundings<'_>) -> Vec<Finding> {
    let mut found = Found { path, findings: Vec::new() };
    let stages = Stages::of(file);
    syntax::check(file, &mut found);
    variables::check(file, &stages, &mut found);
    bases(&stages, &mut found);
    for instruction in file.instructions.iter().chain(file.triggers()) {
        files(instruction, around, &mut found);
        commands(instruction, &mut found);
        secrets(instruction, &mut found);
    }
    let ends = match around.targets {
        Some(targets) => targets.iter().copied().collect(),
        None => stages.ends(),
    };
    for end in ends.into_iter().filter(|_| around.is_shipped) {
        image(&stages, end, around, &mut found);
    }
    found.findings.sort();
    found.findings.dedup();
    found.findings
}

pub struct Found<'a> {
    path: &'a str,
    findings: Vec<Finding>,
}

impl Found<'_> {
    pub fn add(&mut self, rule: &'static str, line: usize) {
        self.findings.push(Finding::new(rule, self.path, line));
    }

    pub fn say(&mut self, rule: &'static str, line: usize, why: String) {
        self.findings.push(Finding::new(rule, self.path, line).saying(why));
    }
}

/// Tags that mean another image every few weeks.
const MOVING: [&str; 16] = [
    "alpine",
    "current",
    "dev",
    "edge",
    "lts",
    "lts-alpine",
    "lts-slim",
    "main",
    "mainline",
    "master",
    "nightly",
    "rolling",
    "slim",
    "stable",
    "testing",
    "unstable",
];

/// Whether a tag is one of those.
pub fn moves(tag: &str) -> bool {
    MOVING.contains(&tag)
}

fn bases(stages: &Stages<'_>, found: &mut Found<'_>) {
    for stage in stages.stages.iter().filter(|stage| stage.parent.is_none()) {
        let Some(image) = &stage.image else { continue };
        let (name, tag, digest) = reference(image);
        if digest.is_none() && tag.as_deref().is_some_and(moves) {
            let why = format!("the tag of {image} moves: it is another image every few weeks");
            found.say("SQ-D01", stage.line, why);
        }
        // hadolint does not look through variables.
        let hidden = image != &stage.base.written && digest.is_none() && name != "scratch";
        if hidden && tag.as_deref().is_none_or(|tag| tag == "latest") {
            found.say("SQ-D01", stage.line, format!("{image} has no version"));
        }
    }
}

/// Names of files that hold secrets wherever they are.
const SECRET_FILES: [&str; 19] = [
    ".env",
    ".env.*",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "id_rsa",
    "id_ed25519",
    "id_ecdsa",
    ".npmrc",
    ".pypirc",
    ".netrc",
    ".pgpass",
    ".git-credentials",
    ".htpasswd",
    "credentials.json",
    "*-key.pem",
    "key.pem",
    "privkey.pem",
];

fn files(instruction: &Instruction, around: &Surroundings<'_>, found: &mut Found<'_>) {
    if !instruction.is("COPY") && !instruction.is("ADD") {
        return;
    }
    let line = instruction.line;
    if let Some(mode) = instruction.flag("chmod") {
        modes(&[mode], line, found);
    }
    let Some((sources, _)) = instruction.paths() else { return };
    for source in sources.iter().filter(|source| !source.starts_with("<<")) {
        let is_remote = source.contains("://") || source.starts_with("git@");
        if is_remote {
            if instruction.is("ADD") && source.starts_with("http") && instruction.flag("checksum").is_none() {
                found.say("SQ-D06", line, format!("{source} is downloaded without being checked"));
            }
            continue;
        }
        let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let is_public = matches!(name, ".env.example" | ".npmrc") && holds_no_secret(around.context, source);
        if !is_public && SECRET_FILES.iter().any(|secret| glob(secret, name)) {
            found.say("CIS-DI-0010", line, format!("{source} looks like a secret, and stays in a layer"));
        }
        if instruction.flag("from").is_some() || source.contains('$') {
            continue;
        }
        let path = source.trim_start_matches("./").trim_matches('/');
        let Some(context) = around.context.filter(|_| !path.is_empty() && path != ".") else { continue };
        if around.ignore.leaves_out(path) && !comes_back(context, path, around.ignore) {
            found.say(
                "CopyIgnoredFile",
                line,
                format!("{source} is left out of the build context by .dockerignore"),
            );
        } else if !exists(context, path) {
            found.say("SQ-D05", line, format!("there is no {source} in the build context"));
        }
    }
}

/// An example and npm's settings are harmless, as long as nobody wrote a secret into them.
fn holds_no_secret(context: Option<&Path>, source: &str) -> bool {
    let text = context.map(|context| {
        std::fs::read_to_string(context.join(source.trim_start_matches("./"))).unwrap_or_default()
    });
    text.is_none_or(|text| !text.contains("_auth") && !text.contains("_password") && !holds_token(&text))
}

/// A folder that is left out can still have files that are not.
fn comes_back(context: &Path, path: &str, ignore: &Ignore) -> bool {
    let Ok(entries) = std::fs::read_dir(context.join(path)) else { return false };
    entries
        .flatten()
        .any(|entry| !ignore.leaves_out(&format!("{path}/{}", entry.file_name().to_string_lossy())))
}

fn exists(folder: &Path, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('/') else { return has(folder, pattern).next().is_some() };
    if !first.contains(['*', '?', '[']) {
        return exists(&folder.join(first), rest);
    }
    has(folder, first).any(|name| exists(&folder.join(name), rest))
}

fn has<'a>(folder: &'a Path, pattern: &'a str) -> impl Iterator<Item = String> + 'a {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(move |name| glob(pattern, name))
}

fn modes(modes: &[&str], line: usize, found: &mut Found<'_>) {
    for mode in modes {
        let digits: String = mode.chars().take_while(char::is_ascii_digit).collect();
        let octal = if digits.len() == mode.len() { u32::from_str_radix(&digits, 8).ok() } else { None };
        let symbolic = octal.is_none() && mode.contains(['+', '=']);
        let (who, what) = mode.split_once(['+', '=']).unwrap_or((mode, ""));
        if octal.is_some_and(|octal| octal & 0o6000 != 0) || (symbolic && what.contains('s')) {
            found.say("CIS-DI-0008", line, format!("mode {mode} lets everyone run the file as its owner"));
        }
        let others = who.is_empty() || who.contains(['o', 'a']);
        if octal.is_some_and(|octal| octal & 0o002 != 0 && octal & 0o1000 == 0)
            || (symbolic && others && what.contains('w'))
        {
            found.say("SQ-D11", line, format!("mode {mode} lets every process write there"));
        }
    }
}

fn commands(instruction: &Instruction, found: &mut Found<'_>) {
    if !instruction.is("RUN") {
        return;
    }
    let line = instruction.line;
    let script = Script::parse(&instruction.form().text());
    for command in &script.commands {
        match command.name.as_str() {
            "chmod" => modes(&command.words(&[]).into_iter().take(1).collect::<Vec<_>>(), line, found),
            "install" => modes(&command.flag_values("m"), line, found),
            "apt-get" | "apt"
                if command.has(&["apt-get", "apt"], &["dist-upgrade", "full-upgrade", "upgrade"]) =>
            {
                found.add("DKL-DI-0003", line);
            }
            "apk" if command.has_argument("upgrade") => found.add("DKL-DI-0003", line),
            _ => {}
        }
    }
    let apt =
        |actions: &[&str]| script.commands.iter().any(|command| command.has(&["apt-get", "apt"], actions));
    if apt(&["update"])
        && !apt(&["install", "dist-upgrade", "full-upgrade", "upgrade", "build-dep", "download"])
    {
        found.add("SQ-D12", line);
    }
    let downloads = script.runs("curl") || script.runs("wget");
    let shells = script.commands.iter().any(|command| {
        matches!(command.name.as_str(), "sh" | "bash" | "ash" | "zsh" | "python" | "python3")
            && command.words(&[]).iter().all(|word| *word == "-" || *word == "--")
    });
    if downloads && script.has_pipe && shells {
        found.add("SQ-D09", line);
    }
}

/// Beginnings of tokens that no one writes by accident.
const TOKENS: [&str; 14] = [
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "npm_",
    "-----BEGIN",
    "AGE-SECRET-KEY-",
    "sq_",
];

/// Whether a text holds what only a secret looks like.
pub fn holds_token(text: &str) -> bool {
    TOKENS.iter().any(|token| {
        text.match_indices(token).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + token.len()..].chars();
            let long =
                after.take_while(|letter| letter.is_ascii_alphanumeric() || "_-".contains(*letter)).count()
                    >= 16;
            before.is_none_or(|before| !before.is_ascii_alphanumeric() && before != '_')
                && (long || token.starts_with("-----"))
        })
    })
}

/// `scheme://user:password@host`, with a password that is no variable.
pub fn holds_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', ' ', '"', '\'']).next().unwrap_or_default();
        let password =
            authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, word)| word);
        password.is_some_and(|password| !password.is_empty() && !password.starts_with('$'))
    })
}

fn secrets(instruction: &Instruction, found: &mut Found<'_>) {
    let texts = || {
        std::iter::once(instruction.body.as_str())
            .chain(instruction.heredocs.iter().map(|heredoc| heredoc.text.as_str()))
    };
    if texts().any(holds_token) {
        found.say(
            "CIS-DI-0010",
            instruction.line,
            "a secret stands in the text, and with it in the image's history".into(),
        );
    } else if texts().any(holds_password) {
        found.say(
            "CIS-DI-0010",
            instruction.line,
            "an address with a password in it stays in the image's history".into(),
        );
    }
}

/// What an image made of a stage must be.
fn image(stages: &Stages<'_>, end: usize, around: &Surroundings<'_>, found: &mut Found<'_>) {
    let Some(stage) = stages.stages.get(end) else { return };
    let history = stages.history(end);
    let title = stage.title();
    let user = stages.last(end, "USER");
    match user.map(|user| (user.line, user.body.trim())) {
        None => found.say(
            "CIS-DI-0001",
            stage.line,
            format!("the image {title} has no USER, and so runs as root"),
        ),
        Some((line, user)) => {
            let id = user.split(':').next().unwrap_or_default();
            let number = super::super::stages::expand(id, |name| default(stages, &history, name));
            let number = number.as_deref().unwrap_or(id).parse::<u32>();
            match number {
                Ok(0) => found.say("CIS-DI-0001", line, format!("the image {title} runs as root")),
                Ok(_) => {}
                Err(_) => found.say("CIS-DI-0001", line, format!("the image {title} runs as {user:?}, which is no number: nothing outside can tell that it is not root")),
            }
        }
    }
    let check = stages.last(end, "HEALTHCHECK");
    if check.is_none() && !around.checked_elsewhere.contains(&end) {
        found.say("CIS-DI-0006", stage.line, format!("the image {title} has no HEALTHCHECK"));
    }
    labels(stage.line, &title, &history, found);
    for instruction in &history {
        if instruction.is("ENV") && instruction.pairs().iter().any(|(name, _)| name == "DEBIAN_FRONTEND") {
            found.add("SQ-D13", instruction.line);
        }
        if instruction.is("VOLUME") {
            volumes(instruction, found);
        }
    }
    programs::check(stages, end, found);
}

fn default(stages: &Stages<'_>, history: &[&Instruction], name: &str) -> Option<String> {
    let declared = history.iter().filter(|instruction| instruction.is("ARG")).flat_map(|arg| arg.declared());
    let set = history.iter().filter(|instruction| instruction.is("ENV")).flat_map(|env| env.pairs());
    let with_outer = declared.filter_map(|(name, default)| {
        let value = default.or_else(|| stages.arguments.get(&name).cloned().flatten())?;
        Some((name, value))
    });
    let mut all = with_outer.chain(set).filter(|(known, _)| known == name).map(|(_, value)| value);
    all.next_back()
}

fn labels(line: usize, title: &str, history: &[&Instruction], found: &mut Found<'_>) {
    const WANTED: [&str; 3] = ["title", "description", "licenses"];
    let labels: BTreeSet<String> = history
        .iter()
        .filter(|instruction| instruction.is("LABEL"))
        .flat_map(|label| label.pairs())
        .map(|(key, _)| key)
        .collect();
    let missing: Vec<_> = WANTED
        .into_iter()
        .filter(|key| !labels.contains(&format!("org.opencontainers.image.{key}")))
        .collect();
    if !missing.is_empty() {
        let why =
            format!("the image {title} does not say its {} (org.opencontainers.image.…)", missing.join(", "));
        found.say("SQ-D10", line, why);
    }
}

fn volumes(instruction: &Instruction, found: &mut Found<'_>) {
    const SENSITIVE: [&str; 9] = ["/", "/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/sys", "/usr"];
    let paths = match instruction.form() {
        Form::Exec(paths) => paths,
        Form::Shell(text) => text.split_whitespace().map(str::to_owned).collect(),
    };
    for path in paths.iter().filter(|path| SENSITIVE.contains(&path.as_str())) {
        found.say("DKL-DI-0002", instruction.line, format!("{path} is no place for a volume"));
    }
}
