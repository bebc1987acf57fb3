//! Stack traces, joined to the line they belong to.
//!
//! Lines arrive one by one; a record is returned when the next line begins another. The rules are
//! conservative: a line with a header of its own (a time, a level, a JSON object) always begins a
//! record, and a line without one only continues a record if it looks like a part of a stack trace,
//! or is indented below a line with a header. An empty line that is not inside a trace ends a
//! record and is dropped.

use crate::{format, level::Level};

/// Bytes of one record; what comes beyond begins another.
const MAX_BYTES: usize = 1 << 20;

/// Lines of one record; deep recursions have about so many frames.
const MAX_LINES: usize = 500;

/// Joins lines to records.
#[derive(Debug, Default)]
pub struct Assembler {
    record: Option<Record>,
}

#[derive(Debug)]
struct Record {
    text: String,
    lines: usize,
    /// Its first line has a time, a level or a brace.
    headed: bool,
    block: Block,
}

/// The trace that the end of a record is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    /// Lines of `at …`.
    Calls,
    /// Behind `Traceback`, before the exception.
    Python,
    /// Behind the exception; another traceback may follow.
    PythonRaised,
    /// A panic of Go and its goroutines.
    Go,
    /// Behind `panicked at`, before the message.
    RustPanic,
    /// Behind the message.
    Rust,
}

impl Assembler {
    /// An empty assembler.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line; returns the record before it if the line begins another.
    pub fn push(&mut self, line: &str) -> Option<String> {
        let line = line.trim_end_matches(['\n', '\r']);
        if let Some(record) = &mut self.record
            && record.has_room(line)
            && let Some(block) = record.continued_by(line)
        {
            record.text.push('\n');
            record.text.push_str(line);
            record.lines += 1;
            record.block = block;
            return None;
        }
        let before = self.flush();
        if !line.trim().is_empty() {
            self.record = Some(Record {
                text: line.to_owned(),
                lines: 1,
                headed: has_header(line),
                block: opened_by(line),
            });
        }
        before
    }

    /// Returns what is held, when no more lines come for a while.
    pub fn flush(&mut self) -> Option<String> {
        let mut text = self.record.take()?.text;
        text.truncate(text.trim_end().len());
        Some(text)
    }
}

impl Record {
    fn has_room(&self, line: &str) -> bool {
        self.lines < MAX_LINES && self.text.len() + line.len() < MAX_BYTES
    }

    /// The block after the line, if the line continues the record.
    fn continued_by(&self, line: &str) -> Option<Block> {
        let indented = line.starts_with([' ', '\t']);
        let trimmed = line.trim();
        match self.block {
            Block::Python if indented || trimmed.is_empty() => return Some(Block::Python),
            Block::Python if !has_header(line) && is_raised(trimmed) => return Some(Block::PythonRaised),
            Block::PythonRaised if trimmed.is_empty() || is_chained(trimmed) => {
                return Some(Block::PythonRaised);
            }
            Block::PythonRaised if trimmed.starts_with("Traceback (most recent") => {
                return Some(Block::Python);
            }
            Block::Go if trimmed.is_empty() || is_go(line) => return Some(Block::Go),
            Block::RustPanic if !has_header(line) => return Some(Block::Rust),
            Block::Rust if is_rust(line) => return Some(Block::Rust),
            _ => {}
        }
        if trimmed.is_empty() || (!indented && has_header(line)) {
            return None;
        }
        if is_call(trimmed) && indented || is_cause(trimmed) {
            return Some(Block::Calls);
        }
        if self.headed {
            let traced = trimmed.starts_with("Traceback (most recent call last)");
            if traced {
                return Some(Block::Python);
            }
            if trimmed.starts_with("goroutine ") || trimmed.starts_with("panic: ") {
                return Some(Block::Go);
            }
            if is_thrown(trimmed) || line.starts_with('\t') || line.starts_with("    ") {
                return Some(self.block);
            }
        }
        None
    }
}

