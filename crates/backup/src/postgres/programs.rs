//! pg_dump and pg_restore as children. Their words on standard error become part of our error.

use super::Server;
use crate::failure::Failure;
use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
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

/// Of what a child says on standard error the end is kept: the reason stands there.
const SAID_LIMIT: usize = 4_000;
const READ: usize = 256 * 1024;

/// The folder of PostgreSQL's programs.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: Option<PathBuf>,
}

impl Programs {
    /// Finds pg_dump and pg_restore in a folder, or on the PATH, and checks that they are not older than
    /// the server (`server_version_num`), since an older pg_dump refuses.
    ///
    /// # Errors
    /// When one is missing or too old. The error says what to install or to set.
    pub async fn find(folder: Option<PathBuf>, server_version_number: i32) -> Result<Self> {
        let programs = Self { folder };
        for name in ["pg_dump", "pg_restore"] {
            programs.must_have(name, server_version_number / 10_000).await?;
        }
        Ok(programs)
    }

    /// The same with one program that needs no server.
    ///
    /// # Errors
    /// As [`Programs::find`].
    pub async fn find_one(folder: Option<PathBuf>, name: &str, server_version_number: i32) -> Result<Self> {
        let programs = Self { folder };
        programs.must_have(name, server_version_number / 10_000).await?;
        Ok(programs)
    }

    async fn must_have(&self, name: &str, needed: i32) -> Result<()> {
        let found = self.major_version(name).await.map_err(|wrong| self.missing(name, needed, &wrong))?;
        if found < needed {
            let wrong = format!("it is of PostgreSQL {found}, older than the server, which is {needed}");
            return Err(self.missing(name, needed, &wrong));
        }
        Ok(())
    }

    async fn major_version(&self, name: &str) -> Result<i32, String> {
        let asked = Command::new(self.path(name)).arg("--version").stdin(Stdio::null()).output().await;
        let answer = asked.map_err(|error| error.to_string())?;
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        let number = answer.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let digits: String = number.unwrap_or_default().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().map_err(|_| format!("it does not say its version but {:?}", answer.trim()))
    }

    fn missing(&self, name: &str, needed: i32, wrong: &str) -> anyhow::Error {
        let place = match &self.folder {
            Some(folder) => format!("in {} (SQUALL_PG_BIN)", folder.display()),
            None => "on the PATH".to_owned(),
        };
        Failure::new(
            format!("looking for {name} {place}"),
            wrong,
            format!(
                "install the PostgreSQL client {needed} (postgresql-client-{needed} on Debian and Ubuntu, \
                 postgresql{needed} on Fedora, libpq with Homebrew), or set SQUALL_PG_BIN to the folder of pg_dump"
            ),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.as_deref().map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    }

    /// Makes one data folder of a whole base and its increments, in this order. `into` is empty or not there.
    ///
    /// # Errors
    /// When pg_combinebackup finds that they do not belong together, or the disk is full.
    pub(crate) async fn combine(&self, bases: &[PathBuf], into: &Path) -> Result<()> {
        let mut command = Command::new(self.path("pg_combinebackup"));
        command.args(bases).arg("--output").arg(into).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("starting pg_combinebackup")?;
        let said = listen(&mut child);
        finish("pg_combinebackup", child, said).await
    }

    /// A program that finds the server in its environment.
    pub(crate) fn command(&self, name: &str, server: &Server) -> Command {
        let mut command = Command::new(self.path(name));
        command.env_remove("PGSERVICE").env_remove("PGOPTIONS").envs(server.environment());
        command.arg("--no-password").stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// Starts pg_dump or pg_basebackup with these arguments; what it writes comes as a stream that ends with an error
/// when the program failed.
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
    let said = listen(&mut child);
    Ok(stream::try_unfold(Some((child, stdout, said)), move |running| async move {
        let Some((child, mut stdout, said)) = running else { return Ok(None) };
        let chunk = read(&mut stdout).await.with_context(|| format!("reading from {name}"))?;
        if !chunk.is_empty() {
            return Ok(Some((chunk, Some((child, stdout, said)))));
        }
        finish(name, child, said).await?;
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
    let said = listen(&mut child);
    if let Some(chunks) = chunks {
        pour(chunks, &mut child).await?;
    }
    finish("pg_restore", child, said).await
}

async fn pour(mut chunks: Receiver<Result<Bytes>>, child: &mut Child) -> Result<()> {
    let mut stdin = child.stdin.take().context("taking the input of pg_restore")?;
    let mut open = true;
    while let Some(chunk) = chunks.recv().await {
        // The rest is read even when pg_restore has enough: the end of the stream says whether it was true.
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

/// Reads standard error in the background, so that a talkative child never waits for us.
fn listen(child: &mut Child) -> JoinHandle<String> {
    let stderr = child.stderr.take();
    tokio::spawn(async move {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let mut words = [0; 4096];
            while let Ok(read @ 1..) = stderr.read(&mut words).await {
                said.extend_from_slice(&words[..read]);
                let surplus = said.len().saturating_sub(SAID_LIMIT);
                said.drain(..surplus);
            }
        }
        String::from_utf8_lossy(&said).trim().to_owned()
    })
}

async fn finish(name: &str, mut child: Child, said: JoinHandle<String>) -> Result<()> {
    let status = child.wait().await.with_context(|| format!("waiting for {name}"))?;
    let said = said.await.unwrap_or_default();
    if !status.success() {
        let next = if said.contains("LOCK TABLE") {
            "another session holds a lock, perhaps a migration: run the command again when it is done"
        } else if said.contains("WAL summar") {
            "the server does not know any more what changed since the newest base: make a whole one with `squall-backup base`"
        } else {
            "its words say what is wrong; the log of the server says more"
        };
        return Err(Failure::new(format!("running {name}, which {}", ended(status)), said, next));
    }
    Ok(())
}

fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("failed with status {code}"),
        None => format!("was stopped ({status})"),
    }
}
