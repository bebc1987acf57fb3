//! The stages of a Dockerfile, and what an image made of one holds: a stage counts with all it is built from.

use super::dockerfile::{BaseImage, Dockerfile, Instruction};
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct Stage<'a> {
    pub line: usize,
    pub base: BaseImage,
    /// The base with the defaults of ARG put in; nothing if one has none.
    pub image: Option<String>,
    /// The stage it is built from.
    pub parent: Option<usize>,
    pub instructions: Vec<&'a Instruction>,
}

#[derive(Debug)]
pub struct Stages<'a> {
    pub stages: Vec<Stage<'a>>,
    /// What ARG above the first FROM declares.
    pub arguments: BTreeMap<String, Option<String>>,
}

impl<'a> Stages<'a> {
    pub fn of(file: &'a Dockerfile) -> Self {
        let mut stages: Vec<Stage<'a>> = Vec::new();
        let mut arguments = BTreeMap::new();
        for instruction in &file.instructions {
            if let Some(base) = instruction.base_image() {
                let parent = stages.iter().rposition(|stage| stage.is_named(&base.written));
                let image = expand(&base.written, |name| arguments.get(name).cloned().flatten());
                stages.push(Stage { line: instruction.line, base, image, parent, instructions: Vec::new() });
            } else if let Some(stage) = stages.last_mut() {
                stage.instructions.push(instruction);
            } else if instruction.is("ARG") {
                arguments.extend(instruction.declared());
            }
        }
        Self { stages, arguments }
    }

    pub fn named(&self, name: &str) -> Option<usize> {
        self.stages.iter().rposition(|stage| stage.is_named(name))
    }

    /// Stages that no other is built from or copies from: what a build is for.
    pub fn ends(&self) -> Vec<usize> {
        let is_used = |index: usize| {
            let copies = |stage: &Stage<'_>| {
                stage
                    .instructions
                    .iter()
                    .flat_map(|instruction| sources(instruction))
                    .any(|from| self.stages[index].is_named(&from) || from.parse() == Ok(index))
            };
            self.stages.iter().any(|stage| stage.parent == Some(index) || copies(stage))
        };
        (0..self.stages.len()).filter(|index| !is_used(*index)).collect()
    }

    /// The instructions that an image of this stage went through, oldest first.
    pub fn history(&self, index: usize) -> Vec<&'a Instruction> {
        let mut stage = Some(index);
        let mut lists = Vec::new();
        while let Some(at) = stage {
            lists.push(self.stages[at].instructions.as_slice());
            // A stage's parent stands above it, so this ends.
            stage = self.stages[at].parent;
        }
        lists.into_iter().rev().flatten().copied().collect()
    }

    /// The image that it all begins with, without tag; nothing if that is not known.
    pub fn root(&self, index: usize) -> Option<String> {
        let mut at = index;
        while let Some(parent) = self.stages[at].parent {
            at = parent;
        }
        let image = self.stages[at].image.as_deref()?;
        Some(super::dockerfile::reference(image).0)
    }

    pub fn last(&self, index: usize, keyword: &str) -> Option<&'a Instruction> {
        self.history(index).into_iter().rfind(|instruction| instruction.is(keyword))
    }
}

impl Stage<'_> {
    pub fn is_named(&self, name: &str) -> bool {
        self.base.alias.as_deref().is_some_and(|alias| alias.eq_ignore_ascii_case(name))
    }

    /// As a person calls it.
    pub fn title(&self) -> String {
        self.base.alias.clone().unwrap_or_else(|| format!("from {}", self.base.written))
    }
}

/// Stages and images that an instruction takes files from.
fn sources(instruction: &Instruction) -> Vec<String> {
    let mounts =
        instruction.flags.iter().filter(|flag| flag.name == "mount").filter_map(|flag| flag.value.as_deref());
    let mounted = mounts.flat_map(|mount| mount.split(',')).filter_map(|field| field.strip_prefix("from="));
    instruction.flag("from").into_iter().chain(mounted).map(str::to_owned).collect()
}

/// One variable in a text.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// What stands behind the name: `:-`, `?` and so on with their word.
    pub operator: String,
}

/// Text and variables in their order; `\$` and `$$` are no variables.
pub fn pieces(text: &str) -> Vec<Result<Variable, String>> {
    let mut pieces: Vec<Result<Variable, String>> = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        plain += &rest[..at];
        let after = &rest[at + 1..];
        if rest[at..].starts_with('\\') || after.starts_with('$') {
            plain += &rest[at..=at];
            let skipped =
                after.chars().next().filter(|_| !rest[at..].starts_with('\\') || after.starts_with('$'));
            if let Some(skipped) = skipped {
                plain.push(skipped);
                rest = &after[skipped.len_utf8()..];
            } else {
                rest = after;
            }
            continue;
        }
        let braced = after.strip_prefix('{').and_then(|inner| Some((inner, closing(inner)?)));
        let (name, operator, end) = match braced {
            Some((inner, close)) => {
                let name = name_length(inner);
                (&inner[..name], &inner[name..close], &inner[close + 1..])
            }
            None => (&after[..name_length(after)], "", &after[name_length(after)..]),
        };
        if name.is_empty() {
            plain.push('$');
            rest = after;
            continue;
        }
        pieces.push(Err(std::mem::take(&mut plain)));
        pieces.push(Ok(Variable { name: name.to_owned(), operator: operator.to_owned() }));
        rest = end;
    }
    plain += rest;
    pieces.push(Err(plain));
    pieces
}

fn name_length(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).unwrap_or(text.len())
}

/// Where the brace closes that is open at the start.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Puts values in. Nothing if a variable has neither a value nor a default.
pub fn expand(text: &str, value: impl Fn(&str) -> Option<String> + Copy) -> Option<String> {
    let mut expanded = String::new();
    for piece in pieces(text) {
        match piece {
            Err(plain) => expanded += &plain,
            Ok(Variable { name, operator }) => {
                let known = value(&name).filter(|value| !value.is_empty() || !operator.starts_with(':'));
                let default = operator.trim_start_matches(':').strip_prefix('-');
                match (known, default) {
                    (Some(known), _) => expanded += &known,
                    (None, Some(default)) => expanded += &expand(default, value)?,
                    (None, None) => return None,
                }
            }
        }
    }
    Some(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_known_through_the_defaults_of_its_arguments() {
        let file = Dockerfile::parse(
            "ARG V=1.95\nARG W\nFROM rust:${V}-slim AS build\nFROM ${X:-debian:12}\nFROM a:$W\nFROM build AS end",
        );
        let stages = Stages::of(&file);
        let images: Vec<_> = stages.stages.iter().map(|stage| stage.image.as_deref()).collect();
        assert_eq!(images, [Some("rust:1.95-slim"), Some("debian:12"), None, Some("build")]);
        assert_eq!(stages.root(3).as_deref(), Some("rust"));
        assert_eq!(stages.ends(), [1, 2, 3]);
    }

    #[test]
    fn variables_are_told_from_dollars() {
        let check = |text: &str, expected: &[&str]| {
            let names: Vec<_> =
                pieces(text).into_iter().filter_map(Result::ok).map(|found| found.name).collect();
            assert_eq!(names, expected, "{text}");
        };
        check("a$B/${C:-${D}}/$$E/\\$F/$1/$", &["B", "C"]);
        check("${A", &[]);
        check("é${A}é", &["A"]);
    }
}
