//! What went wrong, for the person who starts the edge: what was tried, what failed, what to do next.

use std::fmt;

/// A reason not to start, or not to be healthy.
#[derive(Debug)]
pub struct Failure {
    tried: String,
    problems: Vec<String>,
    next: String,
}

impl Failure {
    /// One problem.
    pub fn new(tried: impl Into<String>, problem: impl Into<String>, next: impl Into<String>) -> Self {
        Self::several(tried, vec![problem.into()], next)
    }

    /// All problems that were found at once.
    pub fn several(tried: impl Into<String>, problems: Vec<String>, next: impl Into<String>) -> Self {
        Self { tried: tried.into(), problems, next: next.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Tried:  {}", self.tried)?;
        for problem in &self.problems {
            writeln!(f, "Failed: {problem}")?;
        }
        writeln!(f, "Next:   {}", self.next)
    }
}
