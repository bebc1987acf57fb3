//! What a person sees of a run: a line while a step runs, failures whole at the end, then the table.

use super::{graph::Place, run::Outcome, steps::Step};
use crate::failure::{Exit, Failure};
use anyhow::Result;
use std::{
    fs,
    io::{IsTerminal, Write},
    time::Duration,
};

/// Steps that run, redrawn in place on a terminal; elsewhere a line per start and end.
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

    pub fn ended(&mut self, step: &Step, place: Place, took: Duration) {
        self.clear();
        eprintln!("{:<7} {:<15} {}", word(place), step.id, seconds(took));
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

/// Failures whole, then the table, then the count alone on the last line.
pub fn print(outcomes: &[Outcome]) -> Result<()> {
    for failed in outcomes.iter().filter(|outcome| outcome.place == Place::Failed) {
        let output = fs::read(&failed.output).unwrap_or_default();
        println!(
            "\n── {} failed; run it alone with: cargo xtask {}",
            failed.step.id,
            failed.step.command.join(" ")
        );
        println!("{}", String::from_utf8_lossy(&output).trim_end());
    }
    println!("\n{}", table(outcomes));
    let count = |place| outcomes.iter().filter(|outcome| outcome.place == place).count();
    let skipped = outcomes.iter().filter(|outcome| outcome.place == Place::Skipped);
    for outcome in skipped {
        println!(
            "{} was not run: {}",
            outcome.step.id,
            reason(&fs::read_to_string(&outcome.output).unwrap_or_default())
        );
    }
    let skipped = match count(Place::Skipped) {
        0 => String::new(),
        count => format!(", {count} skipped"),
    };
    println!("{} passed, {} failed{skipped}", count(Place::Passed), count(Place::Failed));
    match outcomes.iter().all(|outcome| matches!(outcome.place, Place::Passed | Place::Skipped)) {
        true => Ok(()),
        // The failures above have said what was tried, what went wrong and how to run it alone.
        false => Err(Failure::silent(Exit::Failed).into()),
    }
}

/// The middle part of the failure that ended a step.
fn reason(output: &str) -> String {
    let failed = output.lines().rev().find_map(|line| line.strip_prefix("Failed: "));
    failed.unwrap_or("it did not say why").to_owned()
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!("{:<15} {:<8} {:>9}  WHAT\n", "STEP", "RESULT", "TIME");
    for outcome in outcomes {
        let took = if outcome.place == Place::Waiting { String::new() } else { seconds(outcome.took) };
        text += &format!(
            "{:<15} {:<8} {took:>9}  {}\n",
            outcome.step.id,
            word(outcome.place),
            outcome.step.title
        );
    }
    text
}

pub fn list(steps: &[Step], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(steps)?);
        return Ok(());
    }
    println!("{:<15} {:<42} {:<17} COMMAND", "STEP", "WHAT", "NEEDS");
    for step in steps {
        let (needs, command) = (step.needs.join(", "), step.command.join(" "));
        println!("{:<15} {:<42} {needs:<17} cargo xtask {command}", step.id, step.title);
    }
    Ok(())
}

fn word(place: Place) -> &'static str {
    match place {
        Place::Waiting => "not run",
        Place::Running => "running",
        Place::Passed => "passed",
        Place::Skipped => "skipped",
        Place::Failed => "failed",
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::steps::STEPS;

    #[test]
    fn a_skipped_step_says_why() {
        let output = "building\nTried:  building images\nFailed: there is no docker client on the path\nNext:   install it\n";
        assert_eq!(reason(output), "there is no docker client on the path");
    }

    #[test]
    fn the_table_names_what_was_not_run() {
        let outcome = |index: usize, place| Outcome {
            step: STEPS[index],
            place,
            took: Duration::from_millis(1500),
            output: "/nowhere".into(),
        };
        let text = table(&[outcome(0, Place::Failed), outcome(1, Place::Waiting)]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "fmt             failed       1.5 s  formatting");
        assert_eq!(lines[2], "workflows       not run             workflow drift");
    }
}
