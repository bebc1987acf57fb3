//! Processes of this machine: who they are, how they die, what they cost.
//!
//! A process is named by its id together with the time it started, since the kernel gives ids away again.
//! All `unsafe` of xtask stands in this file: four system calls that the standard library does not offer.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::CommandExt,
    process::Command,
    thread,
    time::{Duration, Instant},
};

pub use libc::{SIGINT, SIGKILL, SIGTERM};

/// One process, and no other that may get its id later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub pid: u32,
    /// When it started, in a form that only equality makes sense for.
    pub started: String,
}

impl ProcessId {
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, started: start_time(pid)? })
    }

    pub fn own() -> Result<Self> {
        Self::of(std::process::id()).context("reading the start time of this process")
    }

    pub fn is_alive(&self) -> bool {
        start_time(self.pid).as_deref() == Some(&self.started)
    }

    /// Sends a signal to the process, if it is still the one that was meant.
    pub fn signal(&self, signal: i32) {
        if self.is_alive() {
            send(i64::from(self.pid), signal);
        }
    }

    /// Kills the process and all that stayed in its group.
    pub fn kill_group(&self) {
        if self.is_alive() {
            send(-i64::from(self.pid), SIGKILL);
            send(i64::from(self.pid), SIGKILL);
        }
    }

    /// Kills what a child of ours, just waited for, has left in its group; the group's id is not given away before.
    pub fn kill_rest_of_group(&self) {
        send(-i64::from(self.pid), SIGKILL);
    }

    /// Asks the process to end, and makes it end after `grace`. Says whether it went by itself.
    pub fn stop(&self, signal: i32, grace: Duration) -> bool {
        self.signal(signal);
        if wait_until(grace, || !self.is_alive()) {
            return true;
        }
        self.kill_group();
        wait_until(Duration::from_secs(5), || !self.is_alive());
        false
    }
}

/// Looks every 20 ms until `done` or the time is over; says whether it is done.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if done() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Ticks since boot, with the boot they count from; a dead process that nobody has waited for counts as gone.
#[cfg(target_os = "linux")]
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold spaces and parentheses itself.
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let ticks = fields.nth(18)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{ticks}@{}", boot.get(..8).unwrap_or("")))
}

#[cfg(not(target_os = "linux"))]
fn start_time(pid: u32) -> Option<String> {
    let output = Command::new("ps").args(["-o", "lstart=,stat=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (started, state) = text.trim().rsplit_once(' ')?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// The process group that a process is in, where it can be known.
pub fn group(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.get(stat.rfind(')')? + 2..)?.split(' ').nth(2)?.parse().ok()
}

/// The executable's file name, as far as it can be known.
pub fn name(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned())
}

pub fn is_root() -> bool {
    effective_user() == 0
}

#[allow(unsafe_code)]
pub fn effective_user() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// Asks a child that leads a group, and all in the group, to end.
pub fn end_group(pid: u32) {
    send(-i64::from(pid), SIGTERM);
}

#[allow(unsafe_code)]
fn send(pid: i64, signal: i32) {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return };
    // SAFETY: kill takes plain numbers; a process that is gone is an error we do not need.
    unsafe { libc::kill(pid, signal) };
}

/// The process gets `signal` when the *thread* that spawned it ends, however it ends.
///
/// Linux only; elsewhere the next `up`, `down` or `ps` cleans up what a killed supervisor left.
#[allow(unsafe_code)]
pub fn die_with_parent(command: &mut Command, signal: i32) {
    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe calls are made, and nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            #[cfg(target_os = "linux")]
            {
                libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong);
                // The parent may have died before the line above.
                if libc::getppid() as u32 != parent {
                    libc::_exit(1);
                }
            }
            let _ = (signal, parent);
            Ok(())
        });
    }
}

/// The process leaves our terminal, so that it outlives us and no Ctrl-C reaches it.
#[allow(unsafe_code)]
pub fn own_session(command: &mut Command) {
    // SAFETY: setsid is async-signal-safe and takes nothing.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            Ok(())
        });
    }
}

/// CPU seconds of all children that were waited for, and of their children.
#[allow(unsafe_code)]
pub fn children_cpu_seconds() -> f64 {
    // SAFETY: an all-zero rusage is valid, and getrusage only writes to it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Takes away what `cargo run` sets for xtask: it would make every nested cargo call rebuild.
///
/// Must run before any thread exists.
#[allow(unsafe_code)]
pub fn forget_cargo_run() {
    const EXACT: [&str; 5] =
        ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "RUST_RECURSION_COUNT", "OUT_DIR"];
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_"];
    let ours = |name: &str| EXACT.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let names: Vec<_> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| ours(name))
        .collect();
    // Cargo puts the toolchain's and xtask's own folders in front of the user's.
    let library_path = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let kept: Vec<_> = library_path
        .split(':')
        .filter(|folder| {
            !folder.is_empty() && !folder.contains("/xtask/target/") && !folder.contains("/rustlib/")
        })
        .filter(|folder| !folder.contains("/toolchains/") && !folder.contains("/debug"))
        .collect();
    // SAFETY: called first thing in main, while there is one thread.
    unsafe {
        names.iter().for_each(|name| std::env::remove_var(name));
        match kept.is_empty() {
            true => std::env::remove_var("LD_LIBRARY_PATH"),
            false => std::env::set_var("LD_LIBRARY_PATH", kept.join(":")),
        }
    }
}

/// Adds variables that are not set yet, for us and for all we run.
///
/// Must run before any thread exists.
#[allow(unsafe_code)]
pub fn add_to_environment(variables: &BTreeMap<String, String>) {
    for (name, value) in variables.iter().filter(|(name, _)| std::env::var_os(name).is_none()) {
        // SAFETY: called at the start of main, while there is one thread.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Makes a program of a script. Another process writes it: a file that this one has open while a thread of it forks is busy for a
/// moment after it was closed, and cannot be run.
#[cfg(test)]
pub fn write_script(path: &std::path::Path, text: &str) {
    let mut sh = std::process::Command::new("sh");
    sh.args(["-c", "printf %s \"$1\" >\"$0\" && chmod 700 \"$0\""]).arg(path).arg(text);
    assert!(sh.status().unwrap().success());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_is_alive() {
        assert!(ProcessId::own().unwrap().is_alive());
    }

    #[test]
    fn a_process_id_that_was_given_to_another_process_is_not_trusted() {
        let reused = ProcessId { pid: std::process::id(), started: "1@00000000".into() };
        assert!(!reused.is_alive());
        // This would end the test if the id alone were trusted.
        reused.signal(SIGKILL);
        reused.kill_group();
    }

    #[test]
    fn a_dead_process_that_nobody_waited_for_is_gone() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id();
        assert!(wait_until(Duration::from_secs(5), || ProcessId::of(pid).is_none()));
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_ignores_the_first_signal_is_killed() {
        let script = "trap '' TERM; echo ready; while :; do sleep 1; done";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .process_group(0)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
            .unwrap();
        let id = ProcessId::of(child.id()).unwrap();
        assert!(!id.stop(SIGTERM, Duration::from_millis(100)));
        assert!(!id.is_alive());
        child.wait().unwrap();
    }
}
