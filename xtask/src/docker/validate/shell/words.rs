//! Words: quoting, expansions, and what ends a word.

use super::parse::{Parser, Read, Refused};

/// A word as rules see it.
#[derive(Debug, Default)]
pub struct Word {
    /// Quotes removed, expansions as `${…}`.
    pub text: String,
    /// The same, if nothing in it is expanded.
    pub literal: Option<String>,
}

/// A place in the text.
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// Signs of redirections, longer ones before those they begin with.
const REDIRECTIONS: [&str; 12] = ["<<<", "<<-", "<<", "<>", "<&", "<", "&>>", "&>", ">>", ">&", ">|", ">"];

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub fn starts_with(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    pub fn take(&mut self, text: &str) -> bool {
        let there = self.starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }

    /// A word of the grammar, with nothing that would make it a longer one.
    pub fn at_keyword(&self, word: &str) -> bool {
        self.rest().strip_prefix(word).is_some_and(|rest| {
            rest.chars().next().is_none_or(|next| next.is_whitespace() || ";&|()<>".contains(next))
        })
    }

    pub fn take_keyword(&mut self, word: &str) -> bool {
        let there = self.at_keyword(word);
        if there {
            self.at += word.len();
        }
        there
    }

    pub fn blanks(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with([' ', '\t', '\r']) {
                self.at += 1;
            } else if rest.starts_with("\\\n") {
                self.at += 2;
            } else if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return;
            }
        }
    }

    /// The bytes from `open` to the end of its `close`, when parentheses in between pair up.
    pub fn balanced(&self, open: &str, close: &str) -> Option<usize> {
        let inner = self.rest().strip_prefix(open)?;
        let mut depth = 0_usize;
        for (at, letter) in inner.char_indices() {
            match letter {
                '(' => depth += 1,
                ')' if depth == 0 => {
                    return inner[at..].starts_with(close).then_some(open.len() + at + close.len());
                }
                ')' => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// `name()`, with blanks between.
    pub fn function_head(&self) -> Option<usize> {
        let rest = self.rest();
        let name = rest.find(|letter: char| !(letter.is_alphanumeric() || "_-:.+".contains(letter)))?;
        let after = rest[name..].trim_start_matches([' ', '\t']);
        let inside = after.strip_prefix('(')?.trim_start_matches([' ', '\t']).strip_prefix(')')?;
        (name > 0).then(|| rest.len() - inside.len())
    }

    /// `name=`, `name+=`, `name[…]=`.
    pub fn assignment_head(&self) -> Option<usize> {
        let rest = self.rest();
        let name = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))?;
        if name == 0 || rest.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let mut after = &rest[name..];
        if let Some(index) = after.strip_prefix('[') {
            after = &index[index.find(']')? + 1..];
        }
        let after = after.strip_prefix('+').unwrap_or(after).strip_prefix('=')?;
        Some(rest.len() - after.len())
    }

    /// A redirection's bytes up to its target, and its sign.
    pub fn redirection_head(&self) -> Option<(usize, &'static str)> {
        let rest = self.rest();
        let from = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let sign = REDIRECTIONS.into_iter().find(|sign| from.starts_with(sign))?;
        // `<(` and `>(` are words.
        let process = (sign == "<" || sign == ">") && from[1..].starts_with('(');
        let numbered = from.len() < rest.len() && sign.starts_with('&');
        (!process && !numbered).then(|| (rest.len() - from.len() + sign.len(), sign))
    }

    /// Skips the lines up to `end`; there may be none such.
    pub fn skip_heredoc(&mut self, end: &str, strips_tabs: bool) -> bool {
        while !self.at_end() {
            let rest = self.rest();
            let length = rest.find('\n').unwrap_or(rest.len());
            let line = &rest[..length];
            self.at += length;
            if (if strips_tabs { line.trim_start_matches('\t') } else { line }) == end {
                return true;
            }
            self.at = (self.at + 1).min(self.text.len());
        }
        false
    }
}

