//! What a migration may not do to a database that is being used.
//!
//! While a migration runs, the api and the worker of the last release keep reading and writing. A statement that
//! holds a lock for long stops them; one that takes something away breaks them. The linter reads the files alone,
//! without a database: Squawk's rules, and Squall's own, which know what the former files made.
//!
//! A rule can be wrong about one statement. Then the line above the statement says so, and why:
//! `-- lint: allow RULE because REASON`. An exception without a reason, or for nothing, is a finding itself.

mod file;
mod history;
mod squawk;
mod indexes;
mod constraints;
mod timeouts;
mod rewrites;
mod exceptions;

use file::{Fault, ParsedFile};
use history::History;

/// One migration file as the linter sees it.
#[derive(Debug, Clone, Copy)]
pub struct MigrationFile<'a> {
    /// Its name: `0002_add_owner.sql`.
    pub name: &'a str,
    /// Its text.
    pub sql: &'a str,
}

/// One thing a migration should not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the file.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The id by which an exception names the rule: `squall-lock-timeout`.
    pub rule: String,
    /// What is wrong.
    pub what: String,
    /// Why it matters, or what to write instead.
    pub why_or_fix: String,
}

/// The rules of Squall itself, in the order of the documentation. The others are Squawk's.
pub const OWN_RULES: [&str; 8] = [
    file::SYNTAX,
    indexes::ONLINE,
    indexes::ALONE,
    constraints::NOT_NULL_STEPS,
    constraints::NOT_VALID_FIRST,
    timeouts::LOCK_TIMEOUT,
    rewrites::EVENTS_REWRITE,
    exceptions::EXCEPTION,
];

/// Lints `files`, in order of their version. The first `exempt` of them run on a database that nobody uses yet:
/// they only teach the linter which tables there are.
pub fn lint(files: &[MigrationFile<'_>], exempt: usize) -> Vec<Finding> {
    let parsed: Vec<_> = files.iter().map(ParsedFile::parse).collect();
    let mut history = History::default();
    let mut findings = Vec::new();
    for (at, file) in parsed.iter().enumerate() {
        let mut faults = file.syntax_faults();
        if at >= exempt {
            faults.extend(squawk::check(file, &history));
            faults.extend(indexes::check(file, &history));
            faults.extend(constraints::check(file, &history, &parsed[at + 1..]));
            faults.extend(timeouts::check(file));
            faults.extend(rewrites::check(file, &history));
        }
        let mut left = exceptions::apply(file, faults);
        left.sort_by_key(|fault| fault.at.start());
        findings.extend(left.into_iter().map(|fault| finding(file, fault)));
        history.learn(file);
    }
    findings
}

fn finding(file: &ParsedFile<'_>, fault: Fault) -> Finding {
    let Fault { at, rule, what, why_or_fix } = fault;
    Finding { file: file.name.to_owned(), line: file.line(at.start()), rule, what, why_or_fix }
}
