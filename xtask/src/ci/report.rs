//! What a person sees of a run: a line per running step, then failures in full, then the table.

use super::{
    graph::{Run, Status},
    steps::Step,
};
use crate::{
    failure::{Exit, Failure, SKIPPED},
    world::{clear_line, say},
};
use anyhow::Result;
use std::{
    fs,
    io::{IsTerminal, stderr},
};

pub fn started(step: &Step) {
    if !stderr().is_terminal() {
        eprintln!("start   {:<15} cargo xtask {}", step.id, step.command.join(" "));
    }
}

/// Draws one line over the last one. The terminal cuts it instead of wrapping it.
pub fn running<'a>(runs: impl Iterator<Item = &'a Run>) {
    if stderr().is_terminal() {
        let steps = runs.map(|run| format!("{} {} s", run.step.id, run.elapsed.as_secs()));
        eprint!("{}\x1b[?7l{}\x1b[?7h", clear_line(), steps.collect::<Vec<_>>().join(" · "));
    }
}

pub fn ended(run: &Run) {
    say(&format!("{:<7} {:<15} {}", word(run.status), run.step.id, seconds(run)));
}

/// Failures in full, the table, what was skipped and why, then the count on the last line.
pub fn print(runs: &[Run], no_skip: bool) -> Result<()> {
    let with = |status| runs.iter().filter(move |run| run.status == status);
    for Run { step, output, .. } in with(Status::Failed) {
        let output = fs::read(output).unwrap_or_default();
        println!("\n── {} failed; run it alone with: cargo xtask {}", step.id, step.command.join(" "));
        println!("{}", String::from_utf8_lossy(&output).trim_end());
    }
    println!("\n{}", table(runs));
    let left_out: Vec<_> = runs.iter().flat_map(skips).collect();
    left_out.iter().for_each(|line| println!("{line}"));
    let [passed, failed, skipped, waiting] =
        [Status::Passed, Status::Failed, Status::Skipped, Status::Waiting].map(|status| with(status).count());
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    println!("{passed} passed, {failed} failed{skipped}");
    if no_skip && !left_out.is_empty() {
        let next = "install what is missing, or leave out --no-skip";
        return Err(Failure::new("running every test", left_out.join("\n"), next).into());
    }
    // The failures above name what was tried, what went wrong and how to run it alone.
    if failed + waiting > 0 { Err(Failure::silent(Exit::Failed).into()) } else { Ok(()) }
}

/// What a step left out, a line each: itself, or some of its tests.
fn skips(run: &Run) -> Vec<String> {
    let output = fs::read_to_string(&run.output).unwrap_or_default();
    let tests = output.lines().filter_map(|line| line.strip_prefix(SKIPPED));
    match run.status {
        Status::Skipped => vec![format!("{}: skipped; {}", run.step.id, reason(&output))],
        Status::Passed => tests.map(|line| format!("{}: skipped {line}", run.step.id)).collect(),
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

fn table(runs: &[Run]) -> String {
    let mut text = format!("{:<15} {:<8} {:>9}  WHAT\n", "STEP", "RESULT", "TIME");
    for run in runs {
        let elapsed = if run.status == Status::Waiting { String::new() } else { seconds(run) };
        text += &format!("{:<15} {:<8} {elapsed:>9}  {}\n", run.step.id, word(run.status), run.step.title);
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

fn seconds(run: &Run) -> String {
    format!("{:.1} s", run.elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::steps::STEPS;
    use std::{path::Path, time::Duration};

    fn run(index: usize, status: Status) -> Run {
        let elapsed = Duration::from_millis(1500);
        Run { status, elapsed, ..Run::new(STEPS[index], Path::new("/none")) }
    }

    #[test]
    fn a_skipped_step_gives_its_reason_and_the_way_out() {
        let output = "building\nTried:  building images\nFailed: no docker client\nNext:   install it\n";
        assert_eq!(reason(output), "no docker client (install it)");
        assert_eq!(reason(""), "it gave no reason");
    }

    #[test]
    fn tests_that_a_passed_step_left_out_are_reported() {
        let output = std::env::temp_dir().join(format!("squall-skips-{}", std::process::id()));
        fs::write(&output, "ran\nskipped: 41 tests of squall-edge: nginx is missing\n").unwrap();
        let lines = skips(&Run { output: output.clone(), ..run(0, Status::Passed) });
        fs::remove_file(&output).unwrap();
        assert_eq!(lines, ["fmt: skipped 41 tests of squall-edge: nginx is missing"]);
    }

    #[test]
    fn a_run_that_may_not_skip_fails_when_a_step_was_skipped() {
        assert!(print(&[run(0, Status::Skipped)], false).is_ok());
        assert!(print(&[run(0, Status::Skipped)], true).is_err());
        assert!(print(&[run(0, Status::Waiting)], false).is_err());
    }
}