/// One word, if one begins here.
pub fn read(parser: &mut Parser<'_>) -> Read<Option<Word>> {
    let mut word = Word { text: String::new(), literal: Some(String::new()) };
    let mut began = false;
    while let Some(letter) = parser.cursor.peek() {
        match letter {
            ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | ')' => break,
            '(' => break,
            '<' | '>' => {
                let process = !began && (parser.cursor.starts_with("<(") || parser.cursor.starts_with(">("));
                if !process {
                    break;
                }
                parser.cursor.skip(2);
                parser.deeper(Parser::substitution)?;
                word.literal = None;
            }
            '\'' => {
                parser.cursor.skip(1);
                let inside = up_to(parser, '\'')?;
                add(&mut word, &inside);
            }
            '"' => {
                parser.cursor.skip(1);
                parser.deeper(|parser| double_quoted(parser, &mut word))?;
            }
            '`' => backticks(parser, &mut word)?,
            '$' => dollar(parser, &mut word, false)?,
            '\\' => {
                parser.cursor.skip(1);
                if let Some(next) = parser.cursor.peek() {
                    parser.cursor.skip(next.len_utf8());
                    if next != '\n' {
                        add(&mut word, next.encode_utf8(&mut [0; 4]));
                    }
                }
            }
            '*' | '?' | '@' | '!' | '+' if follows(parser, letter, '(') => {
                // An extended glob says nothing about what it becomes.
                let length = parser.cursor.balanced(&format!("{letter}("), ")").ok_or(Refused)?;
                parser.cursor.skip(length);
                word.literal = None;
            }
            '*' | '?' => {
                parser.cursor.skip(1);
                word.text.push(letter);
                word.literal = None;
            }
            '{' if braces(parser).is_some() => {
                let length = braces(parser).unwrap_or(1);
                parser.cursor.skip(length);
                word.literal = None;
            }
            _ => {
                parser.cursor.skip(letter.len_utf8());
                add(&mut word, letter.encode_utf8(&mut [0; 4]));
            }
        }
        began = true;
    }
    Ok(began.then_some(word))
}

fn add(word: &mut Word, text: &str) {
    word.text += text;
    if let Some(literal) = &mut word.literal {
        *literal += text;
    }
}

fn follows(parser: &Parser<'_>, letter: char, next: char) -> bool {
    parser.cursor.starts_with(&format!("{letter}{next}"))
}

fn up_to(parser: &mut Parser<'_>, end: char) -> Read<String> {
    let rest = parser.cursor.rest();
    let length = rest.find(end).ok_or(Refused)?;
    parser.cursor.skip(length + 1);
    Ok(rest[..length].to_owned())
}

/// The bytes of `{a,b}` or `{1..3}`; a brace of another kind is a letter.
fn braces(parser: &Parser<'_>) -> Option<usize> {
    let rest = parser.cursor.rest();
    let inner = &rest[1..rest.find([' ', '\t', '\n', ';', '"', '\'', '`', '(', ')']).unwrap_or(rest.len())];
    let mut depth = 1_usize;
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let between = &inner[..at];
            return (between.contains(',') || between.contains("..")).then_some(at + 2);
        }
    }
    None
}

fn double_quoted(parser: &mut Parser<'_>, word: &mut Word) -> Read<()> {
    loop {
        let letter = parser.cursor.peek().ok_or(Refused)?;
        match letter {
            '"' => {
                parser.cursor.skip(1);
                return Ok(());
            }
            '`' => backticks(parser, word)?,
            '$' => dollar(parser, word, true)?,
            '\\' => {
                parser.cursor.skip(1);
                let next = parser.cursor.peek().ok_or(Refused)?;
                parser.cursor.skip(next.len_utf8());
                match next {
                    '\n' => {}
                    '"' | '$' | '`' | '\\' => add(word, next.encode_utf8(&mut [0; 4])),
                    _ => add(word, &format!("\\{next}")),
                }
            }
            _ => {
                parser.cursor.skip(letter.len_utf8());
                add(word, letter.encode_utf8(&mut [0; 4]));
            }
        }
    }
}

