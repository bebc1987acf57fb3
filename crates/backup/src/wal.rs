//! `wal`: keeps the write-ahead log, so that a base can be taken to any later moment.
//!
//! pg_receivewal follows the server through a replication slot into a spool folder; whatever was not received when
//! this process was away, the slot holds back. A full segment goes to the store and then leaves the spool. The one
//! being written goes there too, again and again, so that at most [`Request::flush`] is lost with the machine.
//! A segment in the store counts when its facts `<segment>.json` are there: they are written last.

use crate::{
    failure::Failure,
    keys::Recipients,
    manifest::{FileEntry, FileKind},
    postgres::{Programs, Server},
    store::Store,
    stream::{Stop, seal},
};
use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{fs::File, io::AsyncReadExt, process::Child};

/// The folder of all segments.
const SEGMENTS: &str = "wal";
/// Between two looks at the spool.
const PAUSE: Duration = Duration::from_secs(1);
const READ: usize = 256 * 1024;
/// The slot at the server; one is enough, and a second receiver is refused by it.
const SLOT: &str = "squall_backup";

/// What to follow, and where to keep it.
#[derive(Debug)]
pub struct Request<'a> {
    /// The server; the role needs the right REPLICATION.
    pub server: &'a Server,
    /// pg_receivewal.
    pub programs: &'a Programs,
    /// Where segments go.
    pub store: &'a Store,
    /// Who can read them.
    pub recipients: &'a Recipients,
    /// A folder for what is on its way.
    pub spool: PathBuf,
    /// How often the segment being written is kept.
    pub flush: Duration,
    /// Ends it, after what was received has been kept.
    pub stop: &'a Stop,
}

/// Follows the server until it is asked to stop.
///
/// # Errors
/// When the server refuses, ends the connection, or the store fails. What is in the spool stays for the next time.
pub async fn receive(request: &Request<'_>) -> Result<()> {
    tokio::fs::create_dir_all(&request.spool).await.with_context(|| {
        format!(
            "making the folder {} for segments on their way; name another one with --spool",
            request.spool.display()
        )
    })?;
    create_slot(request).await?;
    let mut receiver = start(request)?;
    let mut kept = BTreeMap::new();
    loop {
        let stopping = request.stop.is_asked();
        if stopping {
            end(&mut receiver).await;
        }
        keep_spooled(request, &mut kept, stopping).await?;
        if stopping {
            return Ok(());
        }
        tokio::select! {
            biased;
            ended = receiver.wait() => {
                let status = ended.context("waiting for pg_receivewal")?;
                return Err(Failure::new(
                    "following the write-ahead log",
                    format!("pg_receivewal ended with {status}; its words are above"),
                    "mend what it names and start again: the slot at the server holds back what was not received",
                ));
            }
            _ = request.stop.or(async { tokio::time::sleep(PAUSE).await; Ok(()) }) => {}
        }
    }
}

async fn create_slot(request: &Request<'_>) -> Result<()> {
    let mut command = request.programs.command("pg_receivewal", request.server);
    let made = command.args(["--create-slot", "--if-not-exists", "--slot", SLOT]).output().await;
    let made = made.context("starting pg_receivewal")?;
    if made.status.success() {
        return Ok(());
    }
    Err(Failure::new(
        format!("making the replication slot {SLOT} at {}", request.server.place()),
        String::from_utf8_lossy(&made.stderr).trim(),
        "give the role the right REPLICATION, let pg_hba.conf take replication connections, and see that wal_level is replica",
    ))
}

fn start(request: &Request<'_>) -> Result<Child> {
    let mut command = request.programs.command("pg_receivewal", request.server);
    command.arg("--directory").arg(&request.spool).args(["--slot", SLOT, "--no-loop", "--status-interval=5"]);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    command.spawn().context("starting pg_receivewal")
}

async fn end(receiver: &mut Child) {
    if let Some(id) = receiver.id().and_then(|id| i32::try_from(id).ok()) {
        // It writes what it has and ends by itself on an interrupt.
        let _ = tokio::process::Command::new("kill").args(["-INT", &id.to_string()]).status().await;
    }
    let _ = tokio::time::timeout(Duration::from_secs(10), receiver.wait()).await;
}

