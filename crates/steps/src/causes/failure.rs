//! Our own failures: `Tried:`, `Failed:` and `Next:`, `squall-schema failed: …` and panics. All but
//! panics count only if no tool names anything more exact.

use super::{
    Cause, Rank,
    log::{Folder, Log, location},
};

/// What xtask says of a command that it ran.
const EXITED: &str = "it exited with ";

/// The most lines of one part.
const PART_LIMIT: usize = 10;

/// A failure as `squall_base::failure` prints it.
pub fn failure(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let line = log.line(index);
    let Some(tried) = line.strip_prefix("Tried:") else {
        let message = reason(line)?;
        return Some((Rank::General, Cause::new(None, None, &log.shorten(message))));
    };
    let tried = part(log, tried, index);
    let failed = (index + 1..index + 1 + PART_LIMIT).find(|at| log.line(*at).starts_with("Failed:"))?;
    let failed = part(log, log.line(failed).trim_start_matches("Failed:"), failed);
    let rank = if failed.starts_with(EXITED) { Rank::Exit } else { Rank::General };
    let message = log.shorten(&format!("{tried}: {}", failed.trim_end_matches("; its output is above")));
    Some((rank, Cause::new(None, None, &message)))
}

/// What follows `squall-schema failed: `, or the `ERROR: ` of an image's build.
fn reason(line: &str) -> Option<&str> {
    if let Some(reason) = line.strip_prefix("ERROR: ") {
        return Some(reason);
    }
    let (program, reason) = line.split_once(" failed: ")?;
    (program.starts_with("squall-") && !program.contains(' ')).then_some(reason)
}

/// A panic of a program, with its message in the next line. Those of tests are indented.
pub fn panic(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let line = log.line_of_tool(index)?.strip_prefix("thread '")?;
    let (path, line, _) = location(line.split_once(" panicked at ")?.1)?;
    let message = log.after(index).next().unwrap_or_default();
    let cause = Cause::new(log.file(path, Folder::Workspace), Some(line), &format!("panicked: {message}"));
    Some((Rank::Exact, cause))
}

/// A part with its further lines, which are indented.
fn part(log: &Log, first: &str, index: usize) -> String {
    let further = log.after(index).take(PART_LIMIT).take_while(|line| line.starts_with("        "));
    further.fold(first.trim().to_owned(), |text, line| text + " " + line.trim())
}
