//! The header of a text line: time, level, process, thread and logger, in whatever order they
//! stand.
//!
//! The header is eaten from the left, piece by piece. It is only believed when it holds a time or
//! an unmistakable level; else the whole line is the message. What cannot be separated from the
//! message stays in it.

mod names;

use super::{ParsedLine, timestamp};
use crate::level::Level;
use jiff::Timestamp;
use names::{
    closing, is_logger, is_program, is_uptime, logger_word, looks_like_name, name_before, one_letter,
};

/// Pieces of a header; no logger writes more.
const MAX_PIECES: usize = 16;

/// Bytes of a bracket or a logger's name.
const MAX_PIECE: usize = 160;

pub(super) fn parse(line: &str, reference: Timestamp) -> Option<ParsedLine<'_>> {
    let mut header = Header {
        rest: line.trim_start(),
        reference,
        timestamp: None,
        level: None,
        logger: None,
        done: false,
        level_is_last: false,
        syslog: false,
    };
    header.priority();
    header.glog();
    for _ in 0..MAX_PIECES {
        if header.done || !header.piece() {
            break;
        }
    }
    if header.timestamp.is_none() && header.level.is_none() {
        return None;
    }
    let message = header.rest.trim_start_matches([' ', '\t', '|']).trim_end();
    let message =
        message.strip_prefix("- ").or_else(|| message.strip_prefix(": ")).unwrap_or(message).trim_start();
    let message = behind_connection(message);
    Some(ParsedLine {
        message: message.into(),
        level: header.level,
        logger: header.logger.map(Into::into),
        timestamp: header.timestamp,
        attributes: Vec::new(),
        format: "text",
    })
}

/// `*4711 message`: nginx numbers connections so; the number is part of the header.
fn behind_connection(message: &str) -> &str {
    let number = message.strip_prefix('*').and_then(|rest| rest.split_once(' '));
    match number {
        Some((digits, rest)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            rest
        }
        _ => message,
    }
}

struct Header<'a> {
    rest: &'a str,
    reference: Timestamp,
    timestamp: Option<Timestamp>,
    level: Option<Level>,
    logger: Option<&'a str>,
    /// The message begins at `rest`.
    done: bool,
    /// The last piece was the level, not a time.
    level_is_last: bool,
    /// A host and a program come behind the time.
    syslog: bool,
}

impl<'a> Header<'a> {
    /// Consumes one piece; `false` when the input does not start with one.
    fn piece(&mut self) -> bool {
        let spaced = self.rest.trim_start_matches([' ', '\t']);
        // A dash or a bar between pieces.
        let bare = ["--- ", "-- ", "- ", "|", "— "]
            .iter()
            .find_map(|mark| spaced.strip_prefix(mark))
            .unwrap_or(spaced);
        let text = bare.trim_start_matches([' ', '\t']);
        if text.is_empty() {
            return false;
        }
        let dashed = text.len() != spaced.len();
        if let Some((length, time)) = timestamp::read(text, self.reference).filter(|_| self.logger.is_none())
        {
            let brief_number = length <= 13 && text.as_bytes()[..length].iter().all(u8::is_ascii_digit);
            if self.timestamp.is_none() || !brief_number || !dashed {
                return self.time(text, length, time);
            }
        }
        if text.starts_with('[') {
            return self.bracket(text);
        }
        if dashed && self.timestamp.is_some() && self.level.is_some() && spaced.starts_with("- ") {
            // Behind level and dash, what comes next is the message or a logger.
            self.rest = text;
            return self.named(text);
        }
        self.level_word(text)
            || self.time_ahead(text)
            || self.level_ahead(text)
            || self.number(text)
            || self.field(text)
            || self.named(text)
    }

    fn time(&mut self, text: &'a str, length: usize, time: Timestamp) -> bool {
        // A day alone gives way to a time; a time that came first may know the year, so it stays.
        if self.timestamp.is_none_or(|known| known.as_second() % 86_400 == 0) {
            self.timestamp = Some(time);
        }
        self.syslog |= text.starts_with(|c: char| c.is_ascii_uppercase());
        let rest = &text[length..];
        self.rest = rest.strip_prefix([',', ':', ']', '>']).unwrap_or(rest);
        self.level_is_last = false;
        true
    }

