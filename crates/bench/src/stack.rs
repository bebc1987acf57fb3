//! `squall-bench stack`: what xtask and the stack cost, measured from outside by running
//! `cargo xtask` in the current folder.

use crate::{
    cpu,
    report::{Goal, Report},
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Measure xtask and the stack from the root of the repository.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Skip the first `up`, which compiles for minutes.
    #[arg(long)]
    no_compile: bool,
    /// Rounds of quick measurements.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Folder for a stack and for build output, in a new folder `squall-bench-stack` that is deleted
    /// at the end.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

/// Time without requests before memory is read.
const IDLE: Duration = Duration::from_secs(10);
/// `/proc` counts in hundredths of a second, and one run takes seven.
const NOOPS_PER_ROUND: u32 = 10;
/// Compose's name of the measured stack, and that of its folder.
const PROJECT: &str = "squall-bench-stack";

pub(crate) fn run(args: &Args) -> Result<()> {
    // One of its own: --folder may name a folder with other files.
    let folder = args.folder.join(PROJECT);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let folder = folder.canonicalize().context("resolving --folder")?;
    let mut report = Report::default();
    xtask_compile(&folder, &mut report)?;
    xtask_noop(args, &mut report)?;
    let bench = Bench { args, state: folder.join("state"), target: folder.join("target") };
    let measured = bench.native(&mut report);
    // Stop the stack even if a measurement failed.
    let down = bench.xtask(&["down", "--delete-data"]);
    let measured = measured.and(down).and_then(|_| bench.containers(&mut report));
    let down = bench.xtask(&["down", "--delete-data"]);
    let _ = fs::remove_dir_all(&folder);
    report.write_table()?;
    measured.and(down.map(drop))
}

/// Compares xtask with an empty crate of the same dependencies.
fn xtask_compile(folder: &Path, report: &mut Report) -> Result<()> {
    let (empty, target) = (folder.join("empty"), folder.join("xtask-target"));
    fs::create_dir_all(empty.join("src"))?;
    fs::write(empty.join("src/main.rs"), "fn main() {}\n")?;
    let manifest = fs::read_to_string("xtask/Cargo.toml").context("reading xtask/Cargo.toml")?;
    let base = Path::new("crates/base").canonicalize().context("finding crates/base")?;
    fs::write(empty.join("Cargo.toml"), manifest.replace("../crates/base", &base.to_string_lossy()))?;
    fs::copy("xtask/Cargo.lock", empty.join("Cargo.lock"))?;
    let [mut whole, mut dependencies] = [Vec::new(), Vec::new()];
    // Rounds alternate, so that other load on the machine affects both.
    for _ in 0..3 {
        for (package, seconds) in [(Path::new("xtask"), &mut whole), (&empty, &mut dependencies)] {
            let _ = fs::remove_dir_all(&target);
            let mut cargo = Command::new("cargo");
            cargo.args(["build", "--quiet", "--locked", "--manifest-path"]).arg(package.join("Cargo.toml"));
            seconds.push(cpu_seconds(cargo.env("CARGO_TARGET_DIR", &target))?);
        }
    }
    let ratios: Vec<f64> = whole.iter().zip(&dependencies).map(|(whole, alone)| whole / alone).collect();
    report.row("xtask.compile", "cold build of xtask, CPU", "s", &whole, None);
    report.row("", "an empty crate with its dependencies, CPU", "s", &dependencies, None);
    report.row("", "ratio", "×", &ratios, at_most(1.1));
    Ok(())
}

fn xtask_noop(args: &Args, report: &mut Report) -> Result<()> {
    let round = |_| -> Result<f64> {
        let runs = (0..NOOPS_PER_ROUND).map(|_| cpu_seconds(Command::new("cargo").arg("xtask")));
        Ok(runs.sum::<Result<f64>>()? / f64::from(NOOPS_PER_ROUND))
    };
    let rounds = (0..args.rounds).map(round).collect::<Result<Vec<_>>>()?;
    report.row("xtask.noop", "`cargo xtask` that prints its help, CPU", "s", &rounds, at_most(0.07));
    Ok(())
}

struct Bench<'a> {
    args: &'a Args,
    state: PathBuf,
    /// An empty target folder for the first `up`.
    target: PathBuf,
}

