//! What is said while bytes travel: a bar on a terminal, a line a file elsewhere, nothing when asked.

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, Write},
    time::Instant,
};

/// The progress of one command. Everything goes to standard error; results go to standard output.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
    began: Instant,
}

impl Progress {
    /// Shows progress, once it is known how much is to be done.
    pub fn of(task: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let template = "{prefix} [{bar:30}] {bytes} of {total_bytes} · {bytes_per_sec} · {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(task.to_owned());
        Self { bar, lines: !terminal, began: Instant::now() }
    }

    /// Shows progress towards about so many bytes.
    pub fn start(task: &str, bytes: u64) -> Self {
        let progress = Self::of(task);
        progress.expect(bytes);
        progress
    }

    /// Shows nothing, for tests and other programs.
    pub fn silent() -> Self {
        Self { bar: ProgressBar::hidden(), lines: false, began: Instant::now() }
    }

    /// About so many bytes are to be done, from now on.
    pub fn expect(&self, bytes: u64) {
        self.bar.set_length(bytes.max(1));
        self.bar.set_position(0);
    }

    /// So many bytes more were done. An estimate that proves too small grows.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
        if self.bar.length().is_some_and(|length| self.bar.position() > length) {
            self.bar.set_length(self.bar.position());
        }
    }

    /// Says that something is finished or begins.
    pub fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        if self.lines {
            // A closed standard error is no reason to stop a backup.
            let _ = writeln!(std::io::stderr(), "{what}");
        }
    }

    /// Says that a file is finished.
    pub fn finished(&self, file: &str, plain_bytes: u64) {
        self.say(&format!(
            "{file}: {} after {}",
            HumanBytes(plain_bytes),
            HumanDuration(self.began.elapsed())
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
