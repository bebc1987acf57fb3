//! `squall-bench ci`: what `cargo xtask ci` costs with nothing, one file or everything to do,
//! measured from outside in this clone and in clones beside it.

mod peers;
mod scratch;

use crate::report::{Goal, Report};
use anyhow::{Context, Result};
use clap::ValueEnum;
use peers::{PEERS, Sample};
use scratch::Scratch;
use squall_base::failure::Failure;
use squall_steps::{
    Step,
    report::{Report as CiReport, Status, StepReport},
};
use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// Measure `cargo xtask ci` with nothing, one file or everything to do, beside other task runners.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  squall-bench ci --rounds 5
  squall-bench ci --cold --no-peers
  squall-bench ci --only noop --steps fmt,tsc")]
pub(crate) struct Args {
    /// Rounds of the no-op; whatever runs steps is repeated three times at most.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Also run every step in a fresh clone with an empty cache, which takes most of an hour.
    #[arg(long)]
    cold: bool,
    /// Leave out turbo, nx and moon, which are installed from npm.
    #[arg(long)]
    no_peers: bool,
    /// Parts to measure, such as noop,clone [default: all].
    #[arg(long, value_enum, value_delimiter = ',', hide_possible_values = true)]
    only: Vec<Part>,
    /// Steps or jobs to run, with those they need, such as fmt,web [default: all].
    #[arg(long, value_delimiter = ',')]
    steps: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Every result is there.
    Noop,
    /// A comment in a Rust file has changed.
    Change,
    /// A comment in a React file has changed.
    Tsx,
    /// A fresh clone of a commit whose results are there.
    Clone,
}

/// The Rust file that changes.
const RUST_FILE: &str = "api/src/error.rs";
/// What a developer's clone has besides git's files.
const BUILT: [&str; 4] = ["target/debug", "target/doc", "xtask/target", "web/node_modules"];
/// The steps whose compilation is warm on a developer's machine.
const COMPILING: [&str; 3] = ["clippy", "rustdoc", "build"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let repository = env::current_dir().context("finding the current folder")?;
    let scratch = Scratch::beside(&repository)?;
    let bench = Bench { args, scratch: &scratch, repository };
    let mut report = Report::default();
    let measured = bench.measure(&mut report);
    report.write_table()?;
    measured
}

struct Bench<'a> {
    args: &'a Args,
    scratch: &'a Scratch,
    repository: PathBuf,
}

/// The steps that have a result in a clone.
struct Cached {
    /// What `ci` is asked to run; nothing means all.
    names: Vec<String>,
    /// How many steps that are.
    count: usize,
    /// How long all steps took when they ran.
    recorded_seconds: f64,
}

