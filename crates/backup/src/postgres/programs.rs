//! pg_dump and pg_restore as child processes. Their standard error becomes part of an error.

use super::Server;
use crate::failure::failure;
use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use squall_base::postgres::{program, programs_folder};
use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdout, Command},
    sync::mpsc::Receiver,
    task::JoinHandle,
};

/// Only the end of standard error is kept, because the reason is there.
const STDERR_LIMIT: usize = 4_000;
const READ: usize = 256 * 1024;

/// The folder of PostgreSQL's programs.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: Option<PathBuf>,
}

impl Programs {
    /// Finds pg_dump and pg_restore in `SQUALL_PG_BIN` or on the PATH, and checks that they are not
    /// older than the server (`server_version_num`): an older pg_dump refuses to work.
    ///
    /// # Errors
    /// When one is missing or too old, with what to install or set.
    pub async fn find(server_version_number: i32) -> Result<Self> {
        let programs = Self { folder: programs_folder() };
        for name in ["pg_dump", "pg_restore"] {
            programs.require(name, server_version_number / 10_000).await?;
        }
        Ok(programs)
    }

    /// Finds one program that works without a server.
    ///
    /// # Errors
    /// As [`Programs::find`].
    pub async fn find_one(name: &str, server_version_number: i32) -> Result<Self> {
        let programs = Self { folder: programs_folder() };
        programs.require(name, server_version_number / 10_000).await?;
        Ok(programs)
    }

    async fn require(&self, name: &str, needed: i32) -> Result<()> {
        let found = self.major_version(name).await.map_err(|wrong| self.missing(name, needed, &wrong))?;
        if found < needed {
            let wrong =
                format!("it belongs to PostgreSQL {found}, which is older than the server ({needed})");
            return Err(self.missing(name, needed, &wrong));
        }
        Ok(())
    }

    async fn major_version(&self, name: &str) -> Result<i32, String> {
        let output = Command::new(self.path(name)).arg("--version").stdin(Stdio::null()).output().await;
        let answer = output.map_err(|error| error.to_string())?;
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        let number = answer.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let digits: String = number.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().map_err(|_| format!("it printed {:?} instead of its version", answer.trim()))
    }

