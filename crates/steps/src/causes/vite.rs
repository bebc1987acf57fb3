//! Vite's build.

use super::{
    Cause, Rank,
    log::{Folder, Log, location},
};

/// `[UNRESOLVED_IMPORT] Could not resolve './x' in src/y.ts`, then `   ╭─[ src/y.ts:1:22 ]`.
pub fn build_error(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let header = log.line_of_tool(index)?;
    let (_, message) = header.strip_prefix('[')?.split_once("] ")?;
    let place = log.after(index).next()?.trim_start().strip_prefix("╭─[")?;
    let (path, line, _) = location(place.trim())?;
    Some((Rank::Exact, Cause::new(log.file(path, Folder::Web), Some(line), message)))
}
