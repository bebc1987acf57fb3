//! A Dockerfile as the rules read it: instructions with their lines, stages, and the variables in a text.

use anyhow::{Context, Result, anyhow};
use parse_dockerfile as parser;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::Path,
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
    /// The keyword as the file spells it.
    pub spelling: String,
    pub flags: Vec<(String, String)>,
    /// RUN, CMD and ENTRYPOINT, and the command of HEALTHCHECK unless that is NONE.
    pub command: Option<Command>,
    /// Sources and target of COPY and ADD, ports of EXPOSE, paths of VOLUME.
    pub words: Vec<String>,
    /// What the other instructions say, such as the pairs of ENV and the image of FROM.
    pub text: String,
    pub heredocs: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `["program", "argument"]`
    Exec(Vec<String>),
    /// Text for a shell.
    Shell(String),
}

#[derive(Debug)]
pub struct Stage {
    pub line: usize,
    pub name: Option<String>,
    /// The word AS as the file spells it.
    pub spelling_of_as: Option<String>,
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
        let parsed = parser::parse(text).map_err(|error| {
            let shown = error.to_string();
            let line = shown.rsplit_once(" at line ").and_then(|(_, at)| at.split(' ').next()?.parse().ok());
            (line.unwrap_or(1), format!("{error:#}"))
        })?;
        let mut file = Self::default();
        for instruction in &parsed.instructions {
            let read = read(text, instruction);
            if let parser::Instruction::From(from) = instruction {
                let base = from.image.value.to_string();
                let (spelling_of_as, name) = match &from.as_ {
                    Some((word, name)) => {
                        (Some(text[word.span.clone()].to_owned()), Some(name.value.to_string()))
                    }
                    None => (None, None),
                };
                let image = expand(&base, &|name| file.arguments.get(name).cloned().flatten());
                let parent = file.stage(&base);
                let next = file.instructions.len() + 1;
                file.stages.push(Stage {
                    line: read.line,
                    name,
                    spelling_of_as,
                    base,
                    image,
                    parent,
                    instructions: next..next,
                });
            } else if let Some(stage) = file.stages.last_mut() {
                stage.instructions.end += 1;
            } else if read.is("ARG") {
                file.arguments.extend(read.pairs());
            }
            file.instructions.push(read);
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

    /// A stage and those it is built from, the first one first.
    fn lineage(&self, stage: usize) -> Vec<usize> {
        let mut lineage: Vec<_> =
            std::iter::successors(Some(stage), |stage| self.stages[*stage].parent).collect();
        lineage.reverse();
        lineage
    }

    /// All that an image made of this stage went through, oldest first.
    pub fn history(&self, stage: usize) -> impl DoubleEndedIterator<Item = &Instruction> {
        self.lineage(stage).into_iter().flat_map(|stage| self.own(stage))
    }

    pub fn last(&self, stage: usize, keyword: &str) -> Option<&Instruction> {
        self.history(stage).rfind(|instruction| instruction.is(keyword))
    }

    /// The public image at the bottom; nothing if a variable hides it.
    pub fn base_image(&self, stage: usize) -> Option<&str> {
        self.stages[self.lineage(stage)[0]].image.as_deref()
    }

    /// Its name without registry and tag.
    pub fn base(&self, stage: usize) -> Option<&str> {
        self.base_image(stage).map(|image| reference(image).0)
    }

    /// Stages that an instruction takes files from.
    fn taken_from(&self, instruction: &Instruction) -> Vec<usize> {
        let mounted = instruction
            .flags
            .iter()
            .filter(|(name, _)| name == "mount")
            .flat_map(|(_, mount)| mount.split(',').filter_map(|field| field.strip_prefix("from=")));
        instruction.flag("from").into_iter().chain(mounted).filter_map(|name| self.target(name)).collect()
    }

    /// A stage and all others that a build of it runs.
    pub fn needed(&self, stage: usize) -> BTreeSet<usize> {
        let mut needed = BTreeSet::from([stage]);
        // A stage takes from those above it only.
        for at in (0..=stage).rev() {
            if needed.contains(&at) {
                needed.extend(self.stages[at].parent);
                needed.extend(self.own(at).iter().flat_map(|instruction| self.taken_from(instruction)));
            }
        }
        needed
    }

    /// Stages that no other one needs: what the file is for.
    pub fn ends(&self) -> Vec<usize> {
        let others = |end: usize| (0..self.stages.len()).filter(move |other| *other != end);
        let is_end = |stage: &usize| !others(*stage).any(|other| self.needed(other).contains(stage));
        (0..self.stages.len()).filter(is_end).collect()
    }

    /// The paths of the build context that a build of this stage copies.
    pub fn sources(&self, stage: usize) -> BTreeSet<String> {
        let needed = self.needed(stage);
        let copies = needed.iter().flat_map(|stage| self.own(*stage)).filter(|copy| copy.is_copy());
        let local = copies.filter(|copy| copy.flag("from").is_none()).flat_map(|copy| copy.sources());
        local.filter(|source| !source.contains("://")).map(|source| plain(source).to_owned()).collect()
    }

    /// The public images that a build of this stage begins with.
    pub fn bases(&self, stage: usize) -> BTreeSet<String> {
        let needed = self.needed(stage).into_iter().map(|stage| &self.stages[stage]);
        let public = needed.filter(|stage| stage.parent.is_none() && stage.base != "scratch");
        public.filter_map(|stage| stage.image.clone()).collect()
    }
}

impl Stage {
    /// As a person calls it.
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("from {}", self.base))
    }
}

