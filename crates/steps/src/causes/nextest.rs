//! nextest: a line for each failed test, and what the test printed below it.

use super::{
    Cause, Rank,
    log::{Folder, Log, location},
};

/// A failed test in nextest's words: `FAIL [   0.098s] (3/9) squall-api::it keys::are_unique`.
struct FailedTest<'a> {
    status: &'a str,
    seconds: &'a str,
    /// `squall-api`, `squall-api::it` or `squall-api::bin/squall-api`.
    binary: &'a str,
    name: &'a str,
}

/// A failed test with its first panic, or with what else ended it.
pub fn failed_test(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let test = FailedTest::read(log.line(index))?;
    let output: Vec<_> = log.after(index).take_while(|line| is_output(line)).collect();
    let folder = if test.package() == "xtask" { Folder::Workspace } else { Folder::Root };
    let panic = panic(&output, test.name);
    let (place, message) = match (&panic, unwrapped(&output)) {
        (Some(panic), _) => (Some(panic.place), panic.message()),
        (None, Some((place, message))) => (place, message.to_owned()),
        (None, None) => (None, test.ended()),
    };
    let (file, line) =
        place.and_then(location).map_or((None, None), |(path, line, _)| (log.file(path, folder), Some(line)));
    let message = format!("{}: {}", test.name, log.shorten(&message));
    Some((Rank::Exact, Cause::new(file, line, &message).repeated_by(test.command())))
}

impl<'a> FailedTest<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (status, rest) = line.trim_start().split_once(" [")?;
        // nextest aligns it; what a test prints is indented by four.
        let is_aligned = line.len() - line.trim_start().len() + status.len() == 12.max(status.len());
        let is_failure = matches!(status, "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" | "FAIL + LEAK")
            || status.strip_prefix("SIG").is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase()));
        if !(is_aligned && is_failure) {
            return None;
        }
        let (seconds, rest) = rest.split_once(']')?;
        let rest = rest.trim_start();
        let rest =
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest);
        let (binary, name) = rest.trim().split_once(' ')?;
        Some(Self { status, seconds: seconds.trim(), binary, name: name.trim() })
    }

    fn package(&self) -> &str {
        self.binary.split("::").next().unwrap_or(self.binary)
    }

    /// What `cargo xtask` calls to run it again. Its suites are chosen as in xtask/src/test.rs.
    fn command(&self) -> String {
        let (package, name) = (self.package(), self.name);
        let is_slow = name.starts_with("slow::") || name.contains("::slow::");
        match package {
            "xtask" => format!("cargo xtask test xtask -- {name}"),
            _ if is_slow => format!("cargo xtask test slow -- -p {package} {name}"),
            _ => format!("cargo xtask test rust -- -p {package} {name}"),
        }
    }

    /// What is known of a test that did not panic.
    fn ended(&self) -> String {
        match self.status {
            "TIMEOUT" => format!("timed out after {}", self.seconds),
            "LEAK-FAIL" | "FAIL + LEAK" => "left a process behind that holds its output open".to_owned(),
            signal if signal.starts_with("SIG") => format!("ended by {signal}"),
            _ => "failed without a panic".to_owned(),
        }
    }
}

/// Whether a line belongs to the output of the test above.
fn is_output(line: &str) -> bool {
    let is_heading =
        line.starts_with("  stdout ") || line.starts_with("  stderr ") || line.starts_with("  output ");
    let is_text = line.trim().is_empty() || line.starts_with("    ");
    is_heading || (is_text && !is_status(line))
}

/// `        SLOW [>  1.000s] …`: any word of nextest, right-aligned before a time.
fn is_status(line: &str) -> bool {
    let Some((status, rest)) = line.trim_start().split_once(" [") else { return false };
    let is_aligned = line.len() - line.trim_start().len() + status.len() == 12;
    is_aligned && rest.trim_start_matches(['>', ' ']).starts_with(|c: char| c.is_ascii_digit())
}

/// A panic of a test, or of a thread that it started.
struct Panic<'a> {
    thread: &'a str,
    place: &'a str,
    lines: Vec<&'a str>,
}

impl Panic<'_> {
    /// The message in one line, with the two values of an assertion.
    fn message(&self) -> String {
        let mut message = String::new();
        for line in self.lines.iter().map(|line| line.trim()) {
            let is_value = line.starts_with("left: ") || line.starts_with("right: ");
            message += match (message.is_empty(), is_value) {
                (true, _) => "",
                (false, true) => "; ",
                (false, false) => " ",
            };
            message += line;
        }
        message
    }
}

/// The panic that failed a test: that of its own thread, unless it only passes on another's.
fn panic<'a>(output: &[&'a str], test: &str) -> Option<Panic<'a>> {
    let mut panics = output.iter().enumerate().filter_map(|(index, line)| {
        // `thread 'name' (7504) panicked at path:line:column:`; older ones have no number.
        let (thread, rest) = line.strip_prefix("    thread '")?.split_once('\'')?;
        let place = rest.split_once("panicked at ")?.1;
        let lines = output[index + 1..].iter().take_while(|line| !ends_panic(line)).copied().collect();
        Some(Panic { thread, place, lines })
    });
    let first = panics.next()?;
    let passes_on = |panic: &Panic| panic.lines.iter().any(|line| line.contains("value: Any { .. }"));
    if first.thread == test {
        return Some(first);
    }
    Some(panics.find(|panic| panic.thread == test && !passes_on(panic)).unwrap_or(first))
}

fn ends_panic(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line == "stack backtrace:" || line.starts_with("note: run with `RUST_BACKTRACE")
}

/// Of a test that did not panic: the error it returned, a missing panic, or why its process ended.
fn unwrapped<'a>(output: &[&'a str]) -> Option<(Option<&'a str>, &'a str)> {
    let lines = || output.iter().map(|line| line.trim());
    let missing = "note: test did not panic as expected";
    if let Some(line) = lines().find(|line| line.starts_with(missing)) {
        return Some((
            line.strip_prefix(missing)?.trim_start().strip_prefix("at "),
            "it did not panic as expected",
        ));
    }
    // The main function of tests prints it last.
    let returned = lines().filter_map(|line| line.strip_prefix("Error: ")).next_back();
    let crashed =
        || lines().find(|line| line.starts_with("thread '") && line.contains("has overflowed its stack"));
    returned.or_else(crashed).map(|message| (None, message))
}
