//! A child process that is killed when it is dropped.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A running Squall program.
pub struct Process(Child);

impl Process {
    /// Starts a binary with its output appended to `<folder>/<binary>.log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(name: &str, args: &[&str], variables: &[(&str, &str)], folder: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(folder.join(format!("{name}.log")))?;
        let child = command(name, args, variables)?
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self(child))
    }

    /// Sends SIGTERM and waits until it ends.
    ///
    /// # Errors
    /// When the process ends with a failure.
    pub fn stop(mut self) -> Result<()> {
        signal(self.0.id(), "TERM")?;
        let status = self.0.wait()?;
        ensure!(status.success(), "a process that was stopped ended with {status}");
        Ok(())
    }
}

impl Drop for Process {
    /// SIGKILL gives the process no chance to clean up.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program and returns its output.
///
/// # Errors
/// When it fails, with its standard error.
pub fn run(name: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let output = command(name, args, variables)?.output().with_context(|| format!("running {name}"))?;
    ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Sends a signal to a process.
///
/// # Errors
/// When the process does not exist.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status()?;
    ensure!(status.success(), "process {pid} could not be sent SIG{name}");
    Ok(())
}

/// A port that was free a moment ago.
///
/// # Errors
/// When no port is free.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn command(name: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<Command> {
    let mut command = Command::new(binary(name)?);
    // The variables of the test run must not leak into the processes under test.
    for (key, _) in env::vars().filter(|(key, _)| {
        ["SQUALL_", "OTEL_", "DATABASE_URL", "REDIS_URL"].iter().any(|it| key.starts_with(it))
    }) {
        command.env_remove(key);
    }
    command.args(args).envs(variables.iter().copied());
    Ok(command)
}

/// The program in the target folder of this test.
fn binary(name: &str) -> Result<PathBuf> {
    let test = env::current_exe()?;
    let folder = test.ancestors().nth(2).context("the test is not in a target folder")?;
    let path = folder.join(name);
    ensure!(
        path.exists(),
        "{} is not built: run `cargo build --workspace --bins`, or `cargo xtask test rust`",
        path.display()
    );
    Ok(path)
}
