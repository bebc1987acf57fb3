//! A Dockerfile as values that know their lines.
//!
//! The flow: physical lines become logical ones ([`lines`]: continuations, comments between them, heredocs, the escape
//! directive) → each becomes an [`Instruction`] with its flags split off → what an instruction says is read on demand
//! ([`arguments`], [`image`]), by the rule that needs it. Nothing is refused: BuildKit says what cannot be built, and a
//! rule must be able to speak about half a file. Every physical line belongs to an instruction, a comment or nothing.

mod lines;
mod arguments;
mod image;

pub use arguments::Form;
pub use image::{BaseImage, reference};

use lines::Logical;

#[derive(Debug, Default)]
pub struct Dockerfile {
    pub instructions: Vec<Instruction>,
    pub comments: Vec<Comment>,
    /// Blank lines in the middle of an instruction.
    pub empty_continuations: Vec<usize>,
    /// Heredocs whose end never comes, by the line of their instruction.
    pub endless_heredocs: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Comment {
    pub line: usize,
    /// What stands after `#`.
    pub text: String,
    /// It stands between the lines of an instruction.
    pub inside: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Instruction {
    pub line: usize,
    pub last_line: usize,
    /// In upper case.
    pub keyword: String,
    pub written_keyword: String,
    pub flags: Vec<Flag>,
    /// What stands after the flags, its lines joined; blanks at its end are kept.
    pub body: String,
    pub heredocs: Vec<Heredoc>,
    pub escape: char,
    /// What ONBUILD keeps for later.
    pub trigger: Option<Box<Instruction>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flag {
    pub name: String,
    pub value: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Heredoc {
    /// Byte offset of `<<` in the body.
    pub at: usize,
    pub text: String,
}

impl Dockerfile {
    pub fn parse(text: &str) -> Self {
        let read = lines::read(text);
        Self {
            instructions: read.logical.into_iter().map(|line| instruction(line, read.escape)).collect(),
            comments: read.comments,
            empty_continuations: read.empty_continuations,
            endless_heredocs: read.endless_heredocs,
        }
    }

    /// Instructions in order, and what ONBUILD keeps instead of ONBUILD itself.
    pub fn triggers(&self) -> impl Iterator<Item = &Instruction> {
        self.instructions.iter().filter_map(|instruction| instruction.trigger.as_deref())
    }
}

impl Instruction {
    pub fn is(&self, keyword: &str) -> bool {
        self.keyword == keyword
    }

    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|flag| flag.name == name)?.value.as_deref()
    }
}

fn instruction(logical: Logical, escape: char) -> Instruction {
    let Logical { line, last_line, text, heredocs } = logical;
    let (keyword, rest) = split_word(&text);
    let mut instruction = Instruction {
        line,
        last_line,
        keyword: keyword.to_ascii_uppercase(),
        written_keyword: keyword.to_owned(),
        escape,
        ..Instruction::default()
    };
    if instruction.is("ONBUILD") {
        instruction.body = rest.to_owned();
        // A further ONBUILD is not unfolded: it is a mistake, and a line of thousands must not be thousands of levels.
        if !rest.is_empty() && !split_word(rest).0.eq_ignore_ascii_case("ONBUILD") {
            let kept = Logical { line, last_line, text: rest.to_owned(), heredocs };
            instruction.trigger = Some(Box::new(self::instruction(kept, escape)));
        }
        return instruction;
    }
    let mut body = rest;
    while let (word, rest) = split_word(body)
        && takes_flags(&instruction.keyword)
        && is_flag(word)
    {
        let (name, value) = match word.trim_start_matches('-').split_once('=') {
            Some((name, value)) => (name, Some(value.trim_matches('"').to_owned())),
            None => (word.trim_start_matches('-'), None),
        };
        instruction.flags.push(Flag { name: name.to_owned(), value });
        body = rest;
    }
    instruction.body = body.to_owned();
    instruction.heredocs = heredocs.into_iter().filter_map(|heredoc| heredoc.found_in(body)).collect();
    instruction
}

fn takes_flags(keyword: &str) -> bool {
    matches!(keyword, "FROM" | "COPY" | "ADD" | "RUN" | "HEALTHCHECK")
}

fn is_flag(word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// The first word and what follows the blanks after it.
fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str) -> Vec<(usize, String, String)> {
        let file = Dockerfile::parse(text);
        let shown = file.instructions.into_iter();
        shown.map(|instruction| (instruction.line, instruction.keyword, instruction.body)).collect()
    }

    #[test]
    fn a_continued_instruction_is_one_with_the_line_it_starts_on() {
        let shown = bodies("FROM a\n\nrun x \\\n  # why\n\n   y\\\nz\nUSER 1 \n");
        assert_eq!(shown[1], (3, "RUN".into(), "x  yz".into()));
        assert_eq!(shown[2], (8, "USER".into(), "1 ".into()));
    }

    #[test]
    fn the_escape_directive_changes_what_continues_a_line() {
        let shown = bodies("# escape=`\nFROM a\nRUN dir C:\\\nRUN a `\n b\n");
        assert_eq!(shown[1].2, "dir C:\\");
        assert_eq!(shown[2].2, "a  b");
    }

    #[test]
    fn a_heredoc_belongs_to_its_instruction_and_hides_what_looks_like_others() {
        let file =
            Dockerfile::parse("RUN <<-\"EOF\" cat\nFROM x\n\tEOF\nCOPY <<A <<B /d/\na\nA\nb\nB\nUSER 1");
        let keywords: Vec<_> =
            file.instructions.iter().map(|instruction| instruction.keyword.as_str()).collect();
        assert_eq!(keywords, ["RUN", "COPY", "USER"]);
        assert_eq!(file.instructions[0].heredocs[0].text, "FROM x\n");
        assert_eq!(file.instructions[1].heredocs.len(), 2);
        assert_eq!(file.instructions[2].line, 9);
    }

    #[test]
    fn flags_stand_apart_from_the_body() {
        let file = Dockerfile::parse("HEALTHCHECK --interval=5s --retries=3 CMD [\"/a\", \"b\"]");
        let check = &file.instructions[0];
        assert_eq!(check.flag("interval"), Some("5s"));
        assert_eq!(check.body, "CMD [\"/a\", \"b\"]");
    }

    #[test]
    fn onbuild_keeps_an_instruction_with_its_flags() {
        let file = Dockerfile::parse("ONBUILD COPY --from=x /a /b");
        let kept = file.triggers().next().unwrap();
        assert_eq!((kept.keyword.as_str(), kept.flag("from")), ("COPY", Some("x")));
    }

    /// Not a random test of strings, which would be sentences without any Dockerfile in them, but of pieces that meet.
    #[test]
    fn the_lexer_never_panics_and_loses_no_line() {
        const PIECES: [&str; 24] = [
            "FROM a",
            "RUN",
            " ",
            "\n",
            "\\",
            "\\\n",
            "<<EOF",
            "EOF",
            "\"",
            "'",
            "[\"a\",",
            "]",
            "# c\n",
            "ONBUILD ",
            "COPY ",
            "--from=",
            "$",
            "{",
            "\t",
            "`",
            "# escape=`\n",
            "é",
            "\r\n",
            "HEALTHCHECK CMD",
        ];
        let mut state = 42_u64;
        let mut next = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        for _ in 0..20_000 {
            let text: String = (0..next(14)).map(|_| PIECES[next(PIECES.len())]).collect();
            let file = Dockerfile::parse(&text);
            let lines = text.lines().count();
            let mut owners = vec![0; lines + 1];
            for instruction in &file.instructions {
                assert!(instruction.last_line <= lines, "{text:?}");
                owners[instruction.line..=instruction.last_line].iter_mut().for_each(|owner| *owner += 1);
                let _ =
                    (instruction.form(), instruction.pairs(), instruction.base_image(), instruction.paths());
            }
            for comment in file.comments.iter().filter(|comment| !comment.inside) {
                owners[comment.line] += 1;
            }
            for (number, line) in text.replace("\r\n", "\n").split('\n').enumerate() {
                let owned = owners.get(number + 1).copied().unwrap_or(0);
                let blank = line.trim_matches([' ', '\t']).is_empty();
                assert!(
                    owned == 1 || (blank && owned == 0),
                    "line {} of {text:?} has {owned} owners",
                    number + 1
                );
            }
        }
    }
}