fn backticks(parser: &mut Parser<'_>, word: &mut Word) -> Read<()> {
    parser.cursor.skip(1);
    let mut inside = String::new();
    loop {
        let letter = parser.cursor.peek().ok_or(Refused)?;
        parser.cursor.skip(letter.len_utf8());
        match letter {
            '`' => break,
            '\\' => {
                let next = parser.cursor.peek().ok_or(Refused)?;
                parser.cursor.skip(next.len_utf8());
                if !matches!(next, '`' | '$' | '\\') {
                    inside.push('\\');
                }
                inside.push(next);
            }
            _ => inside.push(letter),
        }
    }
    parser.nested(&inside)?;
    word.text += "${VAR}";
    word.literal = None;
    Ok(())
}

fn dollar(parser: &mut Parser<'_>, word: &mut Word, quoted: bool) -> Read<()> {
    if parser.cursor.starts_with("$((")
        && let Some(length) = parser.cursor.balanced("$((", "))")
    {
        parser.cursor.skip(length);
        word.text += "${VAR}";
        word.literal = None;
    } else if parser.cursor.take("$(") {
        let spoken = parser.deeper(Parser::substitution)?;
        word.text += &format!("${{{spoken}}}");
        word.literal = None;
    } else if parser.cursor.take("${") {
        let inside = parser.deeper(parameter)?;
        word.text += &format!("${{{inside}}}");
        word.literal = None;
    } else if !quoted && parser.cursor.take("$'") {
        let mut inside = String::new();
        loop {
            let letter = parser.cursor.peek().ok_or(Refused)?;
            parser.cursor.skip(letter.len_utf8());
            match letter {
                '\'' => break,
                '\\' => {
                    let next = parser.cursor.peek().ok_or(Refused)?;
                    parser.cursor.skip(next.len_utf8());
                    inside.push('\\');
                    inside.push(next);
                }
                _ => inside.push(letter),
            }
        }
        add(word, &inside);
    } else if !quoted && parser.cursor.take("$\"") {
        parser.deeper(|parser| double_quoted(parser, &mut Word::default()))?;
    } else {
        parser.cursor.skip(1);
        let rest = parser.cursor.rest();
        let name = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
            .unwrap_or(rest.len());
        let special = rest.starts_with(|first: char| "@*#?-$!".contains(first) || first.is_ascii_digit());
        let length = if special { 1 } else { name };
        if length == 0 {
            add(word, "$");
            return Ok(());
        }
        parser.cursor.skip(length);
        word.text += &format!("${{{}}}", &rest[..length]);
        word.literal = None;
    }
    Ok(())
}

/// What stands in `${…}`; commands can hide in its default.
fn parameter(parser: &mut Parser<'_>) -> Read<String> {
    let mut inside = Word::default();
    loop {
        let letter = parser.cursor.peek().ok_or(Refused)?;
        match letter {
            '}' => {
                parser.cursor.skip(1);
                return Ok(inside.text);
            }
            '"' => {
                parser.cursor.skip(1);
                parser.deeper(|parser| double_quoted(parser, &mut inside))?;
            }
            '\'' => {
                parser.cursor.skip(1);
                inside.text += &up_to(parser, '\'')?;
            }
            '`' => backticks(parser, &mut inside)?,
            '$' => dollar(parser, &mut inside, true)?,
            '\\' => {
                parser.cursor.skip(1);
                let next = parser.cursor.peek().ok_or(Refused)?;
                parser.cursor.skip(next.len_utf8());
                inside.text.push(next);
            }
            _ => {
                parser.cursor.skip(letter.len_utf8());
                inside.text.push(letter);
            }
        }
    }
}