/// The block that a record's first line opens.
fn opened_by(line: &str) -> Block {
    if line.contains("Traceback (most recent call last)") {
        Block::Python
    } else if line.contains("panicked at ") {
        if line.contains("panicked at '") { Block::Rust } else { Block::RustPanic }
    } else if line.starts_with("panic: ")
        || line.starts_with("fatal error: ")
        || line.starts_with("goroutine ")
    {
        Block::Go
    } else {
        Block::None
    }
}

/// A time, a level or a brace begins the line.
fn has_header(line: &str) -> bool {
    let bare = line.trim_start_matches(['[', '<']);
    if line.starts_with('{') || format::begins_with_time(bare) {
        return true;
    }
    let end = bare.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(bare.len());
    let (word, rest) = bare.split_at(end);
    let capitals = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let bracketed = bare.len() < line.len() && rest.starts_with(']');
    let pair = line.starts_with("time=") || line.starts_with("level=") || line.starts_with("ts=");
    let priority =
        line.starts_with('<') && bare.split_once('>').is_some_and(|(number, _)| number.parse::<u8>().is_ok());
    let level = (capitals || bracketed)
        && rest.starts_with([' ', ':', ']', '|'])
        && Level::parse_word(word).is_some();
    level || pair || priority || is_glog(bare)
}

fn is_glog(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 6
        && b"IWEF".contains(&bytes[0])
        && bytes[1..5].iter().all(u8::is_ascii_digit)
        && bytes[5] == b' '
}

/// `at com.app.Main.run(Main.java:3)`, `at run (/app/main.js:3:1)`, `at App.Main.Run() in
/// Main.cs:line 3`.
fn is_call(trimmed: &str) -> bool {
    trimmed.strip_prefix("at ").is_some_and(|call| call.contains(['(', ':', '.', '<']))
}

fn is_cause(trimmed: &str) -> bool {
    let omitted = trimmed.strip_prefix("... ").is_some_and(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && (rest[digits..].starts_with(" more") || rest[digits..].starts_with(" common frames"))
    });
    let inner =
        ["Caused by: ", "Suppressed: ", "---> ", "--- End of "].iter().any(|mark| trimmed.starts_with(mark));
    omitted || inner
}

/// `java.io.IOException: message`: the name of something thrown, alone or before a colon.
fn is_thrown(trimmed: &str) -> bool {
    let name = trimmed.split(':').next().unwrap_or_default().trim_end();
    let named =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(&byte));
    named && ["Exception", "Error", "Throwable", "Fault", "Failure"].iter().any(|kind| name.ends_with(kind))
}

/// The last line of a traceback: `KeyError: 'x'`, `app.errors.Missing`.
fn is_raised(trimmed: &str) -> bool {
    let name = trimmed.split(':').next().unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte))
}

fn is_chained(trimmed: &str) -> bool {
    trimmed.starts_with("During handling of the above exception")
        || trimmed.starts_with("The above exception was the direct cause")
}

fn is_go(line: &str) -> bool {
    let marked = [
        "goroutine ",
        "created by ",
        "[signal ",
        "exit status ",
        "panic: ",
        "\t",
        "runtime: ",
        "runtime stack:",
        "...additional",
    ]
    .iter()
    .any(|mark| line.starts_with(mark));
    // `main.(*Server).run(0xc000, {0x1, 0x2})`
    let call = line.ends_with(')')
        && line
            .split('(')
            .next()
            .is_some_and(|name| !name.is_empty() && name.contains('.') && !name.contains(' '));
    marked || call
}

fn is_rust(line: &str) -> bool {
    let trimmed = line.trim_start();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = trimmed.len() < line.len() && digits > 0 && trimmed[digits..].starts_with(": ");
    let named = ["note: ", "stack backtrace:"].iter().any(|mark| line.starts_with(mark));
    numbered || named || (trimmed.len() < line.len() && trimmed.starts_with("at "))
}
