//! What xshell and duct do not offer: process groups, children that end with their parent, signals.
//!
//! A process is named by its id and the time it started, since the kernel reuses ids. All `unsafe`
//! of xtask is in this file.

use anyhow::{Context, Result};
use duct::Expression;
use nix::{
    sys::signal::{SIGHUP, kill, killpg},
    unistd::{self, Pid},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

pub use nix::sys::signal::{SIGINT, SIGKILL, SIGTERM, Signal};

/// One process, and no other that gets its id later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub pid: u32,
    /// Only good for comparing.
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

    pub fn signal(&self, signal: Signal) {
        if self.is_alive() {
            let _ = kill(raw(self.pid), signal);
        }
    }

    /// Ask the process to end, and kill it after `grace`. Returns whether it ended on its own.
    pub fn stop(&self, signal: Signal, grace: Duration) -> bool {
        self.signal(signal);
        let has_ended = wait_until(grace, || !self.is_alive());
        if !has_ended && self.is_alive() {
            end_group(self.pid, SIGKILL);
            self.signal(SIGKILL);
            wait_until(Duration::from_secs(5), || !self.is_alive());
        }
        has_ended
    }
}

/// Check every 20 ms until `done` or the limit; returns whether it is done.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() >= limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Ticks since boot, and the boot. A dead process that nobody has waited for counts as gone.
#[cfg(target_os = "linux")]
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name before these may hold spaces and parentheses.
    let fields: Vec<_> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let ticks = fields.get(19).filter(|_| !["Z", "X"].contains(&fields[0]))?;
    Some(format!("{ticks}@{}", boot.get(..8).unwrap_or("")))
}

#[cfg(not(target_os = "linux"))]
fn start_time(pid: u32) -> Option<String> {
    let output = Command::new("ps").args(["-o", "lstart=,stat=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (started, state) = text.trim().rsplit_once(' ')?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

/// Whether a process is in the process group that `leader` leads.
pub fn is_in_group(pid: u32, leader: u32) -> bool {
    unistd::getpgid(Some(raw(pid))) == Ok(raw(leader))
}

pub fn is_root() -> bool {
    unistd::geteuid().is_root()
}

/// Signal a process, which must be a child of this one or of its children.
pub fn signal(pid: u32, signal: Signal) {
    let _ = kill(raw(pid), signal);
}

/// Become the parent of every descendant whose own parent ends.
///
/// Linux only; elsewhere what a step leaves running is not ended.
pub fn adopt_orphans() -> Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true).context("becoming the parent of orphans")?;
    Ok(())
}

/// All processes that come from this one.
#[cfg(target_os = "linux")]
pub fn descendants() -> Vec<u32> {
    let parent = |pid: u32| -> Option<(u32, u32)> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name before these may hold spaces and parentheses.
        let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
        let is_alive = !["Z", "X"].contains(&fields.next()?);
        is_alive.then_some((pid, fields.next()?.parse().ok()?))
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<_> = pids.filter_map(parent).collect();
    let mut found = vec![std::process::id()];
    let mut at = 0;
    while at < found.len() {
        let children = parents.iter().filter(|(_, parent)| *parent == found[at]);
        found.extend(children.map(|(pid, _)| *pid).collect::<Vec<_>>());
        at += 1;
    }
    found.split_off(1)
}

#[cfg(not(target_os = "linux"))]
pub fn descendants() -> Vec<u32> {
    Vec::new()
}

/// Forget the children that have ended. Always true, for use in a condition.
pub fn reap() -> bool {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while !matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive) | Err(_)) {}
    true
}

/// The cargo that runs this program: the one of a toolchain, not the proxy of rustup.
pub fn toolchain() -> Option<&'static PathBuf> {
    TOOLCHAIN.get()
}

static TOOLCHAIN: OnceLock<PathBuf> = OnceLock::new();

