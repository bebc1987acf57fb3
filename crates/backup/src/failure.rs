//! Failures with what was tried, what went wrong and what to do next. They hold no credentials:
//! addresses come from [`crate::store::Store::location`].

use squall_base::Failure;
use std::{error::Error, fmt, io};

/// A [`Failure`] as an error.
pub fn failure(
    tried: impl Into<String>,
    failed: impl fmt::Display,
    next: impl Into<String>,
) -> anyhow::Error {
    Failure::new(tried, failed, next).into()
}

/// An error as a [`Failure`] for the user, including the contexts that were added to it on the way.
#[must_use]
pub fn with_contexts(error: &anyhow::Error, tried: &str) -> Failure {
    let Some(inner) = error.downcast_ref::<Failure>() else {
        return Failure::new(
            tried,
            format!("{error:#}"),
            "fix the cause named above, then run the command again",
        );
    };
    let contexts = error.chain().take_while(|cause| !cause.is::<Failure>()).map(ToString::to_string);
    let lines: Vec<_> = std::iter::once(inner.failed.clone()).chain(contexts).collect();
    Failure::new(&inner.tried, lines.join("\n"), &inner.next).exit(inner.exit)
}

/// An error within a sentence or a table.
#[must_use]
pub fn inline(error: &anyhow::Error) -> String {
    let part = |cause: &(dyn Error + 'static)| match cause.downcast_ref::<Failure>() {
        Some(Failure { tried, failed, next, .. }) => {
            format!("{tried}: {}; {next}", failed.trim_end_matches('.'))
        }
        None => cause.to_string(),
    };
    error.chain().map(part).collect::<Vec<_>>().join(": ")
}

/// What to do after a failed write.
pub fn advice_after_write(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space there or choose another location with --to, then run the command again"
        }
        io::ErrorKind::PermissionDenied => "allow this user to write there, then run the command again",
        _ => "check the location, then run the command again",
    }
}

/// Work was cancelled because another part failed, or because the user asked for it.
#[derive(Debug)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("cancelled because another part failed")
    }
}

impl Error for Cancelled {}

/// When no part failed, it was the user who cancelled the work.
pub(crate) fn explain_cancelled(error: anyhow::Error, tried: &str) -> anyhow::Error {
    if error.is::<Cancelled>() {
        failure(tried, "it was stopped on request", "run the command again when convenient")
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contexts_of_a_failure_are_shown() {
        let error = failure("connecting", "refused.", "start it").context("no backup was made");
        assert_eq!(
            with_contexts(&error, "").to_string(),
            "Tried:  connecting\nFailed: refused.\n        no backup was made\nNext:   start it\n"
        );
        assert_eq!(inline(&error), "no backup was made: connecting: refused; start it");
        let other = anyhow::anyhow!("disk full").context("writing");
        assert_eq!(with_contexts(&other, "create").failed, "writing: disk full");
        assert_eq!(inline(&other), "writing: disk full");
    }
}
