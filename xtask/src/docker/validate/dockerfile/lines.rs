//! From physical lines to logical ones.

use super::{Comment, Heredoc};

#[derive(Debug, Default)]
pub struct Read {
    pub escape: char,
    pub logical: Vec<Logical>,
    pub comments: Vec<Comment>,
    pub empty_continuations: Vec<usize>,
    pub endless_heredocs: Vec<usize>,
}

/// The lines of one instruction, joined.
#[derive(Debug)]
pub struct Logical {
    pub line: usize,
    pub last_line: usize,
    pub text: String,
    pub heredocs: Vec<FoundHeredoc>,
}

#[derive(Debug)]
pub struct FoundHeredoc {
    /// As it is written, to be found again in what is left of the line.
    marker: String,
    text: String,
}

impl FoundHeredoc {
    pub fn found_in(self, body: &str) -> Option<Heredoc> {
        let at = body.find(&self.marker)?;
        Some(Heredoc { at, text: self.text })
    }
}

pub fn read(text: &str) -> Read {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    let mut read = Read { escape: escape(&lines), ..Read::default() };
    let mut next = 0;
    while next < lines.len() {
        let trimmed = lines[next].trim_start_matches([' ', '\t']);
        if let Some(comment) = trimmed.strip_prefix('#') {
            read.comments.push(Comment { line: next + 1, text: comment.to_owned(), inside: false });
            next += 1;
        } else if trimmed.is_empty() {
            next += 1;
        } else {
            next = instruction(&lines, next, &mut read);
        }
    }
    read
}

/// Directives stand at the very top; the first line that is none ends them.
fn escape(lines: &[&str]) -> char {
    for line in lines {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|comment| comment.split_once('='))
        else {
            break;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" => return if value.trim() == "`" { '`' } else { '\\' },
            "syntax" | "check" => {}
            _ => break,
        }
    }
    '\\'
}

/// Reads the instruction that starts at `first`, and returns where the next one can start.
fn instruction(lines: &[&str], first: usize, read: &mut Read) -> usize {
    let mut text = String::new();
    let mut next = first;
    let mut last = first;
    while next < lines.len() {
        let line = lines[next];
        let trimmed = line.trim_start_matches([' ', '\t']);
        if next > first {
            if let Some(comment) = trimmed.strip_prefix('#') {
                read.comments.push(Comment { line: next + 1, text: comment.to_owned(), inside: true });
                (last, next) = (next, next + 1);
                continue;
            }
            if trimmed.is_empty() {
                read.empty_continuations.push(next + 1);
                (last, next) = (next, next + 1);
                continue;
            }
        }
        // Blanks before a word matter only in that there are some.
        if next > first && trimmed.len() < line.len() {
            text.push(' ');
        }
        (last, next) = (next, next + 1);
        match trimmed.trim_end_matches([' ', '\t']).strip_suffix(read.escape) {
            Some(continued) => text += continued,
            None => {
                text += trimmed;
                break;
            }
        }
    }
    let mut heredocs = Vec::new();
    for (marker, name, strips_tabs) in markers(&text) {
        let ends =
            |line: &str| if strips_tabs { line.trim_start_matches('\t') == name } else { line == name };
        let Some(length) = lines[next..].iter().position(|line| ends(line)) else {
            read.endless_heredocs.push(first + 1);
            break;
        };
        let body = lines[next..next + length].iter().flat_map(|line| [*line, "\n"]).collect();
        heredocs.push(FoundHeredoc { marker, text: body });
        (last, next) = (next + length, next + length + 1);
    }
    read.logical.push(Logical { line: first + 1, last_line: last + 1, text, heredocs });
    next
}

/// The heredocs that an instruction announces: as written, by name, and whether tabs before the end are dropped.
fn markers(text: &str) -> Vec<(String, String, bool)> {
    let keyword = text.split([' ', '\t']).next().unwrap_or_default().to_ascii_uppercase();
    if !matches!(keyword.as_str(), "RUN" | "COPY" | "ADD" | "ONBUILD") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for word in unquoted_words(text) {
        let from = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let Some(name) = from.strip_prefix("<<").filter(|name| !name.starts_with('<')) else { continue };
        let strips_tabs = name.starts_with('-');
        let written = name.trim_start_matches('-');
        let name: String = written.chars().filter(|&letter| !matches!(letter, '"' | '\'')).collect();
        if !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || "_.-".contains(letter)) {
            found.push((word.to_owned(), name, strips_tabs));
        }
    }
    found
}

/// Words that do not start within quotes.
fn unquoted_words(text: &str) -> Vec<&str> {
    let (mut words, mut start, mut quote, mut escaped) = (Vec::new(), None, None, false);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => {
                escaped = true;
                start.get_or_insert(at);
            }
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => {
                quote = Some(letter);
                start.get_or_insert(at);
            }
            (None, ' ' | '\t' | ';' | '&' | '|' | '(' | ')') => {
                words.extend(start.take().map(|start| &text[start..at]));
            }
            (None, '<')
                if start.is_some_and(|start| {
                    !text[start..at]
                        .trim_start_matches(|c: char| c.is_ascii_digit())
                        .chars()
                        .all(|c| c == '<')
                }) =>
            {
                // `cat<<EOF`: the heredoc begins here.
                words.extend(start.replace(at).map(|start| &text[start..at]));
            }
            (None, _) => {
                start.get_or_insert(at);
            }
        }
    }
    words.extend(start.map(|start| &text[start..]));
    words
}
