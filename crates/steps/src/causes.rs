//! The causes of a failed step, read from its log: what a person must see first.
//!
//! The flow: take the log without colours, as lines ([`log`]) → ask each tool's reader at each line →
//! keep the most exact findings, once each and in their order.

mod log;
mod compiler;
mod nextest;
mod typescript;
mod biome;
mod vitest;
mod vite;
mod playwright;
mod findings;
mod failure;

use log::Log;
use std::path::Path;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cause {
    /// From the root of the repository.
    pub file: Option<String>,
    /// Counted from 1.
    pub line: Option<u32>,
    /// One line.
    pub message: String,
    /// The command that repeats just this, if there is one.
    pub repeat: Option<String>,
}

/// The most causes of one step: GitHub shows ten annotations of a step, and a person reads fewer.
pub const CAUSES_LIMIT: usize = 10;

/// The most characters of a message: about four lines of a terminal.
pub const MESSAGE_LIMIT: usize = 300;

/// The message of rustfmt's and Biome's findings; one is enough for a file.
const NOT_FORMATTED: &str = "not formatted; `cargo xtask fmt` formats it";

/// How exact a finding is. Less exact ones count only if a log has nothing better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// A tool names what is wrong, mostly with its place.
    Exact,
    /// A command gives a reason without a place, or a linter warns.
    General,
    /// A command reports that another one failed.
    Exit,
}

/// Reads the finding that begins at a line, if one does.
type Reader = fn(&Log, usize) -> Option<(Rank, Cause)>;

const READERS: &[Reader] = &[
    compiler::diagnostic,
    compiler::unformatted,
    nextest::failed_test,
    typescript::diagnostic,
    biome::diagnostic,
    vitest::failed_test,
    vitest::unhandled,
    vite::build_error,
    playwright::failed_test,
    findings::finding,
    failure::failure,
    failure::panic,
];

/// The first causes in the log of a failed step, whatever tools it ran; `root` is the absolute path
/// of the repository in that log.
pub fn of(log: &str, root: &Path) -> Vec<Cause> {
    let log = Log::new(log, root);
    let mut ranks = [Rank::Exact, Rank::General, Rank::Exit].map(|rank| (rank, Vec::new()));
    for index in 0..log.len() {
        for (found, cause) in READERS.iter().filter_map(|read| read(&log, index)) {
            for (rank, causes) in &mut ranks {
                if *rank == found && causes.len() < CAUSES_LIMIT && !is_known(&cause, causes) {
                    causes.push(cause.clone());
                }
            }
        }
        if ranks[0].1.len() == CAUSES_LIMIT {
            break;
        }
    }
    ranks.into_iter().map(|(_, causes)| causes).find(|causes| !causes.is_empty()).unwrap_or_default()
}

/// Whether the same thing was reported before: cargo repeats a diagnostic for each target, nextest
/// repeats failed tests in its summary.
fn is_known(cause: &Cause, known: &[Cause]) -> bool {
    // Vitest's command repeats a whole file, those of the others a single test.
    let names_a_test = cause.repeat.as_ref().is_some_and(|command| !command.starts_with(vitest::COMMAND));
    known.iter().any(|other| {
        let is_again = cause.message == other.message && cause.file == other.file;
        let is_same_place = cause.line == other.line || cause.message == NOT_FORMATTED;
        (is_again && is_same_place) || (names_a_test && cause.repeat == other.repeat)
    })
}

impl Cause {
    /// A cause without a command that repeats it. The message becomes one line of bounded length.
    fn new(file: Option<String>, line: Option<u32>, message: &str) -> Self {
        // A line in a file that nobody can open helps nobody.
        let line = file.is_some().then_some(line).flatten().filter(|line| *line > 0);
        Self { file, line, message: one_line(message), repeat: None }
    }

    fn repeated_by(mut self, command: String) -> Self {
        self.repeat = Some(command);
        self
    }
}

/// A text without line ends and other control characters, cut at [`MESSAGE_LIMIT`].
fn one_line(text: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    let words: Vec<_> = text.split(is_gap).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MESSAGE_LIMIT) {
        Some(_) => line.chars().take(MESSAGE_LIMIT - 1).chain(['…']).collect(),
        None => line,
    }
}

#[cfg(test)]
pub(crate) mod tests;
