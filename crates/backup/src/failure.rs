//! What a person reads when something went wrong: what was tried, what went wrong, what to do next.

use std::{error::Error, fmt, io};

/// A failure in three sentences. It keeps no credentials: addresses come from [`crate::store::Store::location`].
#[derive(Debug)]
pub struct Failure {
    /// What was being done: "writing data.dump.zst to /backups".
    pub tried: String,
    /// What went wrong, in the words of who noticed.
    pub wrong: String,
    /// What the reader does now.
    pub next: String,
}

impl Failure {
    /// A failure as an error that travels through `anyhow`.
    #[allow(clippy::new_ret_no_self, reason = "it is only ever thrown, and reads so where it is")]
    pub fn new(tried: impl Into<String>, wrong: impl fmt::Display, next: impl Into<String>) -> anyhow::Error {
        Self { tried: tried.into(), wrong: wrong.to_string(), next: next.into() }.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.wrong.trim_end().trim_end_matches('.');
        write!(formatter, "{}: {wrong}.\nNext: {}", self.tried, self.next)
    }
}

impl Error for Failure {}

/// The next step after a failed write, which differs for a full disk.
pub fn next_step_of_a_write(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space there or choose another place with --to, then run the command again"
        }
        io::ErrorKind::PermissionDenied => {
            "give this user the right to write there, then run the command again"
        }
        _ => "check the place and run the command again",
    }
}

/// Stands for work that was given up because a sibling failed first. It is never shown.
#[derive(Debug)]
pub struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("given up, as another part failed")
    }
}

impl Error for GivenUp {}

/// Says in words that the user asked for it.
pub(crate) fn stopped(error: anyhow::Error, tried: &str) -> anyhow::Error {
    if error.is::<GivenUp>() {
        Failure::new(tried, "it was stopped on request", "run the command again when it suits")
    } else {
        error
    }
}
