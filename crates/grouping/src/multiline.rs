//! Which lines belong to the line before: stack traces and what else programs print below a record.
//!
//! Conservative on purpose: a line with a header of its own always begins a record, and a line without one
//! continues only when it looks like a piece of a trace, is indented below one, or is the end of a trace
//! that has begun. An ordinary log therefore has as many records as lines.

use crate::format::begins_record;

/// A record never grows beyond this; what follows begins a new one.
const MAX_BYTES: usize = 1 << 20;

/// Nor beyond so many lines: the longest traces of the JVM have about a thousand.
const MAX_LINES: usize = 2000;

/// Joins lines to records. It holds one record, which is complete when the next one begins.
#[derive(Debug, Default)]
pub struct Assembler {
    record: Option<String>,
    lines: usize,
    trace: Trace,
}

/// What kind of trace the record at hand is in, which decides what may follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Trace {
    /// None.
    #[default]
    Outside,
    /// Lines of this trace are indented; `Caused by:` and the like are not.
    Inside,
    /// Python: frames are indented, and the exception's line ends it.
    Python,
    /// Go: calls stand at the margin, places are indented, and a blank line parts goroutines.
    Goroutine,
    /// Rust: the message stands below `panicked at`.
    RustPanic,
}

impl Assembler {
    /// An assembler that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a line, without its end; the record before it, when the line begins a new one.
    pub fn push(&mut self, line: &str) -> Option<String> {
        let fits = |record: &String| self.lines < MAX_LINES && record.len() + line.len() < MAX_BYTES;
        if self.record.as_ref().is_some_and(fits)
            && let Some(trace) = self.continues(line)
        {
            self.trace = trace;
            self.lines += 1;
            if let Some(record) = &mut self.record {
                record.push('\n');
                record.push_str(line);
            }
            return None;
        }
        self.lines = 1;
        self.trace = begins_trace(line);
        self.record.replace(line.to_owned())
    }

    /// The record at hand, when nothing more is to come.
    pub fn flush(&mut self) -> Option<String> {
        self.lines = 0;
        self.trace = Trace::Outside;
        self.record.take()
    }

    /// Whether a line belongs to the record at hand, and what may follow it.
    fn continues(&self, line: &str) -> Option<Trace> {
        let trimmed = line.trim_start();
        let indented = line.len() > trimmed.len();
        if trimmed.is_empty() {
            return matches!(self.trace, Trace::Goroutine | Trace::Inside).then_some(self.trace);
        }
        if indented && is_frame(trimmed) {
            return Some(if self.trace == Trace::Outside { Trace::Inside } else { self.trace });
        }
        if trimmed.starts_with("Caused by: ") || trimmed.starts_with("Suppressed: ") || is_more(trimmed) {
            return Some(Trace::Inside);
        }
        if trimmed == "Traceback (most recent call last):" {
            return Some(Trace::Python);
        }
        let joins_python = trimmed.starts_with("During handling of the above exception")
            || trimmed.starts_with("The above exception was the direct cause");
        if joins_python {
            return Some(Trace::Python);
        }
        match self.trace {
            Trace::Python if indented => Some(Trace::Python),
            // The line of the exception itself: `KeyError: 'order'`.
            Trace::Python if is_exception(trimmed) => Some(Trace::Inside),
            Trace::Goroutine if indented || is_call(trimmed) => Some(Trace::Goroutine),
            Trace::RustPanic if !begins_record(line) => Some(Trace::Inside),
            Trace::Outside | Trace::Inside if !indented && trimmed.starts_with("goroutine ") && trimmed.ends_with(':') => Some(Trace::Goroutine),
            Trace::Inside if trimmed.starts_with("stack backtrace:") || trimmed.starts_with("note: ") => Some(Trace::Inside),
            // A trace may follow the exception's line, which follows the log's own line.
            Trace::Outside if !indented && is_exception(trimmed) && !begins_record(line) => Some(Trace::Inside),
            Trace::Outside if trimmed.starts_with("panic: ") && !begins_record(line) => Some(Trace::Inside),
            Trace::Inside if trimmed.starts_with("[signal ") => Some(Trace::Inside),
            Trace::Inside if indented && !begins_record(trimmed) => Some(Trace::Inside),
            _ => None,
        }
    }
}

