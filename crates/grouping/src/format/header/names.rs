//! What the words of a header look like: loggers, programs, brackets.

use super::MAX_PIECE;
use crate::level::Level;

/// Where the bracket that opens the text closes, with brackets inside.
pub(super) fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, byte) in text.bytes().enumerate().take(MAX_PIECE * 2) {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// `12.345678`, as the kernel counts.
pub(super) fn is_uptime(text: &str) -> bool {
    text.contains('.') && text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

pub(super) fn one_letter(text: &str) -> Option<Level> {
    matches!(text, "T" | "V" | "D" | "I" | "W" | "E" | "F" | "C").then(|| Level::parse(text)).flatten()
}

pub(super) fn is_logger(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_PIECE
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-$/:[]#@".contains(&byte))
}

/// A logger as one word, before a colon, a dash or a bracket.
pub(super) fn logger_word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(' ')?;
    let (word, rest) = text.split_at(end);
    let (word, rest) = match (word.strip_suffix(':'), rest.trim_start()) {
        (Some(word), _) => (word, rest),
        (None, more) => {
            let rest = more
                .strip_prefix(": ")
                .or_else(|| more.strip_prefix("- "))
                .or_else(|| more.starts_with('[').then_some(more))?;
            (word, rest)
        }
    };
    let thrown = word.ends_with("Exception") || word.ends_with("Error") || Level::parse_word(word).is_some();
    (is_logger(word) && !thrown && (looks_like_name(word) || word.contains('['))).then_some((word, rest))
}

/// Written as programs write names.
pub(super) fn looks_like_name(word: &str) -> bool {
    let inner = word.as_bytes().get(1..).unwrap_or_default();
    let capital =
        inner.iter().any(u8::is_ascii_uppercase) && word.bytes().any(|byte| byte.is_ascii_lowercase());
    (capital || inner.iter().any(|byte| b"._$/:@#".contains(byte)))
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A program, perhaps behind its host, as syslog daemons write it: with its process, or as a name.
pub(super) fn is_program(name: &str) -> bool {
    let last = name.rsplit(' ').next().unwrap_or(name);
    last.ends_with(']') || last == "kernel" || (last == name && (looks_like_name(name) || name.contains('#')))
}

/// The name of at most so many words before a mark.
pub(super) fn name_before<'a>(text: &'a str, mark: &str, words: usize) -> Option<(&'a str, &'a str)> {
    let head = &text[..text.floor_char_boundary(MAX_PIECE)];
    // A program may be last on its line.
    let end = head.find(mark).or_else(|| {
        (mark == ": " && text.ends_with(':')).then(|| text.len() - 1).filter(|end| *end < head.len())
    })?;
    let name = &head[..end];
    let last = name.split(' ').next_back().unwrap_or_default();
    let thrown = last.ends_with("Exception") || last.ends_with("Error") || Level::parse_word(last).is_some();
    let plain = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !name.contains(['=', '"', '\'', ','])
        && !name.ends_with(' ')
        && !name.contains(" - ");
    let named = !name.is_empty() && name.split_ascii_whitespace().count() <= words && plain && !thrown;
    named.then(|| (name, text.get(end + mark.len()..).unwrap_or_default()))
}
