//! A folder beside the repository and the processes of the benchmark. Both are gone at the end, and
//! after Ctrl-C.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use squall_base::failure::{Exit, Failure};
use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

/// `ci` ends its steps within two seconds.
const GRACE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Scratch {
    folder: TempDir,
    running: Running,
}

/// The process group that runs now.
type Running = Arc<Mutex<Option<Pid>>>;

/// A command that has ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Wall time.
    pub(super) seconds: f64,
    /// Standard output, then standard error.
    pub(super) printed: String,
}

impl Scratch {
    /// Beside the repository, so that copies stay in one file system.
    pub(super) fn beside(repository: &Path) -> Result<Self> {
        let parent = repository.parent().unwrap_or(repository);
        let folder =
            tempfile::Builder::new().prefix("squall-bench-ci-").tempdir_in(parent).map_err(|error| {
                let tried = format!("creating a folder in {}", parent.display());
                Failure::new(tried, error, "make that folder writable, or clone the repository elsewhere")
            })?;
        let running = Running::default();
        clean_up_on_signal(folder.path().to_owned(), Arc::clone(&running))?;
        Ok(Self { folder, running })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command to its end, whatever its status.
    pub(super) fn run(&self, command: &mut Command) -> Result<Ended> {
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let child = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            let child = command.spawn().map_err(|error| {
                let next = "run `cargo xtask doctor`, which shows how to get each tool";
                Failure::new(show(command), format!("it could not be started: {error}"), next)
            })?;
            *running = Pid::from_raw(child.id().cast_signed());
            child
        };
        let output = child.wait_with_output().with_context(|| show(command))?;
        let seconds = began.elapsed().as_secs_f64();
        // After a signal, this waits until everything is cleaned up and the process has ended.
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        Ok(Ended { status: output.status, seconds, printed })
    }

    /// Runs a command that must succeed.
    pub(super) fn succeed(&self, command: &mut Command, next: &str) -> Result<Ended> {
        let ended = self.run(command)?;
        if ended.status.success() { Ok(ended) } else { Err(ended.failure(command, next).into()) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Daemons of task runners.
        end_processes_in(self.folder.path());
    }
}

impl Ended {
    /// What was tried, and the last lines of what it printed.
    pub(super) fn failure(&self, command: &Command, next: &str) -> Failure {
        let lines: Vec<_> = self.printed.trim_end().lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n");
        Failure::new(show(command), format!("it ended with {}:\n{last}", self.status), next)
    }
}

/// A command as a person would type it.
fn show(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    match command.get_current_dir() {
        Some(folder) => format!("{words} (in {})", folder.display()),
        None => words,
    }
}

fn clean_up_on_signal(folder: PathBuf, running: Running) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build().context("listening for signals")?;
    let wait = stopped(&runtime)?;
    thread::spawn(move || {
        runtime.block_on(wait);
        eprintln!("stopping, and deleting {}", folder.display());
        // Held to the end of the process: nothing else is started.
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().for_each(|group| end_group(*group));
        end_processes_in(&folder);
        // Again if a copy was still being written.
        for _ in 0..3 {
            if fs::remove_dir_all(&folder).is_ok() {
                break;
            }
        }
        process::exit(Exit::Interrupted as i32);
    });
    Ok(())
}

/// Ends at Ctrl-C, SIGTERM, or when the terminal closes.
fn stopped(runtime: &Runtime) -> Result<impl Future<Output = ()> + Send + use<>> {
    let _context = runtime.enter();
    let listen = |kind| signal(kind).context("listening for signals");
    let (mut interrupt, mut terminate, mut hangup) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

fn end_group(group: Pid) {
    let _ = kill_process_group(group, Signal::TERM);
    let until = Instant::now() + GRACE;
    while test_kill_process_group(group).is_ok() && Instant::now() < until {
        thread::sleep(PAUSE);
    }
    let _ = kill_process_group(group, Signal::KILL);
}

/// Ends what still runs in the folder, such as a daemon of nx.
fn end_processes_in(folder: &Path) {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in entries {
        let pid = entry.file_name().to_str().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        let is_inside = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        if let (Some(pid), true) = (pid, is_inside) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
