//! Finds statements in a migration that would harm a database in use.
//!
//! While a migration runs, the api and the worker of the last release keep reading and writing. A statement that
//! holds a lock for long stops them; one that removes something breaks them. The linter needs no database: it reads
//! the files, applies Squawk's rules and Squall's own, and knows which objects earlier files created.
//!
//! An exception is on the line above the statement: `-- lint: allow RULE because REASON`. An exception without a
//! reason, or one that allows nothing, is a finding itself.

mod file;
mod syntax;
mod history;
mod rules;
mod squawk;
mod indexes;
mod constraints;
mod timeouts;
mod rewrites;
mod exceptions;
mod diagnostic;

pub use file::MigrationFile;
pub use rules::OWN_RULES;

use diagnostic::Diagnostic;
use file::ParsedFile;
use history::History;

/// What the linter reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file's name.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The rule's id, by which an exception names it: `squall-lock-timeout`.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// Why it matters, or what to write instead.
    pub help: String,
}

/// Lints `files`, in order of their version. The first `exempt` of them run on an empty database: they are only
/// read to learn which objects exist.
pub fn lint(files: &[MigrationFile<'_>], exempt: usize) -> Vec<Finding> {
    let parsed: Vec<_> = files.iter().map(ParsedFile::parse).collect();
    let mut history = History::default();
    let mut findings = Vec::new();
    for (index, file) in parsed.iter().enumerate() {
        let mut diagnostics = file.syntax_errors();
        if index >= exempt {
            diagnostics.extend(squawk::check(file, &history));
            diagnostics.extend(indexes::check(file, &history));
            diagnostics.extend(constraints::check(file, &history, &parsed[index + 1..]));
            diagnostics.extend(timeouts::check(file));
            diagnostics.extend(rewrites::check(file, &history));
        }
        let mut remaining = exceptions::apply(file, diagnostics);
        remaining.sort_by_key(|diagnostic| diagnostic.span.start());
        findings.extend(remaining.into_iter().map(|diagnostic| finding(file, diagnostic)));
        history.learn(file);
    }
    findings
}

fn finding(file: &ParsedFile<'_>, diagnostic: Diagnostic) -> Finding {
    let Diagnostic { span, rule, message, help } = diagnostic;
    Finding { file: file.name.to_owned(), line: file.line(span.start()), rule, message, help }
}
