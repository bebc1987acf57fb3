//! Runs `cargo build` and shows how far it is.

use crate::{
    failure::Failure,
    process::{SIGTERM, die_with_parent},
    world::{World, show},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::HashSet,
    io::{BufRead, BufReader, IsTerminal, Write},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};
use xshell::cmd;

/// Runs `cargo build` for `packages` (the flags that select them) with more `options`.
pub fn build(world: &World, packages: &[&str], options: &[&str]) -> Result<()> {
    let shell = world.shell()?;
    let format = if std::io::stderr().is_terminal() { "json-diagnostic-rendered-ansi" } else { "json" };
    let build =
        cmd!(shell, "cargo build --locked --quiet --message-format={format} {packages...} {options...}");
    let mut command = Command::from(build);
    die_with_parent(&mut command, SIGTERM);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("starting cargo")?;
    let output = BufReader::new(child.stdout.take().context("cargo has no output")?);
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));

    let mut progress = Progress::start();
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => {
                let message: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(text) = message["message"]["rendered"].as_str() {
                    print(text);
                }
                if message["reason"] == "compiler-artifact" {
                    progress.count(&message, || all_packages(world, packages, options));
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        progress.show();
    }
    let status = child.wait()?;
    progress.finish(status.success());
    if status.success() {
        return Ok(());
    }
    let next = "fix the errors above, then run the command again";
    Err(Failure::new(show(&command), format!("it ended with {status}; its output is above"), next).into())
}

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
const SLOW: [(&str, u32); 10] = [
    ("squall-api", 66),
    ("squall-worker", 41),
    ("sqlx-postgres", 27),
    ("tokio", 18),
    ("squall-intake", 11),
    ("jiff", 9),
    ("redis", 7),
    ("squall-boot", 7),
    ("squall-live", 7),
    ("squall-grouping", 5),
];

fn weight(package: &str) -> u32 {
    let package = package.replace('_', "-");
    SLOW.iter().find(|(slow, _)| *slow == package).map_or(1, |(_, weight)| *weight)
}

/// Between two lines where the output is not a terminal.
const INTERVAL: Duration = Duration::from_secs(15);

struct Progress {
    terminal: bool,
    started: Instant,
    printed: Instant,
    /// Packages with at least one artifact.
    done: HashSet<String>,
    /// None until something is compiled: a build that has nothing to do should not count first.
    total: Option<Total>,
    /// The weights of `done`, and of those that had been compiled before.
    weight: u32,
    fresh: u32,
}

#[derive(Clone, Copy)]
struct Total {
    packages: usize,
    weight: u32,
}

impl Progress {
    fn start() -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, started: now, printed: now, done: HashSet::new(), total: None, weight: 0, fresh: 0 }
    }

    fn count(&mut self, artifact: &Value, all_packages: impl FnOnce() -> Result<Vec<String>>) {
        let is_fresh = artifact["fresh"] == true;
        if self.total.is_none() && !is_fresh {
            let names = all_packages().unwrap_or_default();
            let weight = names.iter().map(|name| weight(name)).sum();
            self.total = Some(Total { packages: names.len(), weight });
        }
        let name = artifact["target"]["name"].as_str().unwrap_or_default();
        let is_script = artifact["target"]["kind"][0] == "custom-build";
        let package = artifact["package_id"].as_str().unwrap_or_default();
        if !is_script && self.done.insert(package.to_owned()) {
            self.weight += weight(name);
            self.fresh += if is_fresh { weight(name) } else { 0 };
        }
    }

    fn show(&mut self) {
        let elapsed = self.started.elapsed();
        if self.total.is_none() && elapsed < Duration::from_secs(3) {
            return;
        }
        let line = match self.total {
            None => {
                "waiting for cargo: it downloads packages, or another cargo is using the build folder".into()
            }
            Some(total) => {
                format!("compiling {}/{}{}", self.done.len(), total.packages, self.left(total, elapsed))
            }
        };
        if self.terminal {
            eprint!("\r\x1b[2K{line}");
            let _ = std::io::stderr().flush();
        } else if self.printed.elapsed() >= INTERVAL {
            self.printed = Instant::now();
            eprintln!("{line}");
        }
    }

    fn left(&self, total: Total, elapsed: Duration) -> String {
        let compiled = self.weight - self.fresh;
        // The first packages say little about the others.
        if elapsed < Duration::from_secs(10) || compiled == 0 {
            return String::new();
        }
        let rate = elapsed.as_secs_f64() / f64::from(compiled);
        remaining(rate * f64::from(total.weight.saturating_sub(self.weight)))
    }

    fn finish(&self, successful: bool) {
        print("");
        if successful && self.total.is_some() {
            eprintln!("compiled in {} s", self.started.elapsed().as_secs());
        }
    }
}

/// Prints something else in place of the progress, which is drawn again below it.
pub fn print(text: &str) {
    let clear = if std::io::stderr().is_terminal() { "\r\x1b[2K" } else { "" };
    eprint!("{clear}{text}");
}

fn remaining(seconds: f64) -> String {
    match seconds as u64 {
        0..5 => ", almost done".into(),
        seconds @ 5..100 => format!(", about {} s left", seconds.next_multiple_of(10)),
        seconds => format!(", about {} min left", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(name: &str, fresh: bool) -> Value {
        serde_json::json!({
            "reason": "compiler-artifact", "package_id": name, "fresh": fresh,
            "target": { "name": name, "kind": ["lib"] },
        })
    }

    #[test]
    fn packages_are_counted_once_and_slow_ones_weigh_more() {
        let mut progress = Progress::start();
        let all = || Ok(["a", "b", "c", "squall-api"].map(String::from).to_vec());
        progress.count(&artifact("a", true), all);
        assert!(progress.total.is_none(), "nothing was compiled yet");
        for name in ["b", "b", "c"] {
            progress.count(&artifact(name, false), all);
        }
        let total = progress.total.unwrap();
        assert_eq!((progress.done.len(), total.packages), (3, 4));
        // Two packages in 20 s, and the slow one is left.
        let expected = remaining(10.0 * f64::from(weight("squall_api")));
        assert_eq!(progress.left(total, Duration::from_secs(20)), expected);
    }

    #[test]
    fn the_time_left_is_rounded() {
        for (seconds, expected) in [
            (2.0, ", almost done"),
            (41.0, ", about 50 s left"),
            (99.0, ", about 100 s left"),
            (100.0, ", about 2 min left"),
            (300.0, ", about 5 min left"),
        ] {
            assert_eq!(remaining(seconds), expected);
        }
    }
}
