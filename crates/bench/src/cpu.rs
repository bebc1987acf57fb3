//! CPU time of processes, from `/proc`. On a shared machine it varies less than wall time.

use std::{collections::BTreeMap, fs};

/// `USER_HZ`, which Linux fixes at 100 for every architecture Squall runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// Processes to find by name. Linux cuts a name to 15 bytes.
const KNOWN: [(&str, &str); 2] = [("api", "squall-api"), ("worker", "squall-worker")];

#[derive(Debug, Default)]
pub(crate) struct Processes(BTreeMap<String, u32>);

/// CPU seconds by name.
pub(crate) type CpuSeconds = BTreeMap<String, f64>;

/// The required fields of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    ticks: u64,
    /// Ticks of children that have ended.
    ended_ticks: u64,
}

impl Processes {
    /// The named processes, and those that can be found: the generator is this process, PostgreSQL is the
    /// parent of `backend`, and the others are found by name if only one runs.
    pub(crate) fn find(named: &[(String, u32)], backend: u32) -> Self {
        let mut found = BTreeMap::from([("generator".to_owned(), std::process::id())]);
        if let Some(stat) = stat(backend)
            && command(backend).as_deref() == Some("postgres")
        {
            found.insert("postgres".into(), stat.parent);
        }
        for (name, runs_as) in KNOWN {
            let running: Vec<u32> = pids().filter(|&pid| command(pid).as_deref() == Some(runs_as)).collect();
            if let [pid] = running[..] {
                found.insert(name.into(), pid);
            }
        }
        found.extend(named.iter().cloned());
        Self(found)
    }

    /// CPU time since each started, including ended children.
    pub(crate) fn cpu_seconds(&self) -> CpuSeconds {
        let running: Vec<Stat> = pids().filter_map(stat).collect();
        let used = self.0.iter().filter_map(|(name, &pid)| {
            let own = stat(pid)?;
            let children: u64 =
                running.iter().filter(|child| child.parent == pid).map(|child| child.ticks).sum();
            #[expect(clippy::cast_precision_loss, reason = "ticks of years are below 2^53")]
            let seconds = (own.ticks + own.ended_ticks + children) as f64 / TICKS_A_SECOND;
            Some((name.clone(), seconds))
        });
        used.collect()
    }
}

/// CPU seconds of all descendants of this process that have ended.
pub(crate) fn children_seconds() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ticks of years are below 2^53")]
    let ticks = stat(std::process::id()).map_or(0.0, |stat| stat.ended_ticks as f64);
    ticks / TICKS_A_SECOND
}

pub(crate) fn used(before: &CpuSeconds, after: &CpuSeconds) -> CpuSeconds {
    let both = after.iter().filter_map(|(name, after)| Some((name.clone(), after - before.get(name)?)));
    both.collect()
}

/// Parses `name=pid`.
pub(crate) fn named_pid(text: &str) -> Result<(String, u32), String> {
    let named = text.split_once('=').and_then(|(name, pid)| Some((name.to_owned(), pid.parse().ok()?)));
    named.ok_or_else(|| "write it as name=pid, such as api=4711".to_owned())
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn command(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// proc_pid_stat(5): after the name in parentheses, which may contain anything, come state (3), parent (4), …,
/// user and system ticks (14, 15) and those of ended children (16, 17).
fn parse_stat(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: ticks(14)? + ticks(15)?,
        ended_ticks: ticks(16)? + ticks(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_past_an_odd_name() {
        let line = "42 (a) b (c)) S 7 42 42 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 1 0 100 1 1";
        assert_eq!(parse_stat(line), Some(Stat { parent: 7, ticks: 33, ended_ticks: 77 }));
        assert_eq!(parse_stat("42 (cut"), None);
    }

    #[test]
    fn pids_are_named() {
        assert_eq!(named_pid("api=12"), Ok(("api".to_owned(), 12)));
        assert!(named_pid("api").is_err() && named_pid("api=x").is_err());
    }

    #[test]
    fn this_process_has_used_some_time() {
        assert!(Processes::find(&[], 0).cpu_seconds()["generator"] >= 0.0);
    }
}
