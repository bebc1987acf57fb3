//! `wal`: archives the write-ahead log, so that a base can be recovered to any later time.
//!
//! pg_receivewal streams the log through a replication slot into a spool folder; the slot retains
//! what this process did not receive while it was not running. A full segment is stored and then
//! removed from the spool. The current segment is stored again and again, so that at most
//! [`Request::flush`] is lost with the machine. A stored segment counts only with its facts
//! `<segment>.json`, which are written last. Each server has a folder of its own, named by its
//! system identifier, because segments of two servers do not fit together.

mod slot;
pub(crate) mod segment;

use crate::{
    failure::failure,
    keys::Recipients,
    manifest::{FileEntry, FileKind},
    postgres::{self, Programs, Server},
    store::Store,
    stream::{Stop, write_file},
};
use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::{Stream, stream};
use segment::is_segment;
use serde::{Deserialize, Serialize};
use sqlx::Connection;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{fs::File, io::AsyncReadExt, process::Child};

/// The folder of all segments.
const SEGMENTS: &str = "wal";
/// Time between two checks of the spool.
const PAUSE: Duration = Duration::from_secs(1);
const READ: usize = 256 * 1024;

/// What to archive, and where.
#[derive(Debug)]
pub struct Request<'a> {
    /// The server; the role needs the right REPLICATION.
    pub server: &'a Server,
    /// pg_receivewal.
    pub programs: &'a Programs,
    /// Where to store segments.
    pub store: &'a Store,
    /// Who can decrypt them.
    pub recipients: &'a Recipients,
    /// A folder for segments that are not stored yet.
    pub spool: PathBuf,
    /// How often the current segment is stored.
    pub flush: Duration,
    /// Ends the archiving, after everything received was stored.
    pub stop: &'a Stop,
    /// Shows a message to the user.
    pub note: fn(&str),
}

/// A segment in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredSegment {
    /// Its file, with the name of the segment.
    #[serde(flatten)]
    pub file: FileEntry,
    /// The path of the file. A segment that is not full gets a new path each time it is stored, so
    /// that facts and content always match.
    pub path: String,
    /// Whether it is encrypted, which may change from one segment to the next.
    pub encrypted: bool,
    /// When its last part was received: its content is older.
    pub received_at: DateTime<Utc>,
}

/// Archives the log until it is stopped.
///
/// # Errors
/// When the server refuses or ends the connection, or the store fails. The content of the spool is
/// kept for the next run.
pub async fn receive(request: &Request<'_>) -> Result<()> {
    tokio::fs::create_dir_all(&request.spool).await.with_context(|| {
        format!("creating the spool folder {}; name another one with --spool", request.spool.display())
    })?;
    let mut stored_at = BTreeMap::new();
    if !slot::is_usable(request).await? {
        slot::create(request).await?;
        start_over(request, &mut stored_at).await?;
    }
    let mut receiver = start(request)?;
    let mut marked_at: Option<Instant> = None;
    loop {
        let stopping = request.stop.is_requested();
        if stopping {
            end(&mut receiver).await;
        }
        store_spooled(request, &mut stored_at, stopping).await?;
        if stopping {
            return Ok(());
        }
        if marked_at.is_none_or(|last| last.elapsed() >= request.flush) {
            mark(request).await?;
            marked_at = Some(Instant::now());
        }
        tokio::select! {
            biased;
            ended = receiver.wait() => {
                let status = ended.context("waiting for pg_receivewal")?;
                return Err(failure(
                    "archiving the write-ahead log",
                    format!("pg_receivewal ended with {status}; its messages are above"),
                    "fix the cause and start again; the replication slot retains what was not received",
                ));
            }
            _ = request.stop.or(async { tokio::time::sleep(PAUSE).await; Ok(()) }) => {}
        }
    }
}

/// The new slot starts with what is written now. Segments in the spool from before are stored and
/// removed: pg_receivewal would request what follows them, which the server may not have any more.
async fn start_over(request: &Request<'_>, stored_at: &mut BTreeMap<String, Instant>) -> Result<()> {
    store_spooled(request, stored_at, true).await?;
    for name in spooled(&request.spool).await? {
        let local = request.spool.join(&name);
        tokio::fs::remove_file(&local).await.with_context(|| format!("removing {}", local.display()))?;
    }
    stored_at.clear();
    (request.note)(
        "Created a new replication slot: the log before now is not archived. Run `squall-backup base` now, because recovery \
         starts there.",
    );
    Ok(())
}

/// Recovery to a time needs a commit after that time, which an idle server would not have.
async fn mark(request: &Request<'_>) -> Result<()> {
    let mut connection = request.server.connect().await?;
    postgres::execute(&mut connection, "select pg_logical_emit_message(true, 'squall-backup', '')").await?;
    connection.close().await.context("closing the connection")
}

fn start(request: &Request<'_>) -> Result<Child> {
    let mut command = request.programs.command("pg_receivewal", request.server);
    command.arg("--directory").arg(&request.spool).args([
        "--slot",
        slot::NAME,
        "--no-loop",
        "--status-interval=5",
    ]);
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    command.spawn().context("starting pg_receivewal")
}

async fn end(receiver: &mut Child) {
    if let Some(id) = receiver.id().and_then(|id| i32::try_from(id).ok()) {
        // On SIGINT it writes what it has received, then exits.
        let _ = tokio::process::Command::new("kill").args(["-INT", &id.to_string()]).status().await;
    }
    let _ = tokio::time::timeout(Duration::from_secs(10), receiver.wait()).await;
}