    fn missing(&self, name: &str, needed: i32, wrong: &str) -> anyhow::Error {
        let location = match &self.folder {
            Some(folder) => format!("in {} (SQUALL_PG_BIN)", folder.display()),
            None => "on the PATH".to_owned(),
        };
        failure(
            format!("looking for {name} {location}"),
            wrong,
            format!(
                "install the PostgreSQL client {needed} (postgresql-client-{needed} on Debian and Ubuntu, \
                 postgresql{needed} on Fedora, libpq with Homebrew), or set SQUALL_PG_BIN to the folder of pg_dump"
            ),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        program(self.folder.as_deref(), name)
    }

    /// Merges a full base and its increments, in this order, into one new or empty folder.
    ///
    /// # Errors
    /// When pg_combinebackup finds that they do not belong together, or the disk is full.
    pub(crate) async fn combine(&self, bases: &[PathBuf], into: &Path) -> Result<()> {
        let mut command = Command::new(self.path("pg_combinebackup"));
        command.args(bases).arg("--output").arg(into).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("starting pg_combinebackup")?;
        let stderr = read_stderr(&mut child);
        finish("pg_combinebackup", child, stderr).await
    }

    /// A program that gets the address of the server in its environment.
    pub(crate) fn command(&self, name: &str, server: &Server) -> Command {
        let mut command = Command::new(self.path(name));
        command.env_remove("PGSERVICE").env_remove("PGOPTIONS").envs(server.environment());
        command.arg("--no-password").stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Starts pg_dump or pg_basebackup and returns its output as a stream, which ends with an error
/// when the program fails.
///
/// # Errors
/// When it cannot be started.
pub fn output(
    programs: &Programs,
    server: &Server,
    name: &'static str,
    arguments: &[String],
) -> Result<impl Stream<Item = Result<Bytes>> + use<>> {
    let mut command = programs.command(name, server);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
    let stdout = child.stdout.take().with_context(|| format!("taking the output of {name}"))?;
    let stderr = read_stderr(&mut child);
    Ok(stream::try_unfold(Some((child, stdout, stderr)), move |running| async move {
        let Some((child, mut stdout, stderr)) = running else { return Ok(None) };
        let chunk = read(&mut stdout).await.with_context(|| format!("reading from {name}"))?;
        if !chunk.is_empty() {
            return Ok(Some((chunk, Some((child, stdout, stderr)))));
        }
        finish(name, child, stderr).await?;
        Ok(None)
    }))
}

/// Where pg_restore takes its archive from.
pub enum Archive<'a> {
    /// A stream: it goes to the child's standard input.
    Stream(Receiver<Result<Bytes>>),
    /// A file, which several jobs may read at once.
    File(&'a Path),
}

/// Runs pg_restore to its end. An error of the stream wins over what pg_restore makes of the cut.
///
/// # Errors
/// When the stream or pg_restore fails.
pub async fn restore_archive(
    programs: &Programs,
    server: &Server,
    arguments: &[&str],
    archive: Archive<'_>,
) -> Result<()> {
    let mut command = programs.command("pg_restore", server);
    command.args(["--no-owner", "--exit-on-error", "--dbname", server.database()]).args(arguments);
    command.stdout(Stdio::null());
    let (input, chunks) = match archive {
        Archive::Stream(chunks) => (Stdio::piped(), Some(chunks)),
        Archive::File(file) => {
            command.arg(file);
            (Stdio::null(), None)
        }
    };
    let mut child = command.stdin(input).spawn().context("starting pg_restore")?;
    let stderr = read_stderr(&mut child);
    if let Some(chunks) = chunks {
        feed(chunks, &mut child).await?;
    }
    finish("pg_restore", child, stderr).await
}

async fn feed(mut chunks: Receiver<Result<Bytes>>, child: &mut Child) -> Result<()> {
    let mut stdin = child.stdin.take().context("taking the input of pg_restore")?;
    let mut open = true;
    while let Some(chunk) = chunks.recv().await {
        // Read to the end even if pg_restore has stopped reading: only the end shows whether the
        // stream was intact.
        let chunk = chunk?;
        if open {
            open = stdin.write_all(&chunk).await.is_ok();
        }
    }
    Ok(())
}

async fn read(stdout: &mut ChildStdout) -> Result<Bytes> {
    let mut chunk = BytesMut::with_capacity(READ);
    stdout.read_buf(&mut chunk).await?;
    Ok(chunk.freeze())
}

/// Reads standard error in the background, so that a child with much output never blocks.
fn read_stderr(child: &mut Child) -> JoinHandle<String> {
    let pipe = child.stderr.take();
    tokio::spawn(async move {
        let mut end = Vec::new();
        if let Some(mut pipe) = pipe {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                end.extend_from_slice(&buffer[..read]);
                let surplus = end.len().saturating_sub(STDERR_LIMIT);
                end.drain(..surplus);
            }
        }
        String::from_utf8_lossy(&end).trim().to_owned()
    })
}

async fn finish(name: &str, mut child: Child, stderr: JoinHandle<String>) -> Result<()> {
    let status = child.wait().await.with_context(|| format!("waiting for {name}"))?;
    let stderr = stderr.await.unwrap_or_default();
    if !status.success() {
        let next = if stderr.contains("LOCK TABLE") {
            "another session holds a lock, perhaps a migration; run the command again when that has ended"
        } else if stderr.contains("WAL summar") {
            "the server no longer knows what changed since the newest base; make a full one with `squall-backup base`"
        } else {
            "read its messages above, and the log of the server"
        };
        return Err(failure(format!("running {name}, which {}", ended(status)), stderr, next));
    }
    Ok(())
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("failed with status {code}"),
        None => format!("was killed ({status})"),
    }
}
