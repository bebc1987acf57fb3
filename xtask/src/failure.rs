//! Failures of a command: what was tried, what failed, what to do next. And what it left out.

pub use squall_base::failure::{Exit, Failure, OrFail};

/// Starts a line of a command's output that names what it left out, and why; `ci` reports it.
pub const SKIPPED: &str = "skipped: ";

/// Any error of a command as a failure. One that already is a failure keeps its own, more exact
/// parts.
pub fn of_command(error: anyhow::Error, command: &str) -> Failure {
    let next = "fix the cause named above, then run the command again; `cargo xtask doctor` shows what is missing \
                on this machine";
    Failure::from_error(error, format!("cargo xtask {command}"), next)
}
