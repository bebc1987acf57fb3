//! A Dockerfile as the rules read it: instructions with their lines, stages, and the variables in a
//! text.

use anyhow::{Context, Result, anyhow};
use regex_lite::Regex;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    ops::Range,
    path::Path,
    sync::LazyLock,
};

#[derive(Debug, Default)]
pub struct Dockerfile {
    pub instructions: Vec<Instruction>,
    pub stages: Vec<Stage>,
    /// ARG above the first FROM, with its default.
    pub arguments: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Default)]
pub struct Instruction {
    pub line: usize,
    /// In upper case.
    pub keyword: String,
    /// As it is written, with continued lines joined.
    pub written: String,
    /// `--from=build`
    flags: Vec<String>,
    /// RUN, CMD and ENTRYPOINT, and the command of HEALTHCHECK, except for HEALTHCHECK NONE.
    pub command: Option<Command>,
    /// What follows the keyword and its flags.
    pub words: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["program", "argument"]`
    Exec(Vec<String>),
    /// What a shell runs.
    Shell,
}

#[derive(Debug)]
pub struct Stage {
    pub line: usize,
    pub name: Option<String>,
    /// The base as it is written, and with the defaults of ARG filled in where all have one.
    pub base: String,
    pub image: Option<String>,
    /// The stage that it is built from.
    pub parent: Option<usize>,
    instructions: Range<usize>,
}

impl Dockerfile {
    pub fn read(root: &Path, path: &str) -> Result<Self> {
        let text = std::fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))?;
        Self::parse(&text).map_err(|(line, message)| anyhow!("{path}:{line}: {message}"))
    }

    /// The file, or the line and the reason why it cannot be one.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let text = text.trim_start_matches('\u{feff}');
        let parsed =
            parse_dockerfile::parse(text).map_err(|error| (error.line().max(1), format!("{error:#}")))?;
        let parsed = serde_json::to_value(&parsed.instructions).map_err(|error| (1, error.to_string()))?;
        let starts: Vec<_> = parsed.as_array().into_iter().flatten().map(start).collect();
        let mut file = Self::default();
        for (at, start) in starts.iter().enumerate() {
            let end = starts.get(at + 1).copied().unwrap_or(text.len());
            let line = text[..*start].matches('\n').count() + 1;
            let instruction = Instruction::read(line, &text[*start..end]);
            if instruction.is("FROM") {
                let base = instruction.words.first().cloned().unwrap_or_default();
                let next = file.instructions.len() + 1;
                file.stages.push(Stage {
                    line,
                    // `FROM base AS name`
                    name: instruction.words.get(2).cloned(),
                    image: expand(&base, |name| file.arguments.get(name).cloned().flatten()),
                    parent: file.stage(&base),
                    base,
                    instructions: next..next,
                });
            } else if let Some(stage) = file.stages.last_mut() {
                stage.instructions.end += 1;
            } else if instruction.is("ARG") {
                file.arguments.extend(instruction.pairs());
            }
            file.instructions.push(instruction);
        }
        Ok(file)
    }

    /// The last stage of this name.
    pub fn stage(&self, name: &str) -> Option<usize> {
        let is_named = |stage: &Stage| stage.name.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(name));
        self.stages.iter().rposition(is_named)
    }

    /// A stage by its name or number, as `--target` and `--from` name it.
    pub fn target(&self, name: &str) -> Option<usize> {
        self.stage(name).or_else(|| name.parse().ok().filter(|index| *index < self.stages.len()))
    }

    pub fn own(&self, stage: usize) -> &[Instruction] {
        &self.instructions[self.stages[stage].instructions.clone()]
    }

    /// All that an image made of this stage went through, oldest first.
    pub fn history(&self, stage: usize) -> impl DoubleEndedIterator<Item = &Instruction> {
        self.lineage(stage).collect::<Vec<_>>().into_iter().rev().flat_map(|stage| self.own(stage))
    }

    /// A stage and those it is built from, the first one last.
    fn lineage(&self, stage: usize) -> impl Iterator<Item = usize> {
        iter::successors(Some(stage), |stage| self.stages[*stage].parent)
    }

    pub fn last(&self, stage: usize, keyword: &str) -> Option<&Instruction> {
        self.history(stage).rfind(|instruction| instruction.is(keyword))
    }

    pub fn health_check(&self, stage: usize) -> Option<&Command> {
        self.last(stage, "HEALTHCHECK")?.command.as_ref()
    }

    /// The ports that an image opens.
    pub fn exposed(&self, stage: usize) -> Vec<String> {
        let words = self.history(stage).filter(|it| it.is("EXPOSE")).flat_map(|expose| &expose.words);
        words.map(|word| word.split('/').next().unwrap_or_default().to_owned()).collect()
    }

    /// The public image at the bottom; nothing if a variable hides it.
    pub fn base_image(&self, stage: usize) -> Option<&str> {
        self.stages[self.lineage(stage).last()?].image.as_deref()
    }

    /// Its name without registry and tag.
    pub fn base(&self, stage: usize) -> Option<&str> {
        Some(reference(self.base_image(stage)?).0)
    }

    /// A stage and all others that a build of it runs.
    pub fn needed(&self, stage: usize) -> BTreeSet<usize> {
        let flags = self.own(stage).iter().flat_map(|instruction| &instruction.flags);
        let named = flags.filter_map(|flag| match flag.split_once('=')? {
            ("--from", stage) => Some(stage),
            ("--mount", fields) => fields.split(',').find_map(|field| field.strip_prefix("from=")),
            _ => None,
        });
        let direct = named.filter_map(|name| self.target(name)).chain(self.stages[stage].parent);
        // A stage takes only from those above it.
        let above = direct.filter(|other| *other < stage).flat_map(|other| self.needed(other));
        above.chain([stage]).collect()
    }

    /// Stages that no other one needs: what the file is for.
    pub fn ends(&self) -> Vec<usize> {
        let all = 0..self.stages.len();
        let is_end = |stage: &usize| (stage + 1..all.end).all(|later| !self.needed(later).contains(stage));
        all.clone().filter(is_end).collect()
    }

    /// The paths of the build context that a build of this stage copies.
    pub fn sources(&self, stage: usize) -> BTreeSet<String> {
        let all = self.needed(stage).into_iter().flat_map(|stage| self.own(stage));
        let local = all.filter(|it| it.is_copy_of_context()).flat_map(Instruction::sources);
        local.filter(|source| !source.contains("://")).map(|source| plain(source).to_owned()).collect()
    }
}

/// A path of the build context without `./` and a slash at either end.
pub fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}

/// Where an instruction begins. The parser's own types say so in a field per keyword.
fn start(json: &Value) -> usize {
    let keyword = json["kind"].as_str().unwrap_or_default().to_lowercase();
    json[keyword]["span"]["start"].as_u64().unwrap_or_default() as usize
}

impl Instruction {
    /// From its keyword to the next instruction.
    fn read(line: usize, text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let written = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ").trim_end().to_owned();
        // A here-document is below the first line.
        let head = if written.contains("<<") { written.lines().next() } else { Some(&*written) };
        let mut words = head.unwrap_or_default().split_whitespace().map(str::to_owned).peekable();
        let keyword = words.next().unwrap_or_default().to_uppercase();
        let flags = iter::from_fn(|| words.next_if(|word| word.starts_with("--"))).collect();
        if keyword == "HEALTHCHECK" {
            words.next_if(|word| word.eq_ignore_ascii_case("CMD"));
        }
        let words: Vec<_> = words.collect();
        let json: Option<Vec<String>> = serde_json::from_str(&words.join(" ")).ok();
        let is_command = match &*keyword {
            "RUN" | "CMD" | "ENTRYPOINT" => true,
            "HEALTHCHECK" => words.first().is_some_and(|word| !word.eq_ignore_ascii_case("NONE")),
            _ => false,
        };
        let command = || json.clone().map_or(Command::Shell, Command::Exec);
        let command = is_command.then(command);
        Self { line, keyword, written, flags, command, words: json.unwrap_or(words) }
    }

    pub fn is(&self, keyword: &str) -> bool {
        self.keyword == keyword
    }

    pub fn is_copy(&self) -> bool {
        self.is("COPY") || self.is("ADD")
    }

    pub fn sets_variables(&self) -> bool {
        self.is("ARG") || self.is("ENV")
    }

    pub fn is_copy_of_context(&self) -> bool {
        self.is_copy() && !self.flags.iter().any(|flag| flag.starts_with("--from="))
    }

    /// What COPY and ADD take.
    pub fn sources(&self) -> &[String] {
        self.words.split_last().map_or(&[], |(_, sources)| sources)
    }

    pub fn text(&self) -> String {
        self.words.join(" ")
    }

    /// Names and values of ENV, LABEL and ARG.
    pub fn pairs(&self) -> Vec<(String, Option<String>)> {
        static PAIR: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r#"([^\s=]+)(?:=((?:"[^"]*"|'[^']*'|\\.|[^\s\\])*))?"#).ok());
        let text = self.text();
        let pairs = PAIR.iter().flat_map(|pair| pair.captures_iter(&text));
        let value = |value: &str| value.trim_matches(['"', '\'']).to_owned();
        pairs.map(|pair| (pair[1].to_owned(), pair.get(2).map(|it| value(it.as_str())))).collect()
    }
}

/// Name, tag and whether a digest pins it; the registry is left out.
pub fn reference(image: &str) -> (&str, Option<&str>, bool) {
    let (image, digest) = image.split_once('@').map_or((image, false), |(image, _)| (image, true));
    let image = match image.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) => rest,
        _ => image,
    };
    image.split_once(':').map_or((image, None, digest), |(name, tag)| (name, Some(tag), digest))
}

/// The name of each `$NAME` and `${NAME:-default}`, and what follows it: `:-`, `:?` or, with an
/// empty default, `:-}`.
pub fn variables(text: &str) -> Vec<(&str, &str)> {
    static VARIABLE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[\\$]\$|\$\{?([A-Za-z_]\w*)(:?[-+?]\}?)?").ok());
    let found = VARIABLE.iter().flat_map(|variable| variable.captures_iter(text));
    found.filter_map(|it| Some((it.get(1)?.as_str(), it.get(2).map_or("", |it| it.as_str())))).collect()
}

/// The text with values filled in, or nothing if a variable has neither a value nor a default.
pub fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let variable = Regex::new(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})").ok()?;
    let mut is_complete = true;
    let expanded = variable.replace_all(text, |found: &regex_lite::Captures<'_>| {
        let name = found.get(1).or(found.get(2)).map_or("", |name| name.as_str());
        let default = found.get(3).map(|default| default.as_str().to_owned());
        let value = value(name).filter(|value| !value.is_empty()).or(default);
        is_complete &= value.is_some();
        value.unwrap_or_default()
    });
    is_complete.then(|| expanded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_known_through_the_defaults_of_its_arguments() {
        let text = "ARG V=1.95\nARG W\nFROM rust:${V}-slim AS build\nFROM ${X:-debian:12}\nFROM a:$W\nFROM build AS end";
        let file = Dockerfile::parse(text).unwrap();
        let images: Vec<_> = file.stages.iter().map(|stage| stage.image.as_deref()).collect();
        assert_eq!(images, [Some("rust:1.95-slim"), Some("debian:12"), None, Some("build")]);
        assert_eq!((file.base(3), file.ends()), (Some("rust"), vec![1, 2, 3]));
    }

    #[test]
    fn a_build_needs_the_sources_of_all_stages_it_runs() {
        let text = "FROM a:1 AS x\nCOPY ./src /src/\nFROM b:2 AS y\nCOPY web ./\nFROM scratch AS z\n\
                    COPY --from=x /src /src\nRUN --mount=type=bind,from=y,target=/y true\nCOPY c d e/\nFROM c:3\nCOPY f .\n";
        let file = Dockerfile::parse(text).unwrap();
        let listed = |paths: BTreeSet<String>| paths.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(listed(file.sources(2)), "c d src web");
        assert_eq!(file.ends(), [2, 3]);
    }

    #[test]
    fn pairs_and_variables_are_told_from_other_text() {
        let file =
            Dockerfile::parse("FROM a\nENV a=1 b=\"x y\" \\\n  # c\n  c=${a:-d}\nARG A B=1\n").unwrap();
        let shown = |at: usize| format!("{:?}", file.instructions[at].pairs()).replace("Some", "");
        assert_eq!(shown(1), r#"[("a", ("1")), ("b", ("x y")), ("c", ("${a:-d}"))]"#);
        assert_eq!(shown(2), r#"[("A", None), ("B", ("1"))]"#);
        let found = variables("a$B/${C:-${D}}/$$E/\\$F/$1/${G:-}${H?x}");
        assert_eq!(found, [("B", ""), ("C", ":-"), ("D", ""), ("G", ":-}"), ("H", "?")]);
    }

    #[test]
    fn an_image_is_named_without_its_registry() {
        assert_eq!(reference("debian:bookworm-slim"), ("debian", Some("bookworm-slim"), false));
        assert_eq!(reference("registry.example:5000/a/b"), ("a/b", None, false));
        assert_eq!(reference("node@sha256:abc"), ("node", None, true));
    }
}
