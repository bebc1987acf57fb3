//! What is printed in the form of rustc: rustc itself, clippy, rustdoc, cargo, cargo-deny, zizmor. And
//! rustfmt.

use super::{
    Cause, NOT_FORMATTED, Rank,
    log::{Folder, Log, location, number},
};

/// How far below its message a diagnostic's place is. A message may have some lines.
const PLACE_LIMIT: usize = 20;

/// Errors without a place that only repeat what stands above them.
const ECHOES: &[&str] = &[
    "aborting due to",
    "build failed",
    "command `",
    "could not compile",
    "could not document",
    "failed to load manifest for workspace member",
    "test failed, to rerun pass",
    "test run failed",
];

/// `error[E0308]: mismatched types`, and its place in a line below.
pub fn diagnostic(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let (code, message) = header(log.line_of_tool(index)?)?;
    if ECHOES.iter().any(|echo| message.starts_with(echo)) {
        return None;
    }
    let message = log.shorten(message);
    let block = || log.after(index).take(PLACE_LIMIT).take_while(|line| !ends_message(line));
    let detail =
        code.and_then(|_| block().find_map(label)).map_or(String::new(), |label| format!(": {label}"));
    let message = format!("{}{message}{detail}", code.map_or(String::new(), |code| format!("{code}: ")));
    let places: Vec<_> = block().filter_map(place).collect();
    let ours = places.iter().find_map(|(path, line)| Some((log.file(path, Folder::Workspace)?, *line)));
    match (ours, places.first()) {
        // cargo-deny counts the lines of a list of its own.
        (Some((file, _)), _) if file.ends_with("Cargo.lock") => {
            Some((Rank::Exact, Cause::new(Some(file), None, &message)))
        }
        (Some((file, line)), _) => Some((Rank::Exact, Cause::new(Some(file), Some(line), &message))),
        (None, Some((path, _))) => {
            let package = package_of_registry(path).map_or(String::new(), |name| format!("{name}: "));
            Some((Rank::Exact, Cause::new(None, None, &format!("{package}{message}"))))
        }
        (None, None) => Some((Rank::General, Cause::new(None, None, &message))),
    }
}

/// The code, if it has one, and the message of an error.
fn header(line: &str) -> Option<(Option<&str>, &str)> {
    let rest = line.strip_prefix("error")?;
    if let Some(message) = rest.strip_prefix(": ") {
        return Some((None, message));
    }
    let (code, message) = rest.strip_prefix('[')?.split_once("]: ")?;
    (!code.contains(' ')).then_some((Some(code), message))
}

fn ends_message(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with("error") || line.starts_with("warning")
}

/// The path and the line behind the arrow of rustc or of cargo-deny; `:::` leads from a macro to the
/// code that calls it.
fn place(line: &str) -> Option<(&str, u32)> {
    let line = line.trim_start();
    let text = ["--> ", "::: ", "┌─ "].iter().find_map(|arrow| line.strip_prefix(arrow))?;
    location(text).map(|(path, line, _)| (path, line))
}

/// What stands behind the marks below the code: `expected `String`, found `u32``.
fn label(line: &str) -> Option<&str> {
    let (marks, label) = line.trim_start().strip_prefix('|')?.rsplit_once("^ ")?;
    let is_marked = marks.chars().all(|c| matches!(c, ' ' | '|' | '-' | '^'));
    (is_marked && !label.starts_with("help: ")).then_some(label)
}

/// `foldhash-0.2.0` of `…/registry/src/…/foldhash-0.2.0/Cargo.toml`.
fn package_of_registry(path: &str) -> Option<&str> {
    path.split_once("/registry/src/")?.1.split('/').nth(1)
}

/// `Diff in api/src/main.rs:12:`, where 12 is the first line shown.
pub fn unformatted(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let place = log.line_of_tool(index)?.strip_prefix("Diff in ")?;
    // Older ones write `path at line 12:`.
    let (path, line) = match place.split_once(" at line ") {
        Some((path, line)) => (path, number(line)?.0),
        None => location(place).map(|(path, line, _)| (path, line))?,
    };
    let unchanged = log.after(index).take_while(|line| !line.starts_with(['+', '-'])).count();
    let line = line.saturating_add(u32::try_from(unchanged).unwrap_or_default());
    Some((Rank::Exact, Cause::new(log.file(path, Folder::Workspace), Some(line), NOT_FORMATTED)))
}