/// Stores the segments in the spool. Full ones are removed from it.
async fn store_spooled(
    request: &Request<'_>,
    stored_at: &mut BTreeMap<String, Instant>,
    all: bool,
) -> Result<()> {
    for name in spooled(&request.spool).await? {
        let local = request.spool.join(&name);
        // pg_receivewal renames a segment as soon as it is full; the next round finds it under its
        // new name.
        let Some(file) = open(&local).await? else { continue };
        if let Some(segment) = name.strip_suffix(".partial") {
            let due = stored_at.get(&name).is_none_or(|last| last.elapsed() >= request.flush);
            let is_wanted = is_segment(segment) && (all || due);
            if is_wanted && store_file(request, file, &name).await?.is_some() {
                stored_at.insert(name, Instant::now());
            }
            continue;
        }
        let Some(system) = store_file(request, file, &name).await? else { continue };
        tokio::fs::remove_file(&local).await.with_context(|| format!("removing {}", local.display()))?;
        let partial = format!("{name}.partial");
        if let Some(outdated) = stored(request.store, &system, &partial).await? {
            request.store.delete(&facts(&system, &partial)).await?;
            request.store.delete(&outdated.path).await?;
        }
        stored_at.remove(&partial);
    }
    Ok(())
}

/// The files of the spool: full segments in order, then the current one.
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

/// Stores one file of the spool, and returns the system identifier of its server; `None` for a file
/// that is still empty.
async fn store_file(request: &Request<'_>, mut file: File, name: &str) -> Result<Option<String>> {
    let system = match name.ends_with(".history") {
        // A history file has no system identifier.
        true => Some(system_of(request.server).await?),
        false => segment::system(&mut file).await.with_context(|| format!("reading the segment {name}"))?,
    };
    let Some(system) = system else { return Ok(None) };
    let changed = file.metadata().await.and_then(|known| known.modified());
    let received_at = changed.with_context(|| format!("reading the modification time of {name}"))?.into();
    let previous = stored(request.store, &system, name).await?;
    let path = match name.ends_with(".partial") {
        true => format!("{SEGMENTS}/{system}/{name}.{}.zst", Utc::now().timestamp_millis()),
        false => format!("{SEGMENTS}/{system}/{name}.zst"),
    };
    // A started file is finished even when a stop is requested: it is small.
    let stop = Stop::default();
    let written = write_file(request.store, &path, chunks(file), request.recipients, &stop, |_| {}).await?;
    let file = written.entry(name, FileKind::Wal);
    let segment = StoredSegment { file, path, encrypted: !request.recipients.is_empty(), received_at };
    let facts_json = serde_json::to_vec(&segment).context("encoding the facts of a segment")?;
    request.store.put(&facts(&system, name), facts_json.into()).await?;
    if let Some(previous) = previous.filter(|previous| previous.path != segment.path) {
        request.store.delete(&previous.path).await?;
    }
    Ok(Some(system))
}

/// The system identifier, which a server shares only with its copies.
pub(crate) async fn system_of(server: &Server) -> Result<String> {
    let mut connection = server.connect().await?;
    let query = "select system_identifier::text from pg_control_system()";
    let system = postgres::value(&mut connection, query).await?;
    connection.close().await.context("closing the connection")?;
    Ok(system)
}

/// The segments of a server from `first` on, in order, with the histories of timelines. A segment
/// that was never filled is stored as `.partial`.
///
/// # Errors
/// When the store cannot be read.
pub async fn segments(store: &Store, system: &str, first: &str) -> Result<Vec<StoredSegment>> {
    let mut segments = Vec::new();
    let folder = format!("{SEGMENTS}/{system}");
    for found in store.list(&folder).await? {
        let name = found.path.strip_prefix(&format!("{folder}/")).and_then(|name| name.strip_suffix(".json"));
        let Some(name) = name.filter(|name| name.ends_with(".history") || *name >= first) else { continue };
        segments.extend(stored(store, system, name).await?);
    }
    Ok(segments)
}

/// The facts of a segment, if it is stored. Facts that cannot be read count as missing: then the
/// log has a gap, and earlier times can still be recovered.
async fn stored(store: &Store, system: &str, name: &str) -> Result<Option<StoredSegment>> {
    let Some(json) = store.get(&facts(system, name)).await? else { return Ok(None) };
    let segment: Option<StoredSegment> = serde_json::from_slice(&json).ok();
    let folder = format!("{SEGMENTS}/{system}/");
    Ok(segment.filter(|segment| segment.file.name == name && segment.path.starts_with(&folder)))
}

/// The current state of a segment that was not full when it was listed.
pub(crate) async fn refreshed(store: &Store, system: &str, name: &str) -> Result<Option<StoredSegment>> {
    match stored(store, system, name.trim_end_matches(".partial")).await? {
        Some(whole) => Ok(Some(whole)),
        None => stored(store, system, name).await,
    }
}

/// Removes the segments of a server before `first`.
pub(crate) async fn remove_before(store: &Store, system: &str, first: &str) -> Result<()> {
    let folder = format!("{SEGMENTS}/{system}");
    for entry in store.list(&folder).await? {
        let name = entry.path.strip_prefix(&format!("{folder}/")).unwrap_or_default();
        let segment = name.split('.').next().unwrap_or_default();
        if is_segment(segment) && segment < first {
            store.delete(&entry.path).await?;
        }
    }
    Ok(())
}

fn facts(system: &str, name: &str) -> String {
    format!("{SEGMENTS}/{system}/{name}.json")
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