/// A path of the build context without `./` and a slash at either end.
pub fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_matches('/')
}

impl Instruction {
    pub fn is(&self, keyword: &str) -> bool {
        self.keyword == keyword
    }

    pub fn is_copy(&self) -> bool {
        self.is("COPY") || self.is("ADD")
    }

    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What COPY and ADD take.
    pub fn sources(&self) -> &[String] {
        self.words.split_last().map_or(&[], |(_, sources)| sources)
    }

    /// Names and values of ENV, LABEL and ARG. Without a `=`, ENV and LABEL take the rest of the line.
    pub fn pairs(&self) -> Vec<(String, Option<String>)> {
        if self.is_legacy_pair() {
            let (name, value) = self.text.split_once([' ', '\t']).unwrap_or((&self.text, ""));
            return vec![(name.to_owned(), Some(value.trim().to_owned()))];
        }
        let pair = |word: String| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        words(&self.text).into_iter().map(pair).collect()
    }

    pub fn is_legacy_pair(&self) -> bool {
        let first = self.text.split([' ', '\t']).next().unwrap_or_default();
        (self.is("ENV") || self.is("LABEL")) && !first.contains('=')
    }
}

impl Command {
    pub fn text(&self) -> String {
        match self {
            Self::Exec(words) => words.join(" "),
            Self::Shell(text) => text.clone(),
        }
    }
}