/// Sends what the spool holds to the store. Full segments leave the spool.
async fn keep_spooled(request: &Request<'_>, kept: &mut BTreeMap<String, Instant>, all: bool) -> Result<()> {
    for name in spooled(&request.spool).await? {
        let local = request.spool.join(&name);
        // pg_receivewal gives a segment its full name the moment it is full: it is met under that name next time.
        let Some(file) = open(&local).await? else { continue };
        if let Some(segment) = name.strip_suffix(".partial") {
            let due = kept.get(&name).is_none_or(|last| last.elapsed() >= request.flush);
            if is_segment(segment) && (all || due) {
                keep(request, file, &name).await?;
                kept.insert(name, Instant::now());
            }
            continue;
        }
        keep(request, file, &name).await?;
        tokio::fs::remove_file(&local).await.with_context(|| format!("removing {}", local.display()))?;
        let partial = format!("{name}.partial");
        for path in [facts(&partial), content(&partial)] {
            request.store.delete(&path).await?;
        }
        kept.remove(&partial);
    }
    Ok(())
}

/// Full segments first and in order, then the one being written.
async fn spooled(spool: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut entries =
        tokio::fs::read_dir(spool).await.with_context(|| format!("reading {}", spool.display()))?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_segment(name.trim_end_matches(".partial")) || name.ends_with(".history") {
            names.push(name);
        }
    }
    names.sort_by_key(|name| (name.ends_with(".partial"), name.clone()));
    Ok(names)
}

async fn keep(request: &Request<'_>, file: File, name: &str) -> Result<()> {
    let source = chunks(file);
    // What was begun is finished even when the process is asked to stop: it is small.
    let sealed =
        seal(request.store, &content(name), source, request.recipients, &Stop::default(), |_| {}).await?;
    let entry = FileEntry {
        name: name.to_owned(),
        kind: FileKind::Wal,
        plain_bytes: sealed.plain_bytes,
        stored_bytes: sealed.stored_bytes,
        blake3: sealed.blake3,
    };
    let written = serde_json::to_vec(&entry).context("writing the facts of a segment as JSON")?;
    request.store.put(&facts(name), written.into()).await
}

/// The segments from `first` on, in order, with the history of timelines. A segment that was never filled is there
/// as `.partial`.
///
/// # Errors
/// When the store cannot be read.
pub async fn segments(store: &Store, first: &str) -> Result<Vec<FileEntry>> {
    let mut segments = Vec::new();
    for entry in store.list(SEGMENTS).await? {
        let name =
            entry.path.strip_prefix(&format!("{SEGMENTS}/")).and_then(|name| name.strip_suffix(".json"));
        let Some(name) = name.filter(|name| name.ends_with(".history") || *name >= first) else { continue };
        let Some(written) = store.get(&entry.path).await? else { continue };
        let entry: FileEntry = serde_json::from_slice(&written).map_err(|error| {
            let next = "choose a time before it, or restore a dump with `squall-backup restore`";
            Failure::new(format!("reading {} in {}", entry.path, store.location()), error, next)
        })?;
        if entry.name != name {
            bail!("{}/{} speaks of {}: the files were mixed up", store.location(), facts(name), entry.name);
        }
        segments.push(entry);
    }
    Ok(segments)
}

/// Removes the segments before `first`.
pub(crate) async fn forget_before(store: &Store, first: &str) -> Result<()> {
    for entry in store.list(SEGMENTS).await? {
        let name = entry.path.strip_prefix(&format!("{SEGMENTS}/")).unwrap_or_default();
        let segment = name.split('.').next().unwrap_or_default();
        if is_segment(segment) && segment < first {
            store.delete(&entry.path).await?;
        }
    }
    Ok(())
}

/// The path of a segment's bytes.
pub(crate) fn content(name: &str) -> String {
    format!("{SEGMENTS}/{name}.zst")
}

fn facts(name: &str) -> String {
    format!("{SEGMENTS}/{name}.json")
}

fn is_segment(name: &str) -> bool {
    name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

async fn open(path: &Path) -> Result<Option<File>> {
    match File::open(path).await {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("opening {}", path.display())),
    }
}

fn chunks(file: File) -> impl Stream<Item = Result<Bytes>> {
    stream::try_unfold(file, async |mut file| {
        let mut chunk = BytesMut::with_capacity(READ);
        file.read_buf(&mut chunk).await.context("reading a segment in the spool")?;
        Ok((!chunk.is_empty()).then(|| (chunk.freeze(), file)))
    })
}
