//! What a person sees of a run: a line per running step, then the table, then the causes of failures.

use super::{
    Options,
    graph::{Run, State},
    step,
};
use crate::{
    failure::{Exit, Failure, SKIPPED},
    world::{World, clear_line, say},
};
use anyhow::{Context, Result};
use squall_steps::{
    Step, causes,
    key::Sources,
    report::{Report, Status, StepReport},
    store::Store,
    tree::git,
};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{IsTerminal, Write, stderr},
    path::Path,
    time::{Duration, SystemTime},
};

pub fn started(run: &Run) {
    if !stderr().is_terminal() {
        let expected = run.before.map_or(String::new(), |seconds| format!("  (about {seconds:.0} s)"));
        eprintln!("start   {:<20} cargo xtask {}{expected}", run.step.id, run.step.command.join(" "));
    }
}

/// Draws one line over the last one. The terminal cuts it instead of wrapping it.
pub fn running<'a>(runs: impl Iterator<Item = &'a Run>) {
    if stderr().is_terminal() {
        let expected = |run: &Run| run.before.map_or(String::new(), |seconds| format!("/{seconds:.0}"));
        let steps = runs.map(|run| format!("{} {}{} s", run.step.id, run.elapsed.as_secs(), expected(run)));
        eprint!("{}\x1b[?7l{}\x1b[?7h", clear_line(), steps.collect::<Vec<_>>().join(" · "));
    }
}

pub fn ended(run: &Run) {
    say(&format!("{:<7} {:<20} {:.1} s", word(run.state), run.step.id, run.elapsed.as_secs_f64()));
    if let Some(remark) = &run.remark {
        eprintln!("        {}: {remark}", run.step.id);
    }
    if is_github() {
        println!("::group::{} {}", run.step.id, word(run.state));
        println!("{}", String::from_utf8_lossy(&fs::read(&run.log).unwrap_or_default()).trim_end());
        println!("::endgroup::");
    }
}

fn is_github() -> bool {
    env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}

/// The report of a run.
pub fn of(
    world: &World,
    sources: &Sources,
    runs: &[Run],
    started: SystemTime,
    elapsed: Duration,
    options: &Options,
) -> Result<Report> {
    // The terminal does not show the commit, and to ask git takes a tenth of a run with nothing to do.
    let shows_commit = options.report.is_some() || is_github();
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let steps = runs.iter().map(|run| {
        let log = fs::read(&run.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let causes = if run.state == State::Failed { causes::of(&log, &world.root) } else { Vec::new() };
        let age = (run.state == State::Cached)
            .then(|| run.hit.as_ref().map(|hit| since(started).saturating_sub(hit.finished)));
        StepReport {
            id: run.step.id.clone(),
            title: run.step.title.clone(),
            command: format!("cargo xtask {}", run.step.command.join(" ")),
            status: status(run.state),
            seconds: run.elapsed.as_secs_f64(),
            age: age.flatten(),
            before_seconds: run.before,
            key: run.key.as_ref().map(|key| key.hash()),
            log: run.log.strip_prefix(&world.root).unwrap_or(&run.log).to_owned(),
            causes,
            skipped: skips(run, &log),
            plan: step::shown(&run.step),
        }
    });
    Ok(Report {
        commit: if shows_commit { commit(world) } else { String::new() },
        started: since(started),
        seconds: elapsed.as_secs_f64(),
        steps: steps.collect(),
        tools: sources.tools.clone(),
        environment: hashes(sources),
    })
}

/// The commit, with `+` if files differ from it.
fn commit(world: &World) -> String {
    let head = git(&world.root, &["rev-parse", "HEAD"]).unwrap_or_default();
    let is_clean = git(&world.root, &["status", "--porcelain"]).is_ok_and(|changes| changes.is_empty());
    format!("{}{}", head.trim(), if is_clean { "" } else { "+" })
}

fn hashes(sources: &Sources) -> BTreeMap<String, String> {
    let hash = |value: &String| crate::files::fingerprint(value);
    sources.environment.iter().map(|(name, value)| (name.clone(), hash(value))).collect()
}

/// The table, what was skipped and why, the causes of failures, then the count on the last line.
pub fn print(report: &Report, store: &Store, options: &Options) -> Result<()> {
    println!("\n{}", report.table().trim_end());
    store.problems().iter().for_each(|problem| println!("cache: {problem}"));
    let left_out = report.left_out();
    if let Some([format, file]) = options.report.as_deref() {
        let text = if format == "json" { report.json()? } else { report.junit() };
        fs::write(file, text).with_context(|| format!("writing {file}"))?;
    }
    if is_github() {
        print!("{}", report.annotations());
        if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY") {
            let mut file = File::options().create(true).append(true).open(path)?;
            file.write_all(report.summary().as_bytes())?;
        }
    }
    println!("{}", report.ending().trim_end());
    if options.no_skip && !left_out.is_empty() {
        let next = "install what is missing, or leave out --no-skip";
        return Err(Failure::new("running every test", left_out.join("\n"), next).into());
    }
    // The causes above name what went wrong and how to run it alone.
    let is_bad = |step: &StepReport| matches!(step.status, Status::Failed | Status::NotRun);
    if report.steps.iter().any(is_bad) { Err(Failure::silent(Exit::Failed).into()) } else { Ok(()) }
}