impl Bench<'_> {
    fn measure(&self, report: &mut Report) -> Result<()> {
        let here = self.cached(&self.repository, Some(report))?;
        if self.wants(Part::Noop) {
            self.noop(&here, report)?;
        }
        let cold = if self.args.cold { Some(self.cold(report)?) } else { None };
        if self.wants(Part::Change) || self.wants(Part::Tsx) {
            self.changes(cold, report)?;
        }
        if self.wants(Part::Clone) {
            self.fresh_clone(&here, report)?;
        }
        Ok(())
    }

    fn wants(&self, part: Part) -> bool {
        self.args.only.is_empty() || self.args.only.contains(&part)
    }

    /// Runs `ci` until all that can have a result has one.
    fn cached(&self, root: &Path, report: Option<&mut Report>) -> Result<Cached> {
        eprintln!("running ci, so that every step has a result");
        let (_, first) = self.ci(self.xtask(root), &self.args.steps, &["--keep-going"])?;
        let mut list = self.xtask(root);
        list.args(["ci", "--list", "--json"]).args(&self.args.steps);
        let printed = self.scratch.succeed(&mut list, "fix the error above")?.printed;
        let steps: Vec<Step> =
            serde_json::from_str(&printed).context("reading `cargo xtask ci --list --json`")?;
        let passed = names(&steps, &first, |status| matches!(status, Status::Passed | Status::Cached));
        let nothing = || {
            let next = "run `cargo xtask ci`, which shows why, or choose other steps with --steps";
            Failure::new("finding steps with a result", "every step failed or was skipped", next)
        };
        if passed.is_empty() {
            return Err(nothing().into());
        }
        let (_, second) = self.ci(self.xtask(root), &passed, &["--keep-going"])?;
        let cached = names(&steps, &second, |status| status == Status::Cached);
        if cached.is_empty() {
            return Err(nothing().into());
        }
        let left_out = first.steps.iter().filter(|step| !cached.contains(&step.id));
        let left_out: Vec<_> = left_out.map(|step| format!("{} ({})", step.id, word(step.status))).collect();
        if let (Some(report), false) = (report, left_out.is_empty()) {
            let steps = left_out.join(", ");
            report.remark(format!("Left out, since they have no result to use again: {steps}."));
        }
        let recorded_seconds = first.steps.iter().map(|step| step.seconds).sum();
        let count = cached.len();
        let names = if left_out.is_empty() { self.args.steps.clone() } else { cached };
        Ok(Cached { names, count, recorded_seconds })
    }

    fn noop(&self, here: &Cached, report: &mut Report) -> Result<()> {
        let mut samples = Vec::new();
        for peer in PEERS.iter().filter(|_| !self.args.no_peers) {
            eprintln!("installing {} {}", peer.name, peer.version);
            match Sample::prepare(peer, &self.repository, self.scratch, here.count) {
                Ok(sample) => samples.push((sample, Vec::new())),
                Err(error) => {
                    let reason = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
                    report.remark(format!("{} was not measured: {reason}", peer.name));
                }
            }
        }
        eprintln!("running ci with nothing to do");
        let mut own = Vec::new();
        // In turns, so that other load on the machine affects all of them.
        for _ in 0..self.args.rounds {
            let mut ci = self.xtask(&self.repository);
            ci.arg("ci").args(&here.names);
            own.push(self.scratch.succeed(&mut ci, "look at what it printed")?.seconds);
            for (sample, seconds) in &mut samples {
                seconds.push(sample.noop()?);
            }
        }
        let what = format!("`cargo xtask ci`, {} steps cached", here.count);
        report.row("ci.noop", &what, "s", &own, at_most(0.3));
        for (sample, seconds) in samples {
            let (name, version) = (sample.peer.name, sample.peer.version);
            let what = format!("{name} {version}, {} empty tasks cached", here.count);
            report.row("", &what, "s", &seconds, None);
        }
        Ok(())
    }

    /// Everything, as on a machine that has never run it.
    fn cold(&self, report: &mut Report) -> Result<f64> {
        let root = self.scratch.path().join("cold");
        self.clone(&root)?;
        eprintln!("running every step with an empty cache");
        let mut xtask = self.xtask(&root);
        // A shared store has results, too.
        xtask.env("SQUALL_CACHE", self.scratch.path().join("cold-cache")).env_remove("SQUALL_CI_CACHE");
        let (seconds, ran) = self.ci(xtask, &self.args.steps, &["--keep-going"])?;
        report.row("ci.cold", "fresh clone, empty cache, with downloads", "s", &[seconds], at_most(1500.0));
        let bad = ran.steps.iter().filter(|step| step.status != Status::Passed);
        let bad: Vec<_> = bad.map(|step| format!("{} ({})", step.id, word(step.status))).collect();
        if !bad.is_empty() {
            report.remark(format!("ci.cold did not pass: {}.", bad.join(", ")));
        }
        delete(&root)?;
        Ok(seconds)
    }

    /// One changed comment, in a clone whose compilation is warm.
    fn changes(&self, cold: Option<f64>, report: &mut Report) -> Result<()> {
        let root = self.scratch.path().join("changed");
        self.clone(&root)?;
        self.copy_built(&root)?;
        let cached = self.cached(&root, None)?;
        self.warm_up(&root, &cached)?;
        // First, while the Rust files are as they were compiled.
        if self.wants(Part::Tsx) {
            let file = self.react_file(&root)?;
            let rounds = self.change(&root, &file, &cached, report)?;
            report.row("ci.tsx", &format!("a comment in {file}"), "s", &rounds, at_most(30.0));
        }
        if self.wants(Part::Change) {
            let rounds = self.change(&root, RUST_FILE, &cached, report)?;
            report.row("ci.change", &format!("a comment in {RUST_FILE}"), "s", &rounds, at_most(90.0));
            let (whole, what) = match cold {
                Some(cold) => (cold, "of the cold run"),
                None => (cached.recorded_seconds, "of the recorded times of all steps"),
            };
            let ratios: Vec<_> = rounds.iter().map(|seconds| seconds / whole).collect();
            report.row("", &format!("part {what}, {whole:.0} s"), "×", &ratios, at_most(0.06));
        }
        delete(&root)
    }

    /// Wall seconds of `ci` after each of some changes to a file.
    fn change(&self, root: &Path, file: &str, cached: &Cached, report: &mut Report) -> Result<Vec<f64>> {
        let mut rounds = Vec::new();
        for _ in 0..self.repeats() {
            eprintln!("running ci after a change of {file}");
            // Different each time: the same change would have a result.
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos();
            let path = root.join(file);
            let append =
                || File::options().append(true).open(&path).and_then(|mut file| writeln!(file, "// {now}"));
            append().with_context(|| format!("changing {}", path.display()))?;
            let (seconds, ran) = self.ci(self.xtask(root), &cached.names, &["--keep-going"])?;
            if rounds.is_empty() {
                let ran = ran.steps.iter().filter(|step| step.status != Status::Cached);
                let ran: Vec<_> = ran.map(shown).collect();
                report.remark(format!("A comment in {file} ran {} steps: {}.", ran.len(), ran.join(", ")));
            }
            rounds.push(seconds);
        }
        let mut git = Command::new("git");
        git.args(["checkout", "--quiet", "--", file]).current_dir(root);
        self.scratch.succeed(&mut git, "fix the error above")?;
        Ok(rounds)
    }

    fn fresh_clone(&self, here: &Cached, report: &mut Report) -> Result<()> {
        let mut git = Command::new("git");
        git.args(["status", "--porcelain"]).current_dir(&self.repository);
        if !self.scratch.succeed(&mut git, "fix the error above")?.printed.is_empty() {
            report.remark("ci.clone runs HEAD, and this clone has uncommitted changes.".to_owned());
            // So that the commit has results.
            let root = self.scratch.path().join("committed");
            self.clone(&root)?;
            self.cached(&root, None)?;
            delete(&root)?;
        }
        let root = self.scratch.path().join("clone");
        let mut rounds = Vec::new();
        for _ in 0..self.repeats() {
            eprintln!("running ci in a fresh clone");
            let cloned = self.clone(&root)?;
            let mut ci = self.xtask(&root);
            ci.arg("ci").args(&here.names);
            let ended = self.scratch.succeed(&mut ci, "run `cargo xtask ci` here, and fix what fails")?;
            rounds.push(cloned + ended.seconds);
            delete(&root)?;
        }
        report.row("ci.clone", "`git clone` and `ci`, xtask compiled", "s", &rounds, at_most(60.0));
        Ok(())
    }

    fn repeats(&self) -> u64 {
        self.args.rounds.min(3)
    }

    /// Runs `ci` whether or not its steps pass, and returns its wall time and its report.
    fn ci(&self, mut xtask: Command, names: &[String], options: &[&str]) -> Result<(f64, CiReport)> {
        let file = self.scratch.path().join("report.json");
        let _ = fs::remove_file(&file);
        xtask.arg("ci").args(names).args(options).args(["--report", "json"]).arg(&file);
        let ended = self.scratch.run(&mut xtask)?;
        match fs::read_to_string(&file) {
            Ok(text) => {
                let report = serde_json::from_str(&text).context("reading the report of `ci`")?;
                Ok((ended.seconds, report))
            }
            Err(_) => Err(ended.failure(&xtask, "fix the error above, then run it again").into()),
        }
    }

    fn xtask(&self, root: &Path) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.arg("xtask").current_dir(root);
        if root != self.repository {
            // A clone has a target folder of its own.
            cargo.env_remove("CARGO_TARGET_DIR");
        }
        cargo
    }

    /// Wall seconds of `git clone`.
    fn clone(&self, root: &Path) -> Result<f64> {
        let mut git = Command::new("git");
        git.args(["clone", "--quiet"]).arg(&self.repository).arg(root);
        Ok(self.scratch.succeed(&mut git, "run it in a clone made by `git clone`")?.seconds)
    }

    /// Copies what is not in git, and gives unchanged files the times of the originals: cargo compiles
    /// what is newer than its last build.
    fn copy_built(&self, root: &Path) -> Result<()> {
        eprintln!("copying target folders and npm packages");
        for folder in BUILT.map(Path::new) {
            let (from, to) = (self.repository.join(folder), root.join(folder));
            if from.exists() {
                fs::create_dir_all(to.parent().unwrap_or(root))?;
                let mut copy = Command::new("cp");
                copy.args(["--archive", "--reflink=auto"]).arg(from).arg(to);
                self.scratch.succeed(&mut copy, "free some space: target folders take several gigabytes")?;
            }
        }
        for path in self.files(root, ".")? {
            let (from, to) = (self.repository.join(&path), root.join(&path));
            if fs::read(&from).ok() == fs::read(&to).ok()
                && let Ok(modified) = fs::metadata(&from).and_then(|metadata| metadata.modified())
            {
                File::options().write(true).open(&to).and_then(|file| file.set_modified(modified))?;
            }
        }
        Ok(())
    }

    /// Compiles what depends on the path of the clone.
    fn warm_up(&self, root: &Path, cached: &Cached) -> Result<()> {
        let is_run = |step: &str| cached.names.is_empty() || cached.names.iter().any(|name| name == step);
        let compiling = COMPILING.iter().filter(|step| is_run(step)).map(|step| (*step).to_owned());
        let compiling: Vec<_> = compiling.collect();
        if !compiling.is_empty() {
            eprintln!("compiling, so that the clone is warm");
            self.ci(self.xtask(root), &compiling, &["--keep-going", "--no-cache"])?;
        }
        Ok(())
    }

    fn react_file(&self, root: &Path) -> Result<String> {
        let files = self.files(root, "web/src/*.tsx")?;
        let file = files.into_iter().find(|file| !file.ends_with(".test.tsx"));
        file.context("web/src has no .tsx file")
    }

    fn files(&self, root: &Path, pattern: &str) -> Result<Vec<String>> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", pattern]).current_dir(root);
        let listed = self.scratch.succeed(&mut git, "fix the error above")?.printed;
        let files = listed.split_terminator('\0').map(str::to_owned);
        // Not links: what is behind one is listed too.
        Ok(files.filter(|file| root.join(file).symlink_metadata().is_ok_and(|it| it.is_file())).collect())
    }
}

/// The steps of a run that ended so, and whose needs did.
fn names(steps: &[Step], report: &CiReport, is_wanted: impl Fn(Status) -> bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for step in steps {
        let ended = report.steps.iter().find(|other| other.id == step.id);
        let is_wanted = ended.is_some_and(|ended| is_wanted(ended.status));
        if is_wanted && step.needs.iter().all(|need| names.contains(need)) {
            names.push(step.id.clone());
        }
    }
    names
}

fn delete(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).with_context(|| format!("deleting {}", folder.display()))
}

fn shown(step: &StepReport) -> String {
    format!("{} {} {:.1} s", step.id, word(step.status), step.seconds)
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Cached => "cached",
        Status::Failed => "failed",
        Status::Skipped => "skipped",
        Status::NotRun => "not run",
    }
}

fn at_most(goal: f64) -> Option<Goal> {
    Some(Goal::AtMost { asked: None, goal })
}
