//! Why a program failed, in the three parts its user needs: what was tried, what failed, what to do
//! next.

use anyhow::Error;
use std::{fmt, process::ExitCode};

/// Exit codes. Scripts rely on these numbers; `cargo xtask help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command ran and failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A program that the command calls is not installed.
    ToolMissing = 3,
    /// This machine cannot run the command; nothing was found wrong.
    NotRun = 4,
    /// The user pressed Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that is ready to be shown. It must not hold a secret.
#[derive(Debug)]
pub struct Failure {
    /// What was being done: "writing data.dump.zst to /backups".
    pub tried: String,
    /// What went wrong; one line for each problem.
    pub failed: String,
    /// What the reader should do now.
    pub next: String,
    /// How the process ends.
    pub exit: Exit,
}

impl Failure {
    /// A failure that ends the process with [`Exit::Failed`].
    pub fn new(tried: impl Into<String>, failed: impl fmt::Display, next: impl Into<String>) -> Self {
        Self { tried: tried.into(), failed: failed.to_string(), next: next.into(), exit: Exit::Failed }
    }

    /// Sets the exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Ends a command whose output has already said everything.
    pub fn silent(exit: Exit) -> Self {
        Self::new("", "", "").exit(exit)
    }

    /// Whether there is nothing left to show.
    pub fn is_silent(&self) -> bool {
        self.failed.is_empty()
    }

    /// Any error as a failure. A [`Failure`] keeps its own parts, which are more exact.
    pub fn from_error(error: Error, tried: impl Into<String>, next: impl Into<String>) -> Self {
        error.downcast().unwrap_or_else(|error| Self::new(tried, format!("{error:#}"), next))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, text) in [("Tried: ", &self.tried), ("Failed:", &self.failed), ("Next:  ", &self.next)] {
            // Further lines are indented so that the three labels stand out.
            writeln!(f, "{label} {}", text.trim_end().replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Prints the error that ended `program` to standard error and returns the exit code.
pub fn report(program: &str, error: &Error) -> ExitCode {
    match error.downcast_ref::<Failure>() {
        Some(failure) => {
            if !failure.is_silent() {
                eprint!("{failure}");
            }
            failure.exit.into()
        }
        None => {
            eprintln!("{program} failed: {error:#}");
            Exit::Failed.into()
        }
    }
}

/// Turns an error into a [`Failure`].
pub trait OrFail<T> {
    /// Adds what was tried and what to do next.
    ///
    /// # Errors
    /// The error as a [`Failure`]; a failure from further down keeps its own parts.
    fn or_fail(self, tried: impl Into<String>, next: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<Error>> OrFail<T> for Result<T, E> {
    fn or_fail(self, tried: impl Into<String>, next: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| Failure::from_error(error.into(), tried, next).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_failure_shows_its_three_parts_in_order() {
        let failure =
            Failure::new("starting api", "it ended with status 1:\nno database", "start PostgreSQL");
        let expected = "Tried:  starting api\nFailed: it ended with status 1:\n        no database\nNext:   start PostgreSQL\n";
        assert_eq!(failure.to_string(), expected);
    }

    #[test]
    fn any_error_gets_all_three_parts_and_its_causes() {
        let error = anyhow!("disk full").context("writing state.json");
        let failure = Failure::from_error(error, "cargo xtask up", "free some space");
        assert_eq!(
            failure.to_string(),
            "Tried:  cargo xtask up\nFailed: writing state.json: disk full\nNext:   free some space\n"
        );
        assert_eq!(failure.exit, Exit::Failed);
    }

    #[test]
    fn the_innermost_failure_keeps_its_parts() {
        let inner: Result<(), _> = Err(Failure::new("a", "b", "c").exit(Exit::ToolMissing));
        let failure = Failure::from_error(inner.or_fail("x", "y").unwrap_err(), "x", "y");
        assert_eq!((failure.tried.as_str(), failure.exit), ("a", Exit::ToolMissing));
    }
}