    /// `[...]`: a time, a level, a thread, a process, a logger.
    fn bracket(&mut self, text: &'a str) -> bool {
        let Some(end) = closing(text) else { return false };
        let (inner, rest) = (text[1..end].trim(), &text[end + 1..]);
        if self.logger.is_some() && inner.contains(": ") {
            // After the logger, `[instance: x]` belongs to the message.
            return false;
        }
        if let Some((length, time)) =
            timestamp::read(inner, self.reference).filter(|(length, _)| *length == inner.len())
        {
            // A number alone is a process.
            if self.timestamp.is_none() && !inner.bytes().all(|byte| byte.is_ascii_digit()) {
                let _ = (length, self.time(inner, length, time));
                self.rest = rest;
                return true;
            }
        }
        if let Some(level) =
            Level::parse_word(inner).or_else(|| one_letter(inner)).filter(|_| self.level.is_none())
        {
            self.level = Some(level);
        } else if let Some((logger, level)) =
            inner.rsplit_once(':').and_then(|(logger, level)| Some((logger, Level::parse_word(level)?)))
        {
            // Apache writes `[core:error]`.
            self.level = self.level.or(Some(level));
            self.logger = self.logger.or(Some(logger));
        } else if self.timestamp.is_none() && self.level.is_none() && !is_uptime(inner) {
            return false;
        }
        self.level_is_last = false;
        self.rest = rest.strip_prefix(':').unwrap_or(rest);
        true
    }

    fn level_word(&mut self, text: &'a str) -> bool {
        if self.level.is_some() {
            return false;
        }
        let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let capitals = word.bytes().all(|byte| byte.is_ascii_uppercase());
        let marked = rest.starts_with([':', '|', ']', '\t']);
        let letter = self.timestamp.is_some() && rest.starts_with([' ', '/']) && one_letter(word).is_some();
        let known = (capitals || marked || self.timestamp.is_some())
            && (rest.is_empty() || marked || rest.starts_with(' '));
        let level = if letter {
            one_letter(word)
        } else if known {
            Level::parse_word(word)
        } else {
            None
        };
        let Some(level) = level else { return false };
        // At the beginning of a line `Error: x` names what was thrown, and `error in x` is a
        // sentence.
        if self.timestamp.is_none()
            && !capitals
            && !matches!(word, "info" | "debug" | "warn" | "trace" | "warning" | "error" | "fatal")
        {
            return false;
        }
        self.level = Some(level);
        self.level_is_last = true;
        self.rest = rest.strip_prefix([':', '|', ']', '/']).unwrap_or(rest);
        // Python's default: `ERROR:app.db:message`.
        if let Some((logger, message)) =
            self.rest.split_once(':').filter(|_| marked && !rest.starts_with(": "))
            && is_logger(logger)
        {
            (self.logger, self.rest, self.done) = (Some(logger), message, true);
        }
        true
    }

    /// One or two words before another time: a node, a host.
    fn time_ahead(&mut self, text: &'a str) -> bool {
        let mut at = 0;
        for _ in 0..4 {
            let word = text[at..].find(' ').filter(|length| *length <= 64);
            let Some(length) = word else { return false };
            at += length + 1;
            let ahead = &text[at..];
            // Before the first time, only an unmistakable one counts.
            let found = timestamp::read(ahead, self.reference).filter(|(length, _)| *length >= 10);
            if let Some((length, time)) = found
                && (self.timestamp.is_some() || length > 10 || text.as_bytes()[0].is_ascii_digit())
                && text[..at].bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._-:/@".contains(&byte))
                && (self.timestamp.is_none() || !ahead.as_bytes()[..length].iter().all(u8::is_ascii_digit))
            {
                return self.time(ahead, length, time);
            }
            if self.timestamp.is_none() && !text.as_bytes()[0].is_ascii_digit() && at > 48 {
                return false;
            }
        }
        false
    }

    /// A level in capitals a few words in: the words before it belong to the header.
    fn level_ahead(&mut self, text: &'a str) -> bool {
        if self.level.is_some() || self.timestamp.is_none() {
            return false;
        }
        let mut at = 0;
        for _ in 0..4 {
            let Some(length) = text[at..].find(' ').filter(|length| *length <= MAX_PIECE) else {
                return false;
            };
            let before = &text[at..at + length];
            if before.ends_with(':') {
                return false;
            }
            at += length;
            at += text[at..].len() - text[at..].trim_start().len();
            let end = text[at..].find(|c: char| !c.is_ascii_alphabetic()).map_or(text.len(), |end| at + end);
            let word = &text[at..end];
            if word.len() >= 4
                && word.bytes().all(|byte| byte.is_ascii_uppercase())
                && text[end..].starts_with(' ')
                && let Some(level) = Level::parse_word(word)
            {
                (self.level, self.rest, self.level_is_last) = (Some(level), &text[end..], true);
                return true;
            }
        }
        false
    }