fn read(text: &str, instruction: &parser::Instruction<'_>) -> Instruction {
    use parser::Instruction as I;
    let at = |keyword: &parser::Keyword| {
        let spelling = text[keyword.span.clone()].to_owned();
        let line = text[..keyword.span.start].matches('\n').count() + 1;
        Instruction { line, keyword: spelling.to_ascii_uppercase(), spelling, ..Instruction::default() }
    };
    let said = |keyword, words: &parser::UnescapedString<'_>| Instruction {
        text: words.value.trim().to_owned(),
        ..at(keyword)
    };
    let listed = |keyword, words: &[parser::UnescapedString<'_>]| Instruction {
        words: words.iter().map(|word| word.value.to_string()).collect(),
        ..at(keyword)
    };
    let run = |keyword, it: &parser::Command<'_>| Instruction { command: Some(command(it)), ..at(keyword) };
    let copy = |keyword, options: &[parser::Flag<'_>], sources: &[parser::Source<'_>], target: &str| {
        let mut copy = Instruction { flags: flags(options), ..at(keyword) };
        for source in sources {
            match source {
                parser::Source::Path(path) => copy.words.push(path.value.to_string()),
                parser::Source::HereDoc(document) => copy.heredocs.push(document.value.to_string()),
                _ => {}
            }
        }
        copy.words.push(target.to_owned());
        copy
    };
    match instruction {
        I::Add(it) => copy(&it.add, &it.options, &it.src, &it.dest.value),
        I::Copy(it) => copy(&it.copy, &it.options, &it.src, &it.dest.value),
        I::Arg(it) => said(&it.arg, &it.arguments),
        I::Env(it) => said(&it.env, &it.arguments),
        I::Label(it) => said(&it.label, &it.arguments),
        I::Maintainer(it) => said(&it.maintainer, &it.name),
        I::Stopsignal(it) => said(&it.stopsignal, &it.arguments),
        I::User(it) => said(&it.user, &it.arguments),
        I::Workdir(it) => said(&it.workdir, &it.arguments),
        I::From(it) => Instruction { flags: flags(&it.options), ..said(&it.from, &it.image) },
        I::Expose(it) => listed(&it.expose, &it.arguments),
        I::Shell(it) => listed(&it.shell, &it.arguments),
        I::Volume(it) => match &it.arguments {
            parser::JsonOrStringArray::Json(words) => listed(&it.volume, &words.value),
            parser::JsonOrStringArray::String(words) => listed(&it.volume, words),
        },
        I::Cmd(it) => run(&it.cmd, &it.arguments),
        I::Entrypoint(it) => run(&it.entrypoint, &it.arguments),
        I::Healthcheck(it) => match &it.arguments {
            parser::HealthcheckArguments::Cmd { arguments, .. } => run(&it.healthcheck, arguments),
            _ => at(&it.healthcheck),
        },
        I::Run(it) => Instruction {
            flags: flags(&it.options),
            heredocs: it.here_docs.iter().map(|document| document.value.to_string()).collect(),
            ..run(&it.run, &it.arguments)
        },
        I::Onbuild(it) => at(&it.onbuild),
        _ => Instruction::default(),
    }
}

fn flags(options: &[parser::Flag<'_>]) -> Vec<(String, String)> {
    let value = |flag: &parser::Flag<'_>| flag.value.as_ref().map_or("", |value| &value.value).to_owned();
    options.iter().map(|flag| (flag.name.value.to_string(), value(flag))).collect()
}

fn command(command: &parser::Command<'_>) -> Command {
    match command {
        parser::Command::Exec(words) => {
            Command::Exec(words.value.iter().map(|word| word.value.to_string()).collect())
        }
        parser::Command::Shell(text) => Command::Shell(text.value.to_owned()),
        _ => Command::Shell(String::new()),
    }
}

/// Words with their quotes removed; a quoted blank belongs to its word.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, ' ' | '\t' | '\n') => words.push(std::mem::take(&mut word)),
            (_, '\\') => word.extend(letters.next()),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Name, tag and whether a digest pins it; the registry is left out.
pub fn reference(image: &str) -> (&str, Option<&str>, bool) {
    let (image, digest) = image.split_once('@').map_or((image, false), |(image, _)| (image, true));
    let image = match image.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) => rest,
        _ => image,
    };
    match image.split_once(':') {
        Some((name, tag)) => (name, Some(tag), digest),
        None => (image, None, digest),
    }
}