impl Bench<'_> {
    fn native(&self, report: &mut Report) -> Result<()> {
        let up = || self.xtask(&["up", "--native", "--detach"]);
        let first = up()?;
        if !self.args.no_compile {
            report.row("up.first", "first `up`, npm packages present", "s", &[first], at_most(300.0));
        }
        let warm = (0..self.args.rounds).map(|_| up()).collect::<Result<Vec<_>>>()?;
        report.row("up.warm", "`up` of a running stack", "s", &warm, at_most(0.5));
        thread::sleep(IDLE);
        let printed = output(&mut self.command(&["ps", "--json"]))?;
        let status: Value = serde_json::from_str(&printed).context("reading `cargo xtask ps --json`")?;
        let pid = |value: &Value| value.as_u64().and_then(|pid| u32::try_from(pid).ok());
        let services = status["services"].as_array().into_iter().flatten();
        let services = services.filter_map(|it| Some((it["name"].as_str()?.to_owned(), pid(&it["pid"])?)));
        let supervisor = pid(&status["supervisor"]).map(|pid| ("supervisor".to_owned(), pid));
        memory("ram.idle", &services.chain(supervisor).collect::<Vec<_>>(), report);
        report.row("down", "`down`, native", "s", &[self.xtask(&["down"])?], None);
        report.row("up", "`up` of a stopped stack, all built", "s", &[up()?], None);
        Ok(())
    }

    /// The same stack in containers, if a Docker engine answers.
    fn containers(&self, report: &mut Report) -> Result<()> {
        if output(Command::new("docker").args(["info", "--format", "{{.ServerVersion}}"])).is_err() {
            report.remark("up.docker, image.*: not measured, since no Docker engine answers.".into());
            return Ok(());
        }
        // Builds what changed and creates the volume; neither is part of the result.
        self.xtask(&["up", "--docker", "--detach"])?;
        let mut again = Vec::new();
        for _ in 0..self.args.rounds.min(3) {
            self.xtask(&["down"])?;
            again.push(self.xtask(&["up", "--docker", "--detach"])?);
        }
        report.row("up.docker", "`up` in containers on an existing volume", "s", &again, at_most(8.0));
        thread::sleep(IDLE);
        memory("ram.docker", &container_processes()?, report);
        self.xtask(&["down"])?;
        let printed = output(&mut self.command(&["docker", "build", "--list", "--json"]))?;
        let images: Value = serde_json::from_str(&printed).context("reading `docker build --list --json`")?;
        for image in images.as_array().into_iter().flatten() {
            let name = format!("image.{}", image["image"].as_str().unwrap_or_default());
            let goal = image["budget_megabytes"].as_f64().and_then(at_most);
            let megabytes = |field: &str| [image[field].as_f64().unwrap_or(f64::NAN) / 1e6];
            report.row(&name, "size above its base", "MB", &megabytes("counted_bytes"), goal);
            report.row("", "build context sent", "MB", &megabytes("context_bytes"), at_most(0.7));
        }
        report.row("docker.probe", "`docker probe`", "s", &[self.xtask(&["docker", "probe"])?], None);
        Ok(())
    }

    /// Wall seconds of one `cargo xtask` command on the measured stack.
    fn xtask(&self, arguments: &[&str]) -> Result<f64> {
        let began = Instant::now();
        output(&mut self.command(arguments))?;
        Ok(began.elapsed().as_secs_f64())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.arg("xtask").args(arguments).env("SQUALL_STATE", &self.state).env_remove("DATABASE_URL");
        cargo.env("COMPOSE_PROJECT_NAME", PROJECT);
        if !self.args.no_compile {
            cargo.env("CARGO_TARGET_DIR", &self.target);
        }
        cargo
    }
}

/// Each service of the stack in containers, with the first process of its container.
fn container_processes() -> Result<Vec<(String, u32)>> {
    let filter = format!("label=com.docker.compose.project={PROJECT}");
    let ids = output(Command::new("docker").args(["ps", "--quiet", "--filter", &filter]))?;
    let format = "{{index .Config.Labels \"com.docker.compose.service\"}} {{.State.Pid}}";
    let inspected = output(Command::new("docker").args(["inspect", "--format", format]).args(ids.lines()))?;
    let process = |line: &str| {
        let (name, pid) = line.split_once(' ').context("`docker inspect` printed no process")?;
        Ok((name.to_owned(), pid.parse()?))
    };
    inspected.lines().map(process).collect()
}

fn at_most(goal: f64) -> Option<Goal> {
    Some(Goal::AtMost { asked: None, goal })
}

/// CPU seconds of a command and everything it runs.
fn cpu_seconds(command: &mut Command) -> Result<f64> {
    let before = cpu::children_seconds();
    output(command)?;
    Ok(cpu::children_seconds() - before)
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {command:?}"))?;
    let printed = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {}", output.status, printed.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reports the memory of these processes and all below them. PSS divides shared pages, so the sum is
/// what the stack takes from the machine.
fn memory(name: &str, roots: &[(String, u32)], report: &mut Report) {
    let each: Vec<f64> = roots.iter().map(|(_, root)| pss_megabytes(*root, roots)).collect();
    report.row(name, "memory of the idle stack, PSS", "MB", &[each.iter().sum()], at_most(150.0));
    for ((service, _), megabytes) in roots.iter().zip(each) {
        report.row("", service, "MB", &[megabytes], None);
    }
}

/// Of a process and its descendants, without other roots.
fn pss_megabytes(pid: u32, roots: &[(String, u32)]) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
    let own: f64 = pss.and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|line| line.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    let below = children.into_iter().filter(|pid| roots.iter().all(|(_, root)| root != pid));
    own / 1024.0 + below.map(|pid| pss_megabytes(pid, roots)).sum::<f64>()
}