    /// A process or thread number behind a time.
    fn number(&mut self, text: &'a str) -> bool {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let bare = digits > 0 && digits <= 10 && text[digits..].starts_with(' ');
        // A number only belongs to the header when more of it follows.
        let more = text[digits..].trim_start();
        let next = more.split(' ').next().unwrap_or_default();
        let follows = next == "---"
            || self.level.is_none()
                && (Level::parse_word(next).is_some()
                    || one_letter(next).is_some()
                    || next.ends_with(':')
                    || next.parse::<u64>().is_ok()
                    || next.starts_with('['));
        if self.timestamp.is_some() && bare && follows {
            self.rest = &text[digits..];
            return true;
        }
        false
    }

    /// A field between bars: `time|Step_LSC|30002312|message`.
    fn field(&mut self, text: &'a str) -> bool {
        if self.timestamp.is_none() {
            return false;
        }
        let Some(bar) = text.find('|').filter(|bar| *bar <= 64) else { return false };
        let field = text[..bar].trim_end();
        if field.is_empty() || field.contains(' ') {
            return false;
        }
        if self.level.is_none() && Level::parse_word(field).is_some() {
            self.level = Level::parse_word(field);
        } else if self.logger.is_none() && field.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            self.logger = Some(field);
        }
        self.rest = &text[bar + 1..];
        true
    }

    /// A host and a program, or a logger; the message begins behind it.
    fn named(&mut self, text: &'a str) -> bool {
        self.done = true;
        if self.timestamp.is_none() && self.level.is_none() {
            return false;
        }
        if self.timestamp.is_some()
            && let Some((column, rest)) = text.split_once("  ").filter(|_| self.level_is_last)
            && is_logger(column)
            && column.len() <= 40
        {
            (self.logger, self.rest) = (Some(column), rest);
            return true;
        }
        if self.level.is_some()
            && let Some((name, rest)) = logger_word(text)
        {
            (self.logger, self.rest, self.done) = (Some(name), rest, !rest.trim_start().starts_with('['));
            return true;
        }
        let most = if self.syslog { 4 } else { 2 };
        let found = name_before(text, ": ", most).filter(|(name, _)| self.syslog || is_program(name));
        let found = found.or_else(|| {
            name_before(text, " - ", 2)
                .filter(|(name, _)| looks_like_name(name.split(' ').next().unwrap_or_default()))
        });
        let Some((name, rest)) = found else {
            self.rest = text;
            return true;
        };
        let last = name.rsplit(' ').next().unwrap_or(name);
        let program = last.split(['[', '(']).next().unwrap_or(last);
        let named = program.bytes().any(|byte| byte.is_ascii_alphabetic());
        self.logger = self.logger.or(named.then_some(program));
        self.rest = rest;
        true
    }

    /// The priority of syslog, `<34>`: its last three bits are the severity.
    fn priority(&mut self) {
        let Some((number, rest)) = self.rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
            return;
        };
        if let Some(priority) = number.parse::<u8>().ok().filter(|priority| *priority < 192) {
            self.level = Some(Level::from_syslog(priority & 7));
            (self.rest, self.syslog) = (rest, true);
            self.rfc_5424();
        }
    }

    /// Behind the priority: `1 time host program process message-id [data] message`.
    fn rfc_5424(&mut self) {
        let Some(rest) = self.rest.strip_prefix("1 ") else { return };
        let mut fields = rest.splitn(6, ' ');
        let (Some(time), Some(_host), Some(program), Some(_), Some(_), Some(mut rest)) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        self.timestamp = timestamp::read(time, self.reference).map(|(_, time)| time);
        self.logger = Some(program).filter(|program| *program != "-");
        while let Some(end) = rest.starts_with('[').then(|| closing(rest)).flatten() {
            rest = &rest[end + 1..];
        }
        (self.rest, self.done) = (rest.strip_prefix("- ").unwrap_or(rest), true);
    }

    /// `I0102 15:04:05.678901   12345 file.cc:12] message`.
    fn glog(&mut self) {
        let bytes = self.rest.as_bytes();
        let begins = bytes.len() > 6 && bytes[1..5].iter().all(u8::is_ascii_digit) && bytes[5] == b' ';
        let Some(level) = self.rest.get(..1).and_then(one_letter).filter(|_| begins) else { return };
        let Some((head, message)) = self.rest.split_once("] ").filter(|(head, _)| head.len() <= MAX_PIECE)
        else {
            return;
        };
        let date = format!("{}-{} {}", &head[1..3], &head[3..5], &head[6..]);
        let Some((_, time)) = timestamp::read(&date, self.reference) else { return };
        self.logger = head.rsplit(' ').next().and_then(|place| place.split(':').next());
        (self.level, self.timestamp, self.rest, self.done) = (Some(level), Some(time), message, true);
    }
}
