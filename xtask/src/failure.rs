//! Why a command failed, in the three parts a person needs: what was tried, what went wrong, what to do next.

use anyhow::Error;
use std::fmt;

/// How a command ends. The numbers are a contract with scripts; the help lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Failed = 1,
    Usage = 2,
    ToolMissing = 3,
    /// What it needs is not on this machine; nothing was found wrong.
    NotRun = 4,
    Interrupted = 130,
}

/// An error that is ready to be shown.
#[derive(Debug)]
pub struct Failure {
    tried: String,
    wrong: String,
    next: String,
    pub exit: Exit,
}

impl Failure {
    pub fn new(tried: impl Into<String>, wrong: impl Into<String>, next: impl Into<String>) -> Self {
        Self { tried: tried.into(), wrong: wrong.into(), next: next.into(), exit: Exit::Failed }
    }

    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Ends a command whose output has said everything already.
    pub fn silent(exit: Exit) -> Self {
        Self::new("", "", "").exit(exit)
    }

    /// Any error as a failure; one that nobody foresaw gets its first part from the command.
    pub fn from_error(error: Error, command: &str) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::new(
                format!("cargo xtask {command}"),
                format!("{error:#}"),
                "check what the message names, then run the command again; `cargo xtask doctor` shows what this machine lacks",
            ),
        }
    }

    /// Its last part, for a table that has no room for the others.
    pub fn next_step(&self) -> &str {
        &self.next
    }

    /// What went wrong, for a failure that says more around it.
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    pub fn is_silent(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, text) in [("Tried: ", &self.tried), ("Failed:", &self.wrong), ("Next:  ", &self.next)] {
            // Further lines stand under the first, so that the labels can be found at a glance.
            writeln!(f, "{label} {}", text.trim_end().replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

/// Gives an error its other two parts.
pub trait OrFail<T> {
    fn or_fail(self, tried: impl Into<String>, next: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<Error>> OrFail<T> for Result<T, E> {
    /// A failure further down keeps its own, more exact parts.
    fn or_fail(self, tried: impl Into<String>, next: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| {
            let error: Error = error.into();
            match error.downcast::<Failure>() {
                Ok(failure) => failure.into(),
                Err(error) => Failure::new(tried, format!("{error:#}"), next).into(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_failure_shows_three_parts_in_order_and_nothing_else() {
        let failure =
            Failure::new("starting api", "it ended with status 1:\nno database", "start PostgreSQL");
        let expected = "Tried:  starting api\nFailed: it ended with status 1:\n        no database\nNext:   start PostgreSQL\n";
        assert_eq!(failure.to_string(), expected);
    }

    #[test]
    fn an_unforeseen_error_gets_all_three_parts() {
        let failure = Failure::from_error(anyhow!("disk full").context("writing state.json"), "up");
        let shown = failure.to_string();
        assert!(
            shown.starts_with("Tried:  cargo xtask up\nFailed: writing state.json: disk full\nNext:   "),
            "{shown}"
        );
        assert_eq!(failure.exit, Exit::Failed);
    }

    #[test]
    fn the_innermost_failure_keeps_its_parts() {
        let inner: anyhow::Result<()> = Err(Failure::new("a", "b", "c").exit(Exit::ToolMissing).into());
        let error = inner.or_fail("x", "y").unwrap_err();
        assert_eq!(Failure::from_error(error, "up").to_string(), "Tried:  a\nFailed: b\nNext:   c\n");
    }
}
