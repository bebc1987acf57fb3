//! The table of a run, for a terminal.

use super::{Report, Status, StepReport, text};

/// The least width of the column of names, for a table that stays calm with few steps.
const ID_WIDTH: usize = 15;

impl Report {
    /// A line for each step that ran, one for all cached ones, and what was left out, with the reason.
    pub fn table(&self) -> String {
        let has_line = |step: &&StepReport| !matches!(step.status, Status::Cached | Status::NotRun);
        let steps = || self.steps.iter().filter(has_line);
        let width = steps().map(|step| step.id.chars().count()).max().unwrap_or(0).max(ID_WIDTH);
        let mut text = format!("{:<width$} {:<8} {:>10}  WHAT\n", "STEP", "RESULT", "TIME");
        if self.count(Status::Cached) > 0 {
            let (count, names) = (self.count(Status::Cached), text::names(self.with(Status::Cached)));
            let oldest = self.with(Status::Cached).filter_map(|step| step.age).max().unwrap_or(0);
            let (saved, oldest) = (text::duration(self.saved_seconds()), text::ago(oldest));
            text += &format!("{count} cached: {names} (saved {saved}; the oldest ran {oldest})\n");
        }
        for step in steps() {
            let before = step
                .before_seconds
                .map_or(String::new(), |before| format!(" (before {})", text::duration(before)));
            let (word, seconds) = (step.status.word(), text::duration(step.seconds));
            text += &format!("{:<width$} {word:<8} {seconds:>10}  {}{before}\n", step.id, step.title);
        }
        if self.count(Status::NotRun) > 0 {
            let (count, names) = (self.count(Status::NotRun), text::names(self.with(Status::NotRun)));
            text += &format!("{count} not run: {names}\n");
        }
        self.left_out().iter().for_each(|line| text += &format!("{line}\n"));
        text
    }

    /// What the run left out, a line each: a step, or some of its tests.
    pub fn left_out(&self) -> Vec<String> {
        let lines = self.steps.iter().flat_map(|step| {
            let mark = if step.status == Status::Skipped { ";" } else { "" };
            step.skipped.iter().map(move |line| format!("{}: skipped{mark} {line}", step.id))
        });
        lines.collect()
    }
}
