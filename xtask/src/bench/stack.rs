//! What the tools themselves cost, measured from outside: by running `cargo xtask`.

use crate::{
    docker::{
        build::weigh,
        context::pack,
        engine::Engine,
        images::{IMAGES, Naming, named},
    },
    process::children_cpu_seconds,
    stack::{compose::record::Record, state::StateFolder},
    world::{World, capture},
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use xshell::{Cmd, cmd};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Skip the compilation of the stack, which takes minutes.
    #[arg(long)]
    no_compile: bool,
    /// How often quick figures are measured.
    #[arg(long, default_value_t = 7)]
    runs: usize,
}

/// How long the stack is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(10);

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let scratch = world.build_folder().join("squall-bench-stack");
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(&scratch)?;
    let bench = Bench {
        world,
        state: scratch.join("state"),
        cold_target: (!arguments.no_compile).then(|| scratch.join("target")),
    };
    println!("{:<24} {:>12} {:>19}  GOAL", "WHAT", "MEDIAN", "SPREAD");
    bench.xtask_compile(&scratch.join("xtask"))?;
    bench.xtask_noop(arguments.runs)?;
    // Stop the stack even if a measurement failed.
    let measured = bench.stack(arguments.runs);
    let down = bench.xtask(&["down", "--delete-data"]);
    let measured = measured.and(bench.containers(arguments.runs.min(3)));
    let down = bench.xtask(&["down", "--delete-data"]).and(down);
    let _ = fs::remove_dir_all(&scratch);
    measured.and(down.map(drop))
}

struct Bench<'a> {
    world: &'a World,
    state: PathBuf,
    /// An empty target folder.
    cold_target: Option<PathBuf>,
}