/// Puts `replace(name, operator)` in the place of each `$NAME` and `${NAME:-default}`; `\$` and `$$` are text.
pub fn substitute<'a>(text: &'a str, replace: &mut impl FnMut(&'a str, &'a str) -> String) -> String {
    let (mut result, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['$', '\\']) {
        let after = &rest[at + 1..];
        result += &rest[..at];
        if rest[at..].starts_with('\\') || after.starts_with('$') {
            let dollar = usize::from(after.starts_with('$'));
            result += &rest[at..=at + dollar];
            rest = &after[dollar..];
            continue;
        }
        let braced = after.strip_prefix('{').and_then(|inner| Some((inner, closing(inner)?)));
        let (name, operator, end) = match braced {
            Some((inner, close)) => {
                let length = name_length(inner);
                (&inner[..length], &inner[length..close], &inner[close + 1..])
            }
            None => {
                let length = name_length(after);
                (&after[..length], "", &after[length..])
            }
        };
        if name.is_empty() {
            result.push('$');
            rest = after;
        } else {
            result += &replace(name, operator);
            rest = end;
        }
    }
    result + rest
}

fn name_length(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).unwrap_or(text.len())
}

/// Where the brace closes that is open at the start.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    text.char_indices().find_map(|(at, letter)| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        (depth < 0).then_some(at)
    })
}

/// The text with values filled in, or nothing if a variable has neither a value nor a default.
pub fn expand(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut is_complete = true;
    let expanded = substitute(text, &mut |name, operator| {
        let known = value(name).filter(|value| !value.is_empty() || !operator.starts_with(':'));
        let default = || expand(operator.trim_start_matches(':').strip_prefix('-')?, value);
        known.or_else(default).unwrap_or_else(|| {
            is_complete = false;
            String::new()
        })
    });
    is_complete.then_some(expanded)
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
    fn a_build_needs_the_sources_and_bases_of_all_stages_it_runs() {
        let text = "FROM a:1 AS x\nCOPY ./src /src/\nFROM b:2 AS y\nCOPY web ./\nFROM scratch AS z\n\
                    COPY --from=x /src /src\nRUN --mount=type=bind,from=y,target=/y true\nCOPY c d e/\nFROM c:3\nCOPY f .\n";
        let file = Dockerfile::parse(text).unwrap();
        let listed = |paths: BTreeSet<String>| paths.into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(listed(file.sources(2)), "c d src web");
        assert_eq!(listed(file.bases(2)), "a:1 b:2");
        assert_eq!(file.ends(), [2, 3]);
    }

    #[test]
    fn pairs_are_read_with_quotes_and_in_their_old_form() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let file = Dockerfile::parse(&format!("FROM a\n{text}\n")).unwrap();
            let pairs = file.instructions[1].pairs();
            let shown: Vec<_> =
                pairs.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or("-"))).collect();
            assert_eq!(shown, expected, "{text}");
        };
        check("ENV a=1 b=\"x y\" c='\"'", &[("a", "1"), ("b", "x y"), ("c", "\"")]);
        check("ENV PATH /bin:$PATH rest", &[("PATH", "/bin:$PATH rest")]);
        check("LABEL a=1 \\\n  b=2", &[("a", "1"), ("b", "2")]);
        check("ARG A B=1", &[("A", "-"), ("B", "1")]);
    }

    #[test]
    fn an_image_is_named_without_its_registry() {
        let check = |image, expected| assert_eq!(reference(image), expected, "{image}");
        check("debian:bookworm-slim", ("debian", Some("bookworm-slim"), false));
        check("registry.example:5000/a/b", ("a/b", None, false));
        check("node@sha256:abc", ("node", None, true));
    }

    #[test]
    fn variables_are_told_from_dollars() {
        let check = |text: &str, expected: &[&str]| {
            let mut names = Vec::new();
            substitute(text, &mut |name, _| {
                names.push(name);
                String::new()
            });
            assert_eq!(names, expected, "{text}");
        };
        check("a$B/${C:-${D}}/$$E/\\$F/$1/$", &["B", "C"]);
        check("é${A}é${A", &["A"]);
    }
}
