//! `wal`: keeps the write-ahead log, so that a base can be taken to any later moment.
//!
//! pg_receivewal follows the server through a replication slot into a spool folder; whatever was not received when
//! this process was away, the slot holds back. A full segment goes to the store and then leaves the spool. The one
//! being written goes there too, again and again, so that at most [`Request::flush`] is lost with the machine.
//! A segment in the store counts when its facts `<segment>.json` are there: they are written last. They lie in a folder
//! of the server's own, named by its system identifier: the segments of two servers would fit nowhere.

mod slot;
pub(crate) mod segment;

use crate::{
    failure::Failure,
    keys::Recipients,
    manifest::{FileEntry, FileKind},
    postgres::{self, Programs, Server},
    store::Store,
    stream::{Stop, seal},
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
/// Between two looks at the spool.
const PAUSE: Duration = Duration::from_secs(1);
const READ: usize = 256 * 1024;

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
    /// Hears what the user must know.
    pub note: fn(&str),
}

/// A segment in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// Its file, by the segment's name.
    #[serde(flatten)]
    pub file: FileEntry,
    /// The file's path in the store. A segment that is not full has a new one each time it is kept, so that facts and
    /// content always agree.
    pub path: String,
    /// Whether it is encrypted: that may change from one segment to the next.
    pub encrypted: bool,
    /// When the last of it was received: whatever it holds is older.
    pub received_at: DateTime<Utc>,
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
    let mut kept = BTreeMap::new();
    if !slot::serves(request).await? {
        slot::create(request).await?;
        begin_anew(request, &mut kept).await?;
    }
    let mut receiver = start(request)?;
    let mut marked: Option<Instant> = None;
    loop {
        let stopping = request.stop.is_asked();
        if stopping {
            end(&mut receiver).await;
        }
        keep_spooled(request, &mut kept, stopping).await?;
        if stopping {
            return Ok(());
        }
        if marked.is_none_or(|last| last.elapsed() >= request.flush) {
            mark(request).await?;
            marked = Some(Instant::now());
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

/// The slot begins with what is written now. What an earlier one left in the spool goes to the store: pg_receivewal
/// would ask for what follows it, which the server need not have any more.
async fn begin_anew(request: &Request<'_>, kept: &mut BTreeMap<String, Instant>) -> Result<()> {
    keep_spooled(request, kept, true).await?;
    for name in spooled(&request.spool).await? {
        let local = request.spool.join(&name);
        tokio::fs::remove_file(&local).await.with_context(|| format!("removing {}", local.display()))?;
    }
    kept.clear();
    (request.note)(
        "The slot is new: nobody kept the log before. Make a base now, with `squall-backup base`: recovery begins there.",
    );
    Ok(())
}

/// Recovery to a moment needs a commit after it, and an idle server has none: this is one.
async fn mark(request: &Request<'_>) -> Result<()> {
    let mut connection = request.server.connect().await?;
    postgres::execute(&mut connection, "select pg_logical_emit_message(true, 'squall-backup', '')").await?;
    connection.close().await.context("leaving the server")
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
            let wanted = is_segment(segment) && (all || due);
            if wanted && keep(request, file, &name).await?.is_some() {
                kept.insert(name, Instant::now());
            }
            continue;
        }
        let Some(system) = keep(request, file, &name).await? else { continue };
        tokio::fs::remove_file(&local).await.with_context(|| format!("removing {}", local.display()))?;
        let partial = format!("{name}.partial");
        if let Some(outgrown) = self::kept(request.store, &system, &partial).await? {
            request.store.delete(&facts(&system, &partial)).await?;
            request.store.delete(&outgrown.path).await?;
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

/// Keeps one file of the spool, and answers whose log it is. An empty one waits for what it will hold.
async fn keep(request: &Request<'_>, mut file: File, name: &str) -> Result<Option<String>> {
    let system = match name.ends_with(".history") {
        // It says which timeline left which one where, and nothing of the server.
        true => Some(system_of(request.server).await?),
        false => segment::system(&mut file).await.with_context(|| format!("reading the segment {name}"))?,
    };
    let Some(system) = system else { return Ok(None) };
    let changed = file.metadata().await.and_then(|known| known.modified());
    let received_at = changed.with_context(|| format!("reading when {name} was received"))?.into();
    let before = kept(request.store, &system, name).await?;
    let path = match name.ends_with(".partial") {
        true => format!("{SEGMENTS}/{system}/{name}.{}.zst", Utc::now().timestamp_millis()),
        false => format!("{SEGMENTS}/{system}/{name}.zst"),
    };
    // What was begun is finished even when the process is asked to stop: it is small.
    let stop = Stop::default();
    let sealed = seal(request.store, &path, chunks(file), request.recipients, &stop, |_| {}).await?;
    let file = sealed.entry(name, FileKind::Wal);
    let now = Kept { file, path, encrypted: !request.recipients.is_empty(), received_at };
    let written = serde_json::to_vec(&now).context("writing the facts of a segment as JSON")?;
    request.store.put(&facts(&system, name), written.into()).await?;
    if let Some(before) = before.filter(|before| before.path != now.path) {
        request.store.delete(&before.path).await?;
    }
    Ok(Some(system))
}

/// What tells a server from all others, and from copies of it not at all.
pub(crate) async fn system_of(server: &Server) -> Result<String> {
    let mut connection = server.connect().await?;
    let query = "select system_identifier::text from pg_control_system()";
    let system = postgres::value(&mut connection, query).await?;
    connection.close().await.context("leaving the server")?;
    Ok(system)
}

/// The segments of a server from `first` on, in order, with the history of timelines. A segment that was never filled
/// is there as `.partial`.
///
/// # Errors
/// When the store cannot be read.
pub async fn segments(store: &Store, system: &str, first: &str) -> Result<Vec<Kept>> {
    let mut segments = Vec::new();
    let folder = format!("{SEGMENTS}/{system}");
    for found in store.list(&folder).await? {
        let name = found.path.strip_prefix(&format!("{folder}/")).and_then(|name| name.strip_suffix(".json"));
        let Some(name) = name.filter(|name| name.ends_with(".history") || *name >= first) else { continue };
        segments.extend(kept(store, system, name).await?);
    }
    Ok(segments)
}

/// The facts of a segment, if it is there. Facts that cannot be read count as missing: the log has a gap there, and
/// moments before it need not suffer.
async fn kept(store: &Store, system: &str, name: &str) -> Result<Option<Kept>> {
    let Some(written) = store.get(&facts(system, name)).await? else { return Ok(None) };
    let kept: Option<Kept> = serde_json::from_slice(&written).ok();
    let folder = format!("{SEGMENTS}/{system}/");
    Ok(kept.filter(|kept| kept.file.name == name && kept.path.starts_with(&folder)))
}

/// What became of a segment that was not full when it was listed: it may have grown meanwhile, or be full.
pub(crate) async fn as_it_is_now(store: &Store, system: &str, name: &str) -> Result<Option<Kept>> {
    match kept(store, system, name.trim_end_matches(".partial")).await? {
        Some(whole) => Ok(Some(whole)),
        None => kept(store, system, name).await,
    }
}

/// Removes the segments of a server before `first`.
pub(crate) async fn forget_before(store: &Store, system: &str, first: &str) -> Result<()> {
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
