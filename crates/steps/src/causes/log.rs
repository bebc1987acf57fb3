//! A log as its readers see it: lines of bounded number and length, without colours, and paths from
//! the root of the repository.

use std::path::Path;

/// The most bytes that are read of a log, half of them from its end. A usual log is below 1 MB; this
/// much takes a second at worst, in a build without optimization.
const LOG_LIMIT: usize = 4 << 20;

/// The most bytes that are read of a line. Longer ones are data, not messages.
const LINE_LIMIT: usize = 4 << 10;

/// How far a finding may reach. The longest real ones are backtraces and printed pages.
const BLOCK_LIMIT: usize = 400;

/// The folder that a tool's paths start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// The root of the repository.
    Root,
    /// The folder of the web app.
    Web,
    /// A workspace of Rust: the root, or xtask, which has a `src` of its own.
    Workspace,
}

/// The lines of a log.
pub struct Log {
    lines: Vec<String>,
    /// Which lines a runner of tests printed: tests print anything.
    in_tests: Vec<bool>,
    /// With a slash at its end.
    root: String,
}

impl Log {
    pub fn new(text: &str, root: &Path) -> Self {
        let root = format!("{}/", root.to_string_lossy().trim_end_matches('/'));
        let mut lines: Vec<String> = Vec::new();
        for part in bounded(text, LOG_LIMIT) {
            lines.extend(part.lines().map(|line| plain(cut(line, LINE_LIMIT))));
        }
        let in_tests = in_tests(&lines);
        Self { lines, in_tests, root }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn line(&self, index: usize) -> &str {
        self.lines.get(index).map_or("", String::as_str)
    }

    /// A line that no test printed.
    pub fn line_of_tool(&self, index: usize) -> Option<&str> {
        (self.in_tests.get(index) == Some(&false)).then(|| self.line(index))
    }

    /// The lines after one, up to the limit of a finding.
    pub fn after(&self, index: usize) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(index + 1).take(BLOCK_LIMIT).map(String::as_str)
    }

    /// A printed path from the root of the repository; none if it is outside of it.
    pub fn file(&self, path: &str, folder: Folder) -> Option<String> {
        let path = path.trim().strip_prefix("file://").unwrap_or(path.trim());
        if let Some(inside) = path.strip_prefix(&self.root) {
            return Some(inside.to_owned()).filter(|inside| !inside.is_empty());
        }
        let path = path.strip_prefix("./").unwrap_or(path);
        if path.is_empty() || path.starts_with('/') || path.contains("://") {
            return None;
        }
        let prefix = match folder {
            Folder::Web => "web/",
            // The root has no src folder.
            Folder::Workspace if path.starts_with("src/") => "xtask/",
            Folder::Root | Folder::Workspace => "",
        };
        // Both folders with tools of their own are right below the root.
        Some(path.strip_prefix("../").map_or_else(|| format!("{prefix}{path}"), str::to_owned))
    }

    /// A text of a tool with paths from the root, as [`Self::file`] gives them.
    pub fn shorten(&self, text: &str) -> String {
        text.replace(&self.root, "")
    }
}

/// Splits `path:line`, `path:line:column`, and what follows.
pub fn location(text: &str) -> Option<(&str, u32, &str)> {
    for (at, _) in text.match_indices(':') {
        if let Some((line, rest)) = number(&text[at + 1..]) {
            let rest = rest.strip_prefix(':').and_then(number).map_or(rest, |(_, rest)| rest);
            return Some((&text[..at], line, rest));
        }
    }
    None
}

/// The number at the beginning of a text, and what follows.
pub fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// A whole text, or its beginning and its end.
fn bounded(text: &str, limit: usize) -> Vec<&str> {
    if text.len() <= limit {
        return vec![text];
    }
    let mut end = text.len() - limit / 2;
    while !text.is_char_boundary(end) {
        end += 1;
    }
    vec![cut(text, limit / 2), &text[end..]]
}

fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A line as a terminal leaves it: without escape sequences, and after the last return to its start.
fn plain(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    if !line.contains('\x1b') {
        return line.to_owned();
    }
    let (mut text, mut rest) = (String::with_capacity(line.len()), line.chars());
    while let Some(c) = rest.next() {
        if c != '\x1b' {
            text.push(c);
            continue;
        }
        match rest.next() {
            // `ESC [ … letter`: colours and movements.
            Some('[') => drop(rest.by_ref().find(|c| ('@'..='~').contains(c))),
            // `ESC ] … BEL` or `ESC ] … ESC \`: titles and links.
            Some(']') => {
                let end = rest.by_ref().find(|c| matches!(c, '\x07' | '\x1b'));
                if end == Some('\x1b') {
                    rest.next();
                }
            }
            // `ESC ( B`: character sets.
            Some('(' | ')') => drop(rest.next()),
            _ => {}
        }
    }
    text
}

/// Which lines stand between the first and the last line of a runner of tests.
fn in_tests(lines: &[String]) -> Vec<bool> {
    let mut runner = None;
    let mut of = |line: &String| {
        let begun = RUNNERS.iter().position(|(begins, _)| begins(line));
        let is_last = runner.is_some_and(|index: usize| RUNNERS[index].1(line));
        runner = if is_last { None } else { begun.or(runner) };
        runner.is_some()
    };
    lines.iter().map(&mut of).collect()
}

type IsLine = fn(&str) -> bool;

/// How nextest, Vitest and Playwright begin and end.
const RUNNERS: [(IsLine, IsLine); 3] = [
    (
        |line| line.starts_with("    Starting ") && line.contains(" across "),
        |line| line.starts_with("     Summary ["),
    ),
    (|line| line.starts_with(" RUN  v"), |line| line.starts_with("   Duration ")),
    (
        |line| line.starts_with("Running ") && line.contains(" using ") && line.contains(" worker"),
        |line| {
            let rest = number(line.trim_start()).map_or("", |(_, rest)| rest);
            line.starts_with("  ") && (rest == " failed" || rest.starts_with(" passed"))
        },
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_escape_sequences_and_what_was_overwritten() {
        for (line, expected) in [
            ("\x1b[1m\x1b[91merror\x1b[0m: no", "error: no"),
            ("\x1b[31m-a\x1b(B\x1b[m", "-a"),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"),
            ("10 %\r100 %\r", "100 %"),
            ("cut\x1b[3", "cut"),
            ("cut\x1b", "cut"),
        ] {
            assert_eq!(plain(line), expected);
        }
    }

    #[test]
    fn a_location_has_a_line_and_maybe_a_column() {
        for (text, expected) in [
            ("a/b.rs:3:14", Some(("a/b.rs", 3, ""))),
            ("a/b.rs:3: no", Some(("a/b.rs", 3, ": no"))),
            ("C:\\b.rs:3:1: no", Some(("C:\\b.rs", 3, ": no"))),
            ("a/b.rs:", None),
            ("a:99999999999", None),
        ] {
            assert_eq!(location(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_starts_at_the_root_of_the_repository() {
        let log = Log::new("", Path::new("/repo/"));
        for (path, folder, expected) in [
            ("/repo/api/src/a.rs", Folder::Web, Some("api/src/a.rs")),
            ("src/a.tsx", Folder::Web, Some("web/src/a.tsx")),
            ("../migrations/a.sql", Folder::Web, Some("migrations/a.sql")),
            ("src/a.rs", Folder::Workspace, Some("xtask/src/a.rs")),
            ("./crates/a.rs", Folder::Workspace, Some("crates/a.rs")),
            ("/repository/a.rs", Folder::Root, None),
            ("http://a.rs", Folder::Root, None),
        ] {
            assert_eq!(log.file(path, folder).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn of_a_huge_text_the_beginning_and_the_end_are_read() {
        let text = format!("a{}z", "é".repeat(50));
        let parts = bounded(&text, 20);
        assert!(parts[0].starts_with('a') && parts[1].ends_with('z'));
        assert!(parts.iter().map(|part| part.len()).sum::<usize>() <= 20);
    }
}
