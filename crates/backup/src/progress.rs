//! Progress of a command: a bar on a terminal, a line per file elsewhere, nothing when hidden.

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, Write},
    time::Instant,
};

/// The progress of one command, on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    started: Instant,
}

impl Progress {
    /// Shows progress as soon as the total is known.
    pub fn of(task: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let template = "{prefix} [{bar:30}] {bytes} of {total_bytes} · {bytes_per_sec} · {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(task.to_owned());
        Self { bar, lines: !terminal, started: Instant::now() }
    }

    /// Shows progress towards an estimated number of bytes.
    pub fn start(task: &str, bytes: u64) -> Self {
        let progress = Self::of(task);
        progress.expect(bytes);
        progress
    }

    /// Shows nothing, for tests and other programs.
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), lines: false, started: Instant::now() }
    }

    /// Starts a new phase with an estimated number of bytes.
    pub fn expect(&self, bytes: u64) {
        self.bar.set_length(bytes.max(1));
        self.bar.set_position(0);
    }

    /// Adds processed bytes. An estimate that is too low grows.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
        if self.bar.length().is_some_and(|length| self.bar.position() > length) {
            self.bar.set_length(self.bar.position());
        }
    }

    /// Shows what is happening.
    pub fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        if self.lines {
            // A closed standard error must not stop a backup.
            let _ = writeln!(std::io::stderr(), "{what}");
        }
    }

    /// Shows that a file is finished.
    pub fn finished(&self, file: &str, plain_bytes: u64) {
        self.say(&format!(
            "{file}: {} after {}",
            HumanBytes(plain_bytes),
            HumanDuration(self.started.elapsed())
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
