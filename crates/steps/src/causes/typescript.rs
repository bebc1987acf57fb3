//! tsc, with and without its colours.

use super::{
    Cause, Rank,
    log::{Folder, Log, location, number},
};

/// `src/x.tsx(3,5): error TS2322: …`, `src/x.tsx:3:5 - error TS2322: …` or `error TS18003: …`.
pub fn diagnostic(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let line = log.line_of_tool(index)?;
    let at = line.find("error TS")?;
    let (place, message) = (&line[..at], &line[at + "error ".len()..]);
    let (code, _) = message.split_once(": ")?;
    number(code.strip_prefix("TS")?).filter(|(_, rest)| rest.is_empty())?;
    let (path, line) = match place.strip_suffix("): ").and_then(|place| place.rsplit_once('(')) {
        Some((path, position)) => (path, number(position)?.0),
        None if place.is_empty() => return Some((Rank::Exact, Cause::new(None, None, message))),
        None => location(place.strip_suffix(" - ")?).map(|(path, line, _)| (path, line))?,
    };
    Some((Rank::Exact, Cause::new(log.file(path, Folder::Web), Some(line), message)))
}