fn begins_trace(line: &str) -> Trace {
    let line = line.trim_end();
    if line.ends_with("Traceback (most recent call last):") {
        Trace::Python
    } else if line.contains("panicked at ") && line.ends_with(':') {
        Trace::RustPanic
    } else if line.starts_with("panic: ") {
        Trace::Inside
    } else if line.starts_with("goroutine ") && line.ends_with(':') {
        Trace::Goroutine
    } else {
        Trace::Outside
    }
}

/// `at package.Class.method(File.java:1)`, `at name (file:1:2)`, `File "x.py", line 3, in f`, `3: name`.
fn is_frame(trimmed: &str) -> bool {
    trimmed.strip_prefix("at ").is_some_and(|call| call.contains(['(', ':', '.', '/']))
        || trimmed.starts_with("File \"")
        || is_more(trimmed)
        || trimmed.starts_with("--- End of ")
        || trimmed.split_once(": ").is_some_and(|(index, _)| !index.is_empty() && index.len() <= 3 && index.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `... 12 more`
fn is_more(trimmed: &str) -> bool {
    trimmed.strip_prefix("... ").is_some_and(|rest| rest.ends_with(" more") || rest.ends_with(" common frames omitted"))
}

/// `java.net.ConnectException: refused`, `KeyError: 'order'`, `SystemExit`: a type at the margin.
fn is_exception(line: &str) -> bool {
    let kind = line.split(':').next().unwrap_or(line);
    let name = kind.rsplit('.').next().unwrap_or(kind);
    let typed = !name.is_empty()
        && kind.len() <= 160
        && name.as_bytes()[0].is_ascii_uppercase()
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(&byte));
    let named_so = ["Error", "Exception", "Exit", "Interrupt", "Warning", "Throwable", "Failure", "Timeout", "Refused"];
    typed && named_so.iter().any(|end| name.ends_with(end))
}

/// `main.handle(0xc000012345)`, `created by net/http.(*Server).Serve`
fn is_call(line: &str) -> bool {
    line.starts_with("created by ")
        || line.starts_with("goroutine ")
        || line.starts_with("exit status ")
        || (line.ends_with(')') && line.contains('(') && line.contains('.') && !line.contains(": "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn records(text: &str) -> Vec<String> {
        let mut assembler = Assembler::new();
        let mut records: Vec<String> = text.split('\n').filter_map(|line| assembler.push(line)).collect();
        records.extend(assembler.flush());
        records
    }

    #[test]
    fn a_trace_belongs_to_the_line_above_it() {
        let traces = [
            "2026-11-20 10:00:00 ERROR [main] a.B: broke\njava.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\nCaused by: java.io.IOException: disk\n\tat a.E.f(E.java:3)\n\t... 2 more",
            "2026-11-20 10:00:00,000 ERROR root broke\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'order'",
            "Error: broke\n    at f (/app/a.js:1:2)\n    at async g (/app/b.js:3:4)",
            "panic: broke\n\ngoroutine 1 [running]:\nmain.f(0xc000)\n\t/app/a.go:1 +0x1d\nmain.main()\n\t/app/a.go:2 +0x2e",
            "thread 'main' panicked at src/main.rs:1:2:\nit broke\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            "2026-11-20 10:00:00 fail: broke\nSystem.InvalidOperationException: no\n   at A.B.C(String d) in /app/A.cs:line 7\n   --- End of inner exception stack trace ---",
        ];
        for trace in traces {
            assert_eq!(records(trace), [trace], "{trace}");
            let next = "2026-11-20 10:00:01 INFO next";
            assert_eq!(records(&format!("{trace}\n{next}")), [trace, next], "{trace}");
        }
    }

    #[test]
    fn lines_with_headers_are_records_of_their_own() {
        let lines = [
            "2026-11-20 10:00:00 INFO one",
            "Nov 20 10:00:00 host app[1]: two",
            "{\"msg\":\"three\"}",
            "plain four",
            "  indented five",
            "ERROR six",
            "10:00:00 seven",
            "at eight o'clock",
            "",
            "Warning: nine",
        ];
        let text = lines.join("\n");
        assert_eq!(records(&text).len(), lines.len(), "{:?}", records(&text));
    }

    proptest! {
        #[test]
        fn no_line_is_lost_or_changed(lines in prop::collection::vec("(\tat a\\.b\\(c\\)|Caused by: x|Traceback \\(most recent call last\\):|goroutine 1 \\[running\\]:|[a-zA-Z: ]{0,12})", 0..30)) {
            let text = lines.join("\n");
            let joined = records(&text).join("\n");
            prop_assert_eq!(joined, lines.join("\n"));
        }
    }
}
