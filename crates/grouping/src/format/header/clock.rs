//! Where the time of a header stands.

use super::{HEADER_BYTES, bare, is_identifier, is_separator, word};
use crate::format::time::{epoch, has_clock, interpret, is_calendar_word, is_time_word};
use jiff::Timestamp;

/// Words among which the last time of a header is looked for.
const HEADER_WORDS: usize = 10;

/// The time of a line, and what stands behind it.
pub(super) fn time(line: &str, reference: Timestamp) -> Option<(Option<Timestamp>, &str)> {
    let head = &line[..line.floor_char_boundary(HEADER_BYTES)];
    let (from, until) = words(head)?;
    let text = line[from..until].trim_matches(['[', ']', '(', ')', ',', ';', ':', ' ']);
    let mut rest = &line[until..];
    if let Some((_, behind)) = word(rest).filter(|(zone, _)| is_zone(zone)) {
        rest = behind;
    }
    let last = || text.split([' ', ',']).next_back().and_then(|word| interpret(word, reference));
    Some((interpret(text, reference).or_else(last), rest))
}

/// Where the words of the last time among the first words of a line begin and end.
pub(super) fn words(line: &str) -> Option<(usize, usize)> {
    let mut rest = line;
    let mut found: Option<(usize, usize)> = None;
    let mut clock = false;
    for index in 0..HEADER_WORDS {
        let Some((next, behind)) = word(rest) else { break };
        let (start, end) = (line.len() - behind.len() - next.len(), line.len() - behind.len());
        let inner = bare(next);
        let before = found.filter(|(_, until)| line[*until..start].trim().is_empty());
        let packed = index < 2 && inner.len() == 6 && inner.bytes().all(|byte| byte.is_ascii_digit());
        let day = before.is_some_and(|(from, until)| is_day_of_month(inner) && ends_with_calendar_word(&line[from..until]));
        if is_time(inner) || packed || day {
            clock |= has_clock(inner) || packed || epoch(inner).is_some() || is_dotted_clock(inner);
            found = Some((before.map_or(start, |(from, _)| from), end));
        } else if found.is_some() && clock && !(is_identifier(inner) || is_separator(next)) {
            break;
        }
        rest = behind;
    }
    found.filter(|_| clock)
}

/// Whether a word, or what stands in a bracket, is a date or a time.
fn is_time(inner: &str) -> bool {
    let parts = || inner.split(' ').filter(|part| !part.is_empty());
    let short = |part: &str| part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
    let dated = |part: &str| is_time_word(part) || is_calendar_word(part) || is_access_time(part);
    parts().any(dated) && parts().all(|part| dated(part) || short(part) || is_zone(part))
}

/// `20/Nov/2026:10:00:01`
fn is_access_time(word: &str) -> bool {
    word.len() >= 20 && word.as_bytes()[0].is_ascii_digit() && word.matches('/').count() == 2 && has_clock(word)
}

/// `2005-06-03-15.42.50.363779`: a time of day behind dots.
fn is_dotted_clock(word: &str) -> bool {
    word.len() >= 19 && word.bytes().filter(|byte| matches!(byte, b'-' | b'.' | b':')).count() >= 5
}

fn is_day_of_month(word: &str) -> bool {
    (1..=2).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn ends_with_calendar_word(text: &str) -> bool {
    text.split([' ', '[']).next_back().is_some_and(is_calendar_word)
}

fn is_zone(word: &str) -> bool {
    let word = bare(word);
    let offset = word.len() == 5 && word.starts_with(['+', '-']) && word[1..].bytes().all(|byte| byte.is_ascii_digit());
    offset || matches!(word, "UTC" | "GMT" | "Z")
}
