//! Playwright: a numbered block for each failed test.

use super::{
    Cause, Rank,
    log::{Folder, Log, location, number},
};

/// `  1) [signed-in] › e2e/x.spec.ts:8:3 › the page › shows three issues ─────`, its error, the code
/// around it and the frames that lead to it.
pub fn failed_test(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let (path, line, title) = header(log.line(index))?;
    let block = || log.after(index).take_while(|line| header(line).is_none() && !is_summary(line));
    let test = log.file(path, Folder::Web)?;
    let (file, at) = block().find_map(|line| frame(log, line)).unwrap_or((test, line));
    let message = format!("{title}: {}", error(block()));
    let command = format!("cargo xtask test browser -- {path}:{line}");
    Some((Rank::Exact, Cause::new(Some(file), Some(at), &log.shorten(&message)).repeated_by(command)))
}

/// The path, the line and the title of a test.
fn header(line: &str) -> Option<(&str, u32, &str)> {
    let (_, rest) = number(line.strip_prefix("  ")?.trim_start())?;
    let rest = rest.strip_prefix(") ")?;
    let rest = rest.strip_prefix('[').and_then(|rest| rest.split_once("] › ")).map_or(rest, |(_, rest)| rest);
    let (path, line, title) = location(rest)?;
    Some((path, line, title.strip_prefix(" › ")?.trim_end_matches(['─', ' '])))
}

/// `  3 failed`, after all blocks.
fn is_summary(line: &str) -> bool {
    let summary = line.strip_prefix("  ").and_then(number).map(|(_, rest)| rest);
    matches!(summary, Some(" failed" | " flaky" | " skipped"))
        || summary.is_some_and(|rest| rest.starts_with(" passed"))
}

/// `at /repo/web/e2e/x.spec.ts:10:31` or `at name (path:10:31)`, in our code.
fn frame(log: &Log, line: &str) -> Option<(String, u32)> {
    let frame = line.trim().strip_prefix("at ")?;
    let place = frame.rsplit_once('(').map_or(frame, |(_, place)| place.trim_end_matches(')'));
    let (path, line, _) = location(place)?;
    let file = log.file(path, Folder::Web)?;
    (!file.contains("node_modules/")).then_some((file, line))
}

/// The first line of an error, with what was expected. A test that ran out of time has two errors; the
/// second one names what it waited for.
fn error<'a>(block: impl Iterator<Item = &'a str>) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for line in block.map(str::trim) {
        // The code around the place follows.
        if line.starts_with("> ") || line.starts_with("at ") {
            break;
        }
        let is_part = parts.is_empty() && !line.is_empty()
            || ["Error: ", "Locator: ", "Expected", "Received"].iter().any(|label| line.starts_with(label));
        if is_part {
            let line = line.strip_prefix("Error: ").unwrap_or(line);
            let line = line.strip_suffix(" // Object.is equality").unwrap_or(line);
            parts.push(line.trim_end_matches('.'));
        }
    }
    parts.join("; ")
}
