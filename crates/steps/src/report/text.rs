//! Values as words, for each form of a report.

use super::{Status, StepReport};
use crate::{causes::Cause, store::StoredResult};
use std::time::{Duration, SystemTime};

impl StoredResult {
    /// `ran 4 min ago in 37.0 s`.
    pub fn when(&self) -> String {
        let finished = SystemTime::UNIX_EPOCH + Duration::from_secs(self.finished);
        let seconds = SystemTime::now().duration_since(finished).unwrap_or_default().as_secs();
        format!("ran {} in {}", ago(seconds), duration(self.seconds))
    }
}

impl Status {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Cached => "cached",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::NotRun => "not run",
        }
    }
}

/// `1.5 s`, `2 min 5 s`, `1 h 2 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 99.95 {
        return format!("{seconds:.1} s");
    }
    // Rounded before it is split, so that no 60 s remain.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = seconds.round() as u64;
    match whole {
        0..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `4 min ago`.
pub fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// The names of steps, with a space between them.
pub fn names<'a>(steps: impl Iterator<Item = &'a StepReport>) -> String {
    steps.map(|step| step.id.as_str()).collect::<Vec<_>>().join(" ")
}

impl Cause {
    /// `file:line`, as far as they are known.
    pub fn place(&self) -> Option<String> {
        let line = self.line.map_or(String::new(), |line| format!(":{line}"));
        self.file.as_ref().map(|file| format!("{file}{line}"))
    }

    /// `file:line: message`.
    pub fn text(&self) -> String {
        self.place().map_or(String::new(), |place| place + ": ") + &self.message
    }
}
