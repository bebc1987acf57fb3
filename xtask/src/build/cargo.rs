//! Runs `cargo build` and shows how far it is.

use crate::{
    failure::Failure,
    process::{SIGTERM, die_with_parent},
    world::{World, clear_line, show},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::HashSet,
    io::{BufRead, BufReader, IsTerminal, stderr},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};
use xshell::cmd;

/// Runs `cargo build` for `packages` (the flags that select them) with more `options`.
pub fn build(world: &World, packages: &[&str], options: &[&str]) -> Result<()> {
    let (shell, terminal) = (world.shell()?, stderr().is_terminal());
    let format = if terminal { "json-diagnostic-rendered-ansi" } else { "json" };
    let build = cmd!(shell, "cargo build --locked --quiet --message-format={format} {packages...}");
    let mut command = Command::from(build.args(options));
    die_with_parent(&mut command, SIGTERM);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting cargo")?;
    let output = BufReader::new(child.stdout.take().context("cargo has no output")?);
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));

    let (started, mut printed) = (Instant::now(), Instant::now());
    let mut progress = Progress::default();
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => {
                let message: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(text) = message["message"]["rendered"].as_str() {
                    eprint!("{}{text}", clear_line());
                }
                if message["reason"] == "compiler-artifact" {
                    progress.count(&message, || all_packages(world, packages, options));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let Some(line) = progress.line(started.elapsed()) else { continue };
        if terminal {
            eprint!("{}{line}", clear_line());
        } else if printed.elapsed() >= INTERVAL {
            printed = Instant::now();
            eprintln!("{line}");
        }
    }
    let status = child.wait()?;
    eprint!("{}", clear_line());
    if !status.success() {
        let next = "fix the errors above, then run the command again";
        let wrong = format!("it exited with {status}; its output is above");
        return Err(Failure::new(show(&command), wrong, next).into());
    }
    if progress.total.is_some() {
        eprintln!("compiled in {} s", started.elapsed().as_secs());
    }
    Ok(())
}

/// Between two lines where the output is not a terminal.
const INTERVAL: Duration = Duration::from_secs(15);

/// The names of the packages that a build compiles.
fn all_packages(world: &World, packages: &[&str], options: &[&str]) -> Result<Vec<String>> {
    let shell = world.shell()?;
    let edges = if options.contains(&"--all-targets") { "normal,build,dev" } else { "normal,build" };
    let tree = cmd!(shell, "cargo tree --locked --prefix none --edges {edges} {packages...}");
    let listed = world.capture(tree, "see the message of cargo above")?;
    // `serde v1.0.0`, with `(*)` where it was listed before.
    let lines: HashSet<&str> = listed.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    Ok(lines.iter().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect())
}

/// CPU seconds of the packages that take much longer than the others, which take about one.
const SLOW: [(&str, u32); 5] =
    [("squall-api", 66), ("squall-worker", 41), ("sqlx-postgres", 27), ("tokio", 18), ("squall-intake", 11)];

fn weight(package: &str) -> u32 {
    let package = package.replace('_', "-");
    SLOW.iter().find(|(slow, _)| *slow == package).map_or(1, |(_, weight)| *weight)
}

#[derive(Default)]
struct Progress {
    /// Packages with at least one artifact, and their weight.
    done: HashSet<String>,
    weight: u32,
    /// The weight of those that had been compiled before.
    fresh: u32,
    /// Packages and their weight. None until something is compiled: a build that has nothing to do
    /// should not count first.
    total: Option<(usize, u32)>,
}

impl Progress {
    fn count(&mut self, artifact: &Value, all_packages: impl FnOnce() -> Result<Vec<String>>) {
        let is_fresh = artifact["fresh"] == true;
        if self.total.is_none() && !is_fresh {
            let names = all_packages().unwrap_or_default();
            self.total = Some((names.len(), names.iter().map(|name| weight(name)).sum()));
        }
        let (package, target) = (artifact["package_id"].as_str().unwrap_or_default(), &artifact["target"]);
        if target["kind"][0] != "custom-build" && self.done.insert(package.to_owned()) {
            let weight = weight(target["name"].as_str().unwrap_or_default());
            self.weight += weight;
            self.fresh += if is_fresh { weight } else { 0 };
        }
    }

    fn line(&self, elapsed: Duration) -> Option<String> {
        let Some((packages, weight)) = self.total else {
            let waiting =
                "waiting for cargo: it downloads packages, or another cargo is using the build folder";
            return (elapsed > Duration::from_secs(3)).then(|| waiting.to_owned());
        };
        let compiled = self.weight - self.fresh;
        let seconds =
            elapsed.as_secs_f64() / f64::from(compiled) * f64::from(weight.saturating_sub(self.weight));
        let left = match seconds as u64 {
            // The first packages say little about the others.
            _ if elapsed < Duration::from_secs(10) || compiled == 0 => String::new(),
            0..5 => ", almost done".into(),
            seconds @ 5..100 => format!(", about {} s left", seconds.next_multiple_of(10)),
            seconds => format!(", about {} min left", (seconds + 30) / 60),
        };
        Some(format!("compiling {}/{packages}{left}", self.done.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_counted_once_and_slow_ones_weigh_more() {
        let mut progress = Progress::default();
        let mut count = |name: &str, fresh: bool| {
            let target = serde_json::json!({ "name": name, "kind": ["lib"] });
            let artifact = serde_json::json!({ "package_id": name, "fresh": fresh, "target": target });
            progress.count(&artifact, || Ok(["a", "b", "c", "squall-api"].map(String::from).to_vec()));
            progress.total
        };
        assert_eq!(count("a", true), None, "nothing was compiled yet");
        assert_eq!(["b", "b", "c"].map(|name| count(name, false)), [Some((4, 3 + weight("squall_api"))); 3]);
        // Two packages take 6 s each, and one that takes 66 times as long is left.
        assert_eq!(progress.line(Duration::from_secs(9)).unwrap(), "compiling 3/4");
        assert_eq!(progress.line(Duration::from_secs(12)).unwrap(), "compiling 3/4, about 7 min left");
        progress.weight = progress.total.unwrap().1 - 2;
        for (seconds, expected) in [(60, "almost done"), (300, "about 10 s left"), (4000, "about 2 min left")]
        {
            let line = progress.line(Duration::from_secs(seconds)).unwrap();
            assert_eq!(line, format!("compiling 3/4, {expected}"));
        }
    }
}
