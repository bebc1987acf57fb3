//! Vitest: a block for each failed test or file below `Failed Tests`.

use super::{
    Cause, Rank,
    log::{Folder, Log, location},
};

pub const COMMAND: &str = "cargo xtask test web";

/// ` FAIL  src/x.test.tsx > shows a count`, its error, and the frames that lead to it.
pub fn failed_test(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let title = title(log.line(index))?;
    let (test_file, name) = match title.split_once(" > ") {
        Some((file, name)) => (file, Some(name)),
        None => (title.split_once(" [ ").map_or(title, |(file, _)| file), None),
    };
    // Tests that fail for the same reason stand above one error.
    let block = || {
        let below = log.after(index).skip_while(|line| self::title(line).is_some());
        below.take_while(|line| self::title(line).is_none() && !line.starts_with('⎯'))
    };
    let error = block().map(str::trim).find(|line| !line.is_empty()).unwrap_or("failed");
    let error = error.strip_suffix(" // Object.is equality").unwrap_or(error);
    let (file, line) = place(log, block()).unwrap_or((log.file(test_file, Folder::Web)?, None));
    let name = name.map_or(String::new(), |name| format!("{name}: "));
    let cause = Cause::new(Some(file), line, &format!("{name}{}", log.shorten(error)));
    Some((Rank::Exact, cause.repeated_by(format!("{COMMAND} -- {test_file}"))))
}

/// `⎯⎯⎯⎯ Unhandled Rejection ⎯⎯⎯⎯⎯`: an error that belongs to no test.
pub fn unhandled(log: &Log, index: usize) -> Option<(Rank, Cause)> {
    let kind = log.line(index).strip_prefix('⎯')?.trim_matches(['⎯', ' ']);
    if !kind.starts_with("Unhandled ") || kind == "Unhandled Errors" {
        return None;
    }
    let block = || log.after(index).take_while(|line| !line.starts_with('⎯'));
    let error = block().map(str::trim).find(|line| !line.is_empty())?;
    let (file, line) = place(log, block()).map_or((None, None), |(file, line)| (Some(file), line));
    let cause = Cause::new(file, line, &format!("{}: {}", kind.to_lowercase(), log.shorten(error)));
    let origin = block().find_map(|line| line.strip_prefix("This error originated in \"")?.split('"').next());
    Some((
        Rank::Exact,
        match origin {
            Some(origin) => cause.repeated_by(format!("{COMMAND} -- {origin}")),
            None => cause,
        },
    ))
}

/// What follows ` FAIL `, without the name of a project.
fn title(line: &str) -> Option<&str> {
    let title = line.strip_prefix(" FAIL ")?.trim();
    let title = title.strip_prefix('|').and_then(|rest| rest.split_once('|')).map_or(title, |(_, rest)| rest);
    Some(title.trim()).filter(|title| title.contains(".test."))
}

/// The first frame in our code: ` ❯ parse src/x.test.tsx:19:26`. A file that does not compile has
/// `File: /repo/web/src/x.test.ts:1:24` instead.
fn place<'a>(log: &Log, block: impl Iterator<Item = &'a str>) -> Option<(String, Option<u32>)> {
    let frames = block.filter_map(|line| {
        let line = line.trim();
        let frame = line.strip_prefix("❯ ").or_else(|| line.strip_prefix("File: "))?;
        let (path, line, _) = location(frame.rsplit(' ').next()?)?;
        Some((log.file(path, Folder::Web)?, Some(line)))
    });
    frames.into_iter().find(|(file, _)| !file.contains("node_modules/"))
}