/// Signal a process group. After its leader was waited for, the id is not reused while a member
/// lives.
pub fn end_group(leader: u32, signal: Signal) {
    let _ = killpg(raw(leader), signal);
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

/// A child to be watched: it leads a process group, reads nothing, and gets `signal` when this
/// thread ends.
pub fn watched(command: &Command, signal: Signal) -> Expression {
    expression(command).before_spawn(move |command| {
        command.process_group(0);
        die_with_parent(command, signal);
        Ok(())
    })
}

/// A child that outlives this process, and that no Ctrl-C on its terminal reaches.
#[allow(unsafe_code)]
pub fn detached(command: &Command) -> Expression {
    expression(command).before_spawn(|command| {
        // SAFETY: setsid is async-signal-safe and takes nothing.
        unsafe { command.pre_exec(|| Ok(unistd::setsid().map(drop)?)) };
        Ok(())
    })
}

fn expression(command: &Command) -> Expression {
    let mut child = duct::cmd(command.get_program(), command.get_args()).stdin_null().unchecked();
    if let Some(folder) = command.get_current_dir() {
        child = child.dir(folder);
    }
    for (name, value) in command.get_envs() {
        child = value.map_or_else(|| child.env_remove(name), |value| child.env(name, value));
    }
    child
}

/// Send the process `signal` when the *thread* that spawned it ends, however it ends.
///
/// Linux only; elsewhere the next `up`, `down` or `ps` ends what a killed supervisor left running.
#[allow(unsafe_code)]
pub fn die_with_parent(command: &mut Command, signal: Signal) {
    let parent = Pid::this();
    let before_exec = move || {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_pdeathsig(signal)?;
        let _ = signal;
        // The parent may have died before the line above.
        if unistd::getppid() == parent { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made, and nothing is
    // allocated.
    unsafe { command.pre_exec(before_exec) };
}

/// Set by Ctrl-C, SIGTERM, or a terminal that closes.
pub fn stop_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal as i32, Arc::clone(&stop)).context("listening for signals")?;
    }
    Ok(stop)
}

/// Set the `defaults` that are not set, and remove what `cargo run` sets for xtask: it would make
/// every nested cargo call rebuild.
///
/// Must run before any thread exists.
#[allow(unsafe_code)]
pub fn prepare_environment(defaults: &BTreeMap<String, String>) {
    const EXACT: [&str; 5] =
        ["CARGO", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "RUST_RECURSION_COUNT", "OUT_DIR"];
    let is_set_by_cargo = |name: &str| {
        let is_for_package = |prefix: &&str| name.starts_with(*prefix);
        EXACT.contains(&name) || ["CARGO_PKG_", "CARGO_BIN_", "CARGO_MANIFEST_"].iter().any(is_for_package)
    };
    if let Some(cargo) = env::var_os("CARGO") {
        let _ = TOOLCHAIN.set(cargo.into());
    }
    let set: Vec<_> = env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    // Cargo puts the toolchain's and xtask's own folders in front of the user's.
    let added = ["/xtask/target/", "/rustlib/", "/toolchains/", "/debug"];
    let is_own = |folder: &&str| !folder.is_empty() && !added.iter().any(|part| folder.contains(part));
    let library_path = env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let library_path = library_path.split(':').filter(is_own).collect::<Vec<_>>().join(":");
    // SAFETY: called first thing in main, while there is one thread.
    unsafe {
        set.iter().filter(|name| is_set_by_cargo(name)).for_each(|name| env::remove_var(name));
        env::remove_var("LD_LIBRARY_PATH");
        if !library_path.is_empty() {
            env::set_var("LD_LIBRARY_PATH", library_path);
        }
        for (name, value) in defaults.iter().filter(|(name, _)| env::var_os(name).is_none()) {
            env::set_var(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_id_that_was_given_to_another_process_is_not_trusted() {
        assert!(ProcessId::own().unwrap().is_alive());
        let reused = ProcessId { pid: std::process::id(), started: "1@00000000".into() };
        assert!(!reused.is_alive());
        // This would end the test if the id alone were trusted.
        assert!(reused.stop(SIGKILL, Duration::ZERO));
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
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let mut sh = Command::new("sh");
        sh.args(["-c", "trap '' TERM; echo >\"$0\"; while :; do sleep 1; done"]).arg(&ready);
        let child = watched(&sh, SIGTERM).start().unwrap();
        assert!(wait_until(Duration::from_secs(5), || ready.exists()));
        let id = ProcessId::of(child.pids()[0]).unwrap();
        assert!(!id.stop(SIGTERM, Duration::from_millis(100)));
        assert!(!id.is_alive());
    }
}