impl Bench<'_> {
    /// Against an empty crate with the same dependencies, which no code of xtask can beat.
    fn xtask_compile(&self, scratch: &Path) -> Result<()> {
        let (source, empty) = (self.world.root.join("xtask"), scratch.join("empty"));
        fs::create_dir_all(empty.join("src"))?;
        fs::write(empty.join("src/main.rs"), "fn main() {}\n")?;
        for file in ["Cargo.toml", "Cargo.lock"] {
            fs::copy(source.join(file), empty.join(file))?;
        }
        let [mut whole, mut dependencies] = [Vec::new(), Vec::new()];
        let shell = self.world.shell()?;
        // In turns, so that a machine that gets slower slows both.
        for _ in 0..3 {
            for (folder, seconds) in [(&source, &mut whole), (&empty, &mut dependencies)] {
                let _ = fs::remove_dir_all(scratch.join("target"));
                let manifest = folder.join("Cargo.toml");
                let cargo = cmd!(shell, "cargo build --quiet --locked --manifest-path {manifest}");
                seconds.push(cpu(cargo.env("CARGO_TARGET_DIR", scratch.join("target")))?);
            }
        }
        row("xtask.compile, CPU s", &mut whole, "≤ 1.1 × dependencies");
        row("  dependencies alone", &mut dependencies, "–");
        let ratio = whole[1] / dependencies[1];
        println!("{:<24} {ratio:>10.2} × {:>19}  ≤ 1.1 ×", "  ratio", "");
        Ok(())
    }

    fn xtask_noop(&self, runs: usize) -> Result<()> {
        let shell = self.world.shell()?;
        let noop = (0..runs.max(5)).map(|_| cpu(cmd!(shell, "cargo xtask")));
        row("xtask.noop, CPU s", &mut noop.collect::<Result<Vec<_>>>()?, "≤ 0.10 s");
        Ok(())
    }

    fn stack(&self, runs: usize) -> Result<()> {
        let up = || self.xtask(&["up", "--native", "--detach"]);
        let compile = self.cold_target.as_ref().map(|_| self.xtask(&["build", "rust", "--release"]));
        let compiled = compile.transpose()?;
        let first = up()?;
        row("up.first, the rest", &mut [first], "≤ 20 s");
        if let Some(compiled) = compiled {
            row("compilation", &mut [compiled], "most of up.first");
            row("up.first", &mut [compiled + first], "≤ 360 s");
        }
        let mut warm = (0..runs.max(1)).map(|_| up()).collect::<Result<Vec<_>>>()?;
        row("up.warm", &mut warm, "≤ 2 s");
        thread::sleep(IDLE);
        let state = StateFolder(self.state.clone()).status()?;
        let services = state.services.iter();
        let services = services.filter_map(|it| Some((it.name.clone(), it.process.as_ref()?.pid)));
        let supervisor = state.supervisor.iter().map(|process| ("supervisor".to_owned(), process.pid));
        memory("ram.idle, PSS", &services.chain(supervisor).collect::<Vec<_>>());
        row("down", &mut [self.xtask(&["down"])?], "–");
        row("up, all built", &mut [up()?], "–");
        Ok(())
    }

    /// The same stack in containers, where a Docker engine answers.
    fn containers(&self, runs: usize) -> Result<()> {
        let Ok(engine) = Engine::find() else {
            println!("{:<24} not measured: no Docker engine answers", "image.*, up.docker");
            return Ok(());
        };
        // Builds what changed and creates the volume; neither is part of the figure.
        self.xtask(&["up", "--docker", "--detach"])?;
        let mut again = Vec::new();
        for _ in 0..runs.max(1) {
            self.xtask(&["down"])?;
            again.push(self.xtask(&["up", "--docker", "--detach"])?);
        }
        row("up.docker", &mut again, "≤ 10 s");
        thread::sleep(IDLE);
        memory("ram.docker, PSS", &self.containers_of_stack(&engine)?);
        self.xtask(&["down"])?;
        for image in IMAGES.iter().filter(|image| image.usual) {
            let Ok(weighed) = weigh(&engine, image, &Naming::here()) else { continue };
            let goal = weighed.budget_megabytes.map_or("–".to_owned(), |budget| format!("≤ {budget} MB"));
            let is_above = image.budget.is_some_and(|(_, base)| base.is_some());
            let above = if is_above { ", above its base" } else { "" };
            megabytes(&format!("image.{}{above}", image.name), weighed.counted_bytes as f64 / 1e6, &goal);
        }
        for image in ["api", "ops", "edge"].into_iter().filter_map(named) {
            let bytes = fs::metadata(pack(self.world, &image)?)?.len();
            megabytes(&format!("image.context, {}", image.name), bytes as f64 / 1e6, "≤ 0.7 MB");
        }
        row("docker.probe", &mut [self.xtask(&["docker", "probe"])?], "–");
        Ok(())
    }

    /// Each service with the first process of its container.
    fn containers_of_stack(&self, engine: &Engine) -> Result<Vec<(String, u32)>> {
        let record = Record::load(&StateFolder(self.state.clone()))?;
        let project = record.map(|record| record.project).unwrap_or_default();
        let filter = format!("label=com.docker.compose.project={project}");
        let format = "{{index .Config.Labels \"com.docker.compose.service\"}} {{.State.Pid}}";
        let ids = engine.ask(&["ps", "--quiet", "--filter", &filter])?;
        let inspected = ids.lines().map(|id| {
            let answer = engine.ask(&["inspect", "--format", format, id])?;
            let (name, pid) = answer.trim().split_once(' ').context("docker inspect named no process")?;
            Ok((name.to_owned(), pid.parse()?))
        });
        inspected.collect()
    }

    /// Wall seconds of one `cargo xtask` command on the bench's own stack.
    fn xtask(&self, arguments: &[&str]) -> Result<f64> {
        let shell = self.world.shell()?;
        let cargo = cmd!(shell, "cargo xtask {arguments...}");
        let cargo = cargo.env("SQUALL_STATE", &self.state).env_remove("DATABASE_URL");
        let cargo = cargo.envs(self.cold_target.iter().map(|target| ("CARGO_TARGET_DIR", target)));
        let start = Instant::now();
        capture(cargo, NEXT)?;
        Ok(start.elapsed().as_secs_f64())
    }
}

/// CPU seconds of a command and all it runs.
fn cpu(command: Cmd) -> Result<f64> {
    let before = children_cpu_seconds()?;
    capture(command, NEXT)?;
    Ok(children_cpu_seconds()? - before)
}

const NEXT: &str = "fix what the message names, then measure again";

fn row(what: &str, seconds: &mut [f64], goal: &str) {
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let spread = match seconds {
        [first, .., last] => format!("{first:.2} – {last:.2} s"),
        _ => String::new(),
    };
    println!("{what:<24} {median:>10.2} s {spread:>19}  {goal}");
}

fn megabytes(what: &str, megabytes: f64, goal: &str) {
    println!("{what:<24} {megabytes:>9.1} MB {:>19}  {goal}", "");
}

/// The memory of these processes and all below them.
fn memory(what: &str, roots: &[(String, u32)]) {
    let mut total = 0.0;
    for (name, root) in roots {
        let kilobytes = pss_kilobytes(*root, roots);
        megabytes(&format!("  {name}"), kilobytes as f64 / 1024.0, "");
        total += kilobytes as f64 / 1024.0;
    }
    megabytes(what, total, "≤ 180 MB");
}

/// Of a process and its descendants, without other roots. PSS divides shared pages, so that the sum
/// is what the stack takes from the machine.
fn pss_kilobytes(pid: u32, roots: &[(String, u32)]) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let own =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse().ok());
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children = children.collect::<String>();
    let below = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    let below = below.filter(|pid| roots.iter().all(|(_, root)| root != pid));
    own.unwrap_or(0u64) + below.map(|pid| pss_kilobytes(pid, roots)).sum::<u64>()
}
