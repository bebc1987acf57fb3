//! What a person sees of a run: a line per running step, then failures in full, then the table.

use super::{Outcome, graph::Status, steps::Step};
use crate::failure::{Exit, Failure};
use anyhow::Result;
use std::{
    fs,
    io::{IsTerminal, Write},
    time::Duration,
};

/// Running steps: redrawn in place on a terminal; elsewhere one line per start and end.
pub struct Live {
    terminal: bool,
    drawn: usize,
}

impl Live {
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), drawn: 0 }
    }

    pub fn started(&mut self, step: &Step) {
        if !self.terminal {
            eprintln!("start   {:<15} cargo xtask {}", step.id, step.command.join(" "));
        }
    }

    pub fn ended(&mut self, step: &Step, status: Status, elapsed: Duration) {
        self.clear();
        eprintln!("{:<7} {:<15} {}", word(status), step.id, seconds(elapsed));
    }

    pub fn show<'a>(&mut self, running: impl Iterator<Item = (&'a Step, Duration)>) {
        if !self.terminal {
            return;
        }
        self.clear();
        for (step, elapsed) in running {
            eprintln!("  {:<15} {:>7}  {}", step.id, format!("{} s", elapsed.as_secs()), step.title);
            self.drawn += 1;
        }
    }

    pub fn clear(&mut self) {
        if self.drawn > 0 {
            let mut screen = std::io::stderr().lock();
            let _ = write!(screen, "\x1b[{}A\x1b[J", self.drawn);
            let _ = screen.flush();
            self.drawn = 0;
        }
    }
}

/// Starts a line of a step's output that names tests it left out, and why.
pub const SKIPPED: &str = "skipped: ";

/// Failures in full, the table, what was skipped and why, then the count on the last line.
pub fn print(outcomes: &[Outcome], no_skip: bool) -> Result<()> {
    for Outcome { step, output, .. } in outcomes.iter().filter(|outcome| outcome.status == Status::Failed) {
        let output = fs::read(output).unwrap_or_default();
        println!("\n── {} failed; run it alone with: cargo xtask {}", step.id, step.command.join(" "));
        println!("{}", String::from_utf8_lossy(&output).trim_end());
    }
    println!("\n{}", table(outcomes));
    let skipped: Vec<_> = outcomes.iter().flat_map(skips).collect();
    skipped.iter().for_each(|line| println!("{line}"));
    let count = |status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    let steps_skipped = match count(Status::Skipped) {
        0 => String::new(),
        count => format!(", {count} skipped"),
    };
    println!("{} passed, {} failed{steps_skipped}", count(Status::Passed), count(Status::Failed));
    if no_skip && !skipped.is_empty() {
        let next = "install what is missing, or leave out --no-skip";
        return Err(Failure::new("running every test", skipped.join("\n"), next).into());
    }
    match outcomes.iter().all(|outcome| matches!(outcome.status, Status::Passed | Status::Skipped)) {
        true => Ok(()),
        // The failures above name what was tried, what went wrong and how to run it alone.
        false => Err(Failure::silent(Exit::Failed).into()),
    }
}

/// What a step left out, a line each: itself, or some of its tests.
fn skips(outcome: &Outcome) -> Vec<String> {
    let output = fs::read_to_string(&outcome.output).unwrap_or_default();
    let tests = output.lines().filter_map(|line| line.strip_prefix(SKIPPED));
    let tests = tests.map(|line| format!("{}: skipped {line}", outcome.step.id));
    match outcome.status {
        Status::Skipped => vec![format!("{}: skipped; {}", outcome.step.id, reason(&output))],
        Status::Passed => tests.collect(),
        _ => Vec::new(),
    }
}

/// The last two parts of the failure that ended a step.
fn reason(output: &str) -> String {
    let part = |label: &str| output.lines().rev().find_map(|line| line.strip_prefix(label)).map(str::trim);
    match (part("Failed:"), part("Next:")) {
        (Some(failed), Some(next)) => format!("{failed} ({next})"),
        (failed, _) => failed.unwrap_or("it gave no reason").to_owned(),
    }
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!("{:<15} {:<8} {:>9}  WHAT\n", "STEP", "RESULT", "TIME");
    for Outcome { step, status, elapsed, .. } in outcomes {
        let elapsed = if *status == Status::Waiting { String::new() } else { seconds(*elapsed) };
        text += &format!("{:<15} {:<8} {elapsed:>9}  {}\n", step.id, word(*status), step.title);
    }
    text
}

pub fn list(steps: &[Step], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(steps)?);
        return Ok(());
    }
    println!("{:<15} {:<38} {:<17} COMMAND", "STEP", "WHAT", "NEEDS");
    for step in steps {
        let (needs, command) = (step.needs.join(", "), step.command.join(" "));
        println!("{:<15} {:<38} {needs:<17} cargo xtask {command}", step.id, step.title);
    }
    Ok(())
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Waiting => "not run",
        Status::Running => "running",
        Status::Passed => "passed",
        Status::Skipped => "skipped",
        Status::Failed => "failed",
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::steps::STEPS;

    fn outcome(index: usize, status: Status) -> Outcome {
        Outcome { step: STEPS[index], status, elapsed: Duration::from_millis(1500), output: "/none".into() }
    }

    #[test]
    fn a_skipped_step_gives_its_reason_and_the_way_out() {
        let output =
            "building\nTried:  building images\nFailed: no docker client on the path\nNext:   install it\n";
        assert_eq!(reason(output), "no docker client on the path (install it)");
        assert_eq!(reason(""), "it gave no reason");
    }

    #[test]
    fn tests_that_a_passed_step_left_out_are_reported() {
        let output = std::env::temp_dir().join(format!("squall-skips-{}", std::process::id()));
        fs::write(&output, "ran\nskipped: 41 tests of squall-edge: nginx is missing\n").unwrap();
        let lines = skips(&Outcome { output: output.clone(), ..outcome(0, Status::Passed) });
        fs::remove_file(&output).unwrap();
        assert_eq!(lines, ["fmt: skipped 41 tests of squall-edge: nginx is missing"]);
    }

    #[test]
    fn a_run_that_may_not_skip_fails_when_a_step_was_skipped() {
        assert!(print(&[outcome(0, Status::Skipped)], false).is_ok());
        assert!(print(&[outcome(0, Status::Skipped)], true).is_err());
    }

    #[test]
    fn the_table_includes_steps_that_did_not_run() {
        let text = table(&[outcome(0, Status::Failed), outcome(1, Status::Waiting)]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "fmt             failed       1.5 s  formatting");
        assert_eq!(lines[2], "words           not run             spelling and banned words");
    }
}
