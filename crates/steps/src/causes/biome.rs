//! Biome's lints, parse errors and formatting.

use super::{
    Cause, NOT_FORMATTED, Rank,
    log::{Folder, Log, location, number},
};

/// `src/x.tsx:5:11 lint/correctness/noUnusedVariables  FIXABLE  ━━━━━`, then `  × message`.
pub fn diagnostic(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let header = log.line_of_tool(index)?.trim_end().strip_suffix('━')?;
    let mut words = header.trim_end_matches('━').split_whitespace();
    let (place, category) = (words.next()?, words.next()?);
    let (path, line) = location(place).map_or((place, None), |(path, line, _)| (path, Some(line)));
    let file = log.file(path, Folder::Web);
    let below = || log.after(index).take_while(|line| !line.ends_with('━'));
    if category == "format" {
        let changed = below().find_map(changed_line);
        return Some((Rank::Exact, Cause::new(file, line.or(changed), NOT_FORMATTED)));
    }
    // With --error-on-warnings a warning fails, too; but it is the cause only if nothing else is.
    let message = |mark: &str| below().find_map(|line| line.strip_prefix(mark));
    let (rank, message) = match message("  × ") {
        Some(message) => (Rank::Exact, message),
        None => (Rank::General, message("  ! ")?),
    };
    Some((rank, Cause::new(file, line, &format!("{category}: {message}"))))
}

/// The line of `   12    │ - removed` or `      12 │ + added`.
fn changed_line(line: &str) -> Option<u32> {
    let (numbers, text) = line.split_once(" │ ")?;
    if !text.starts_with(['+', '-']) {
        return None;
    }
    Some(number(numbers.trim())?.0)
}
