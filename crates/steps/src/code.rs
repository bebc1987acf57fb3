//! What a compiled program depends on in a Rust source: its tokens, and where they are. Comments do
//! not reach it, except as far as they move what follows: a panic reports line and column.

use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, strip_shebang, tokenize};
use std::ops::Range;

/// The name of a source's code: two sources with the same name are compiled to the same program, apart
/// from debug information.
pub fn id(source: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    let (mut line, mut column) = (0_u64, 0_u64);
    for (range, part) in parts(source) {
        let text = &source[range];
        if part == Part::Code {
            for number in [line, column, text.len() as u64] {
                hasher.update(&number.to_le_bytes());
            }
            hasher.update(text.as_bytes());
        }
        match text.rfind('\n') {
            Some(at) => {
                line += text.bytes().filter(|byte| *byte == b'\n').count() as u64;
                column = text[at + 1..].chars().count() as u64;
            }
            None => column += text.chars().count() as u64,
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// The same source with spaces in the place of its comments.
pub fn without_comments(source: &str) -> String {
    let blank = |text: &str| text.chars().map(|it| if it == '\n' { it } else { ' ' }).collect::<String>();
    let text = |(range, part): (Range<usize>, Part)| match part {
        Part::Comment => blank(&source[range]),
        Part::Code | Part::Space => source[range].to_owned(),
    };
    parts(source).map(text).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    /// What the compiler skips as white space, which is less than Unicode calls so.
    Space,
    /// A comment that the compiler skips.
    Comment,
}

fn parts(source: &str) -> impl Iterator<Item = (Range<usize>, Part)> {
    let shebang = strip_shebang(source).unwrap_or(0);
    let mut at = shebang;
    let tokens = tokenize(&source[shebang..], FrontmatterAllowed::Yes).map(move |token| {
        let range = at..at + token.len as usize;
        at = range.end;
        let is_comment = match token.kind {
            TokenKind::LineComment { doc_style } => doc_style.is_none(),
            TokenKind::BlockComment { doc_style, terminated } => doc_style.is_none() && terminated,
            _ => false,
        };
        // The compiler refuses comments in which text runs another way than it shows.
        let part = match token.kind {
            TokenKind::Whitespace => Part::Space,
            _ if is_comment && !source[range.clone()].contains(is_text_flow) => Part::Comment,
            _ => Part::Code,
        };
        (range, part)
    });
    let shebang = (shebang > 0).then_some((0..shebang, Part::Code));
    shebang.into_iter().chain(tokens)
}

/// The characters of the compiler's lint `text_direction_codepoint_in_comment`.
fn is_text_flow(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    const SOURCE: &str = r##"//! A module.
// A note.
/// Doubles /* not a comment */.
pub fn double(number: u32) -> u32 { /* inner /* nested */ */ number.checked_mul(2).unwrap() } // end
pub const TEXT: &str = "// no comment";
pub const RAW: &str = r#"/* no comment */ " "#;
pub const LETTER: char = '/';
pub fn life<'a>(it: &'a str) -> &'a str { it }
// The last line."##;

    #[test]
    fn a_comment_that_moves_nothing_leaves_the_name() {
        for (from, to) in [
            ("// A note.", "// Another note, which is longer."),
            ("// A note.", ""),
            ("/* inner /* nested */ */", "/* other /* nested */ */"),
            ("// end", ""),
            ("// The last line.", "// The last line.\n// One more.\n\n"),
        ] {
            assert_eq!(id(&SOURCE.replace(from, to)), id(SOURCE), "{from} → {to}");
        }
        assert_eq!(id(&without_comments(SOURCE)), id(SOURCE));
        assert_eq!(without_comments(SOURCE).matches("note").count(), 0);
    }

    #[test]
    fn any_other_change_changes_the_name() {
        for (from, to) in [
            ("//! A module.", "//! The module."),
            ("/// Doubles", "/// Triples"),
            ("// A note.\n", ""),
            ("/* inner /* nested */ */ number", "number"),
            ("/* inner /* nested */ */", "/* inner */"),
            ("/* not a comment */", "/* nothing */"),
            ("(2)", "(3)"),
            ("// no comment", "// a text"),
            ("/* no comment */ \"", "/* a text */ \""),
            ("'/'", "'*'"),
            ("'a str", "'b str"),
            ("// end", "/* never ends"),
            ("// A note.", "// A n\u{202e}ote."),
            ("// The last line.", "fn last() {}"),
            ("pub fn double", "pub fn  double"),
            ("pub fn double", "pub\u{a0}fn double"),
        ] {
            assert!(SOURCE.contains(from), "{from}");
            assert_ne!(id(&SOURCE.replacen(from, to, 1)), id(SOURCE), "{from} → {to}");
        }
    }

    #[test]
    fn a_first_line_for_a_shell_counts() {
        assert_ne!(id("#!/bin/sh /* a\nfn a() {}"), id("#!/bin/sh /* a\nfn b() {}"));
        assert_eq!(id("#![allow(unused)] // a"), id("#![allow(unused)] // b"));
    }

    #[test]
    fn a_name_stays_what_earlier_runs_have_kept() {
        let kept = "c7588f4aa499a37080a72c8cc90100c483f5dcab5b1318d2149b63c79ca019b9";
        assert_eq!(id(SOURCE), kept, "after a change of what counts, raise the number in CODES");
    }

    #[test]
    fn the_compiler_makes_the_same_of_two_sources_with_the_same_code() {
        let folder = tempfile::tempdir().unwrap();
        let object = |source: &str| {
            let file = folder.path().join("sample.rs");
            fs::write(&file, source).unwrap();
            let made = folder.path().join("sample.o");
            let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
            let mut command = Command::new(compiler);
            command.args(["--crate-type", "lib", "--emit", "obj", "--edition", "2024", "-C", "debuginfo=0"]);
            assert!(command.arg("-o").arg(&made).arg(&file).status().unwrap().success());
            fs::read(made).unwrap()
        };
        let before = object(SOURCE);
        assert_eq!(object(&without_comments(SOURCE)), before);
        assert_eq!(object(&SOURCE.replace("A note", "Some other words")), before);
        // One line down, the panic of `unwrap` is elsewhere.
        assert_ne!(object(&SOURCE.replace("// A note.", "// A note.\n")), before);
    }
}
