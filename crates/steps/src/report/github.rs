//! What GitHub Actions shows: annotations of lines, and the summary of a job.

use super::{Report, Status, StepReport, text};

/// How many of the slowest steps a summary names.
const SLOWEST: usize = 5;

impl Report {
    /// A workflow command for each cause: GitHub shows them beside the lines of a pull request.
    pub fn annotations(&self) -> String {
        let mut lines = String::new();
        for step in self.with(Status::Failed) {
            if step.causes.is_empty() {
                let message = format!("{} failed; run `{}`", step.id, step.command);
                lines += &format!("::error title={}::{}\n", property(&step.id), data(&message));
            }
            for cause in &step.causes {
                let file =
                    cause.file.as_ref().map_or(String::new(), |file| format!("file={},", property(file)));
                let line = cause.line.map_or(String::new(), |line| format!("line={line},"));
                let title = property(&step.id);
                lines += &format!("::error {file}{line}title={title}::{}\n", data(&cause.message));
            }
        }
        lines
    }

    /// Markdown for the file in `GITHUB_STEP_SUMMARY`.
    pub fn summary(&self) -> String {
        let mut text = format!("### {}\n\n", self.counts());
        text += &format!("Commit {} in {}.", code(&self.commit), text::duration(self.seconds));
        let cached = self.count(Status::Cached);
        let all = cached + self.count(Status::Passed) + self.count(Status::Failed);
        if let Some(rate) = (cached * 100).checked_div(all) {
            let saved = text::duration(self.saved_seconds());
            text += &format!(" Cache: {cached} of {all} steps ({rate} %), {saved} saved.");
        }
        text += "\n";
        self.with(Status::Failed).for_each(|step| text += &causes(step));
        text += &self.slowest();
        text += "\n| Step | Result | Time | Before | What |\n| --- | --- | ---: | ---: | --- |\n";
        self.steps.iter().for_each(|step| text += &row(step));
        let left_out: String = self.left_out().iter().map(|line| format!("- {}\n", plain(line))).collect();
        if left_out.is_empty() { text } else { format!("{text}\nLeft out:\n\n{left_out}") }
    }

    /// The steps that this run waited for longest.
    fn slowest(&self) -> String {
        let mut steps: Vec<_> = self.with(Status::Passed).chain(self.with(Status::Failed)).collect();
        steps.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
        let steps = steps.iter().take(SLOWEST);
        let steps: Vec<_> =
            steps.map(|step| format!("{} {}", code(&step.id), text::duration(step.seconds))).collect();
        if steps.is_empty() { String::new() } else { format!("\nSlowest: {}.\n", steps.join(", ")) }
    }
}

fn causes(step: &StepReport) -> String {
    let mut text = format!("\n**{}** failed; again: {}\n\n", plain(&step.id), code(&step.command));
    for cause in &step.causes {
        let place = cause.place().map_or(String::new(), |place| code(&place) + ": ");
        let repeat = cause.repeat.as_ref().map_or(String::new(), |command| format!("<br>{}", code(command)));
        text += &format!("- {place}{}{repeat}\n", plain(&cause.message));
    }
    if step.causes.is_empty() { text + "- No cause recognized in its log.\n" } else { text }
}

fn row(step: &StepReport) -> String {
    let mark = match step.status {
        Status::Failed => "❌ ",
        Status::Passed | Status::Cached => "✅ ",
        Status::Skipped | Status::NotRun => "",
    };
    let has_run = !matches!(step.status, Status::NotRun | Status::Skipped);
    let time = if has_run { text::duration(step.seconds) } else { String::new() };
    let before = step.before_seconds.map_or(String::new(), text::duration);
    let (id, word, title) = (plain(&step.id), step.status.word(), plain(&step.title));
    format!("| {id} | {mark}{word} | {time} | {before} | {title} |\n")
}

/// A value of a workflow command, as actions/toolkit writes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A text without meaning as Markdown or HTML, in one line.
fn plain(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            // Nobody is to be notified.
            '@' => escaped += "&#64;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '$' => escaped.extend(['\\', c]),
            _ if c.is_control() => escaped.push(' '),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A text as code, in one line. The fence is longer than any row of backticks in it.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let (fence, gap) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{fence}{gap}{text}{gap}{fence}")
}