/// Before the run: nobody wants to learn of a typing mistake half an hour later.
pub fn check_format(format: &str) -> Result<()> {
    if ["json", "junit"].contains(&format) {
        return Ok(());
    }
    let next = "name one of them: --report json FILE";
    let wrong = format!("--report writes json or junit, not {format}");
    Err(Failure::new("choosing the report", wrong, next).exit(Exit::Usage).into())
}

/// How a saved run differs from what this machine would do.
pub fn compare(world: &World, saved: &Path, steps: &[Step], sources: &Sources) -> Result<()> {
    let text = fs::read_to_string(saved).with_context(|| format!("reading {}", saved.display()))?;
    let report: Report = serde_json::from_str(&text)
        .with_context(|| format!("{} is not a report of `ci --report json`", saved.display()))?;
    let planned = steps.iter().map(|step| StepReport {
        id: step.id.clone(),
        title: step.title.clone(),
        command: format!("cargo xtask {}", step.command.join(" ")),
        status: Status::NotRun,
        seconds: 0.0,
        age: None,
        before_seconds: None,
        key: None,
        log: Default::default(),
        causes: Vec::new(),
        skipped: Vec::new(),
        plan: step::shown(step),
    });
    let here = Report {
        commit: commit(world),
        started: 0,
        seconds: 0.0,
        steps: planned.collect(),
        tools: sources.tools.clone(),
        environment: hashes(sources),
    };
    let differences = report.differences(&here);
    differences.iter().for_each(|difference| println!("{difference}"));
    println!("{} differences", differences.len());
    Ok(())
}

/// What a step left out, a line each: itself, or some of its tests.
fn skips(run: &Run, log: &str) -> Vec<String> {
    let tests = log.lines().filter_map(|line| line.strip_prefix(SKIPPED));
    match run.state {
        State::Skipped => vec![reason(log)],
        State::Passed | State::Cached => tests.map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The last two parts of the failure that ended a step.
pub fn reason(output: &str) -> String {
    let part = |label: &str| output.lines().rev().find_map(|line| line.strip_prefix(label)).map(str::trim);
    match (part("Failed:"), part("Next:")) {
        (Some(failed), Some(next)) => format!("{failed} ({next})"),
        (failed, _) => failed.unwrap_or("it gave no reason").to_owned(),
    }
}

pub fn list(steps: &[Step], json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(steps)?);
        return Ok(());
    }
    println!("{:<20} {:<8} {:<40} {:<17} COMMAND", "STEP", "JOB", "WHAT", "NEEDS");
    for step in steps {
        let (needs, command) = (step.needs.join(", "), step.command.join(" "));
        println!("{:<20} {:<8} {:<40} {needs:<17} cargo xtask {command}", step.id, step.job, step.title);
    }
    Ok(())
}

fn status(state: State) -> Status {
    match state {
        State::Passed => Status::Passed,
        State::Cached => Status::Cached,
        State::Failed => Status::Failed,
        State::Skipped => Status::Skipped,
        State::Unknown | State::Waiting | State::Running => Status::NotRun,
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Unknown | State::Waiting => "not run",
        State::Running => "running",
        State::Cached => "cached",
        State::Passed => "passed",
        State::Skipped => "skipped",
        State::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_step_gives_its_reason_and_the_way_out() {
        let output = "building\nTried:  building images\nFailed: no docker client\nNext:   install it\n";
        assert_eq!(reason(output), "no docker client (install it)");
        assert_eq!(reason("killed"), "it gave no reason");
    }
}
