//! `base`: a copy of the data folder, where point-in-time recovery starts.
//!
//! A base is `base/<id>/` with the tar of pg_basebackup, the list of the files in it, `base.json`
//! and, written last, its seal `base.b3`: a base counts only with its seal. An increment contains
//! only the blocks that changed since its parent. The segments that [`crate::wal`] archives lead
//! from there to any later time.

mod retention;
mod contents;

pub use retention::bases;
pub(crate) use retention::chain;

use crate::{
    failure::{explain_cancelled, failure},
    keys::Recipients,
    manifest::{BackupId, FileEntry, FileKind},
    postgres::{self, Programs, Server},
    progress::Progress,
    store::Store,
    stream::{Depth, Stop, on_disk, read_file, write_file},
    wal::{segment, system_of},
};
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use contents::Log;
use futures_util::stream;
use retention::remove_older;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use tempfile::NamedTempFile;

/// The folder of all bases.
const BASES: &str = "base";
/// The layout this version writes and the newest one it reads.
const FORMAT: u32 = 1;
const FACTS: &str = "base.json";
const SEAL: &str = "base.b3";

/// A copy of the data folder, or of what changed in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Base {
    /// The layout of the base, which is read before the rest.
    pub format: u32,
    /// Its id.
    pub id: BackupId,
    /// The base that an increment builds on; a full base has none.
    pub parent: Option<BackupId>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended: the earliest time that can be recovered.
    pub finished_at: DateTime<Utc>,
    /// `server_version_num`.
    pub server_version_number: i32,
    /// The server it was copied from: its system identifier.
    pub system: String,
    /// The segment that was written when it started.
    pub first_segment: String,
    /// The segment that was written when it ended. The tar contains all up to this one; recovery
    /// needs the later ones.
    pub last_segment: String,
    /// `wal_segment_size`.
    pub segment_bytes: u64,
    /// The tar.
    pub file: FileEntry,
    /// The list of the files in the data folder, which the next increment needs. It is never
    /// encrypted.
    pub contents: FileEntry,
    /// Whether the tar is encrypted.
    pub encrypted: bool,
}

/// What to copy, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    /// The server; the role needs the right REPLICATION.
    pub server: &'a Server,
    /// pg_basebackup.
    pub programs: &'a Programs,
    /// Where to write.
    pub store: &'a Store,
    /// Who can decrypt it.
    pub recipients: &'a Recipients,
    /// Makes an increment if a full base younger than this exists; `None` always makes a full
    /// base.
    pub increment_for: Option<TimeDelta>,
    /// Number of full bases to keep, with their increments; older ones and their segments are
    /// removed.
    pub keep: usize,
    /// Shows the progress.
    pub progress: &'a Progress,
    /// Cancels the work.
    pub stop: &'a Stop,
}

impl Base {
    /// The path of the tar in the store.
    pub fn tar(&self) -> String {
        path(&self.id, &self.file.name)
    }
}

/// Makes a base.
///
/// # Errors
/// When the server refuses or the store fails. What was written is removed again.
pub async fn base(request: &Request<'_>) -> Result<Base> {
    let started_at = Utc::now();
    let id = BackupId::new(started_at);
    match write(request, &id, started_at).await {
        Ok(base) => {
            remove_older(request.store, &base.system, request.keep).await?;
            Ok(base)
        }
        Err(error) => {
            let error = explain_cancelled(error, "copying the data folder");
            request.store.delete_prefix(&format!("{BASES}/{id}"), SEAL).await.ok();
            Err(error.context(format!(
                "no base was made; leftovers of {id} in {} are ignored",
                request.store.location()
            )))
        }
    }
}

async fn write(request: &Request<'_>, id: &BackupId, started_at: DateTime<Utc>) -> Result<Base> {
    let system = system_of(request.server).await?;
    let parent = parent(request, &system, started_at).await?;
    let mut connection = request.server.connect().await?;
    if parent.is_some() {
        require_wal_summaries(&mut connection).await?;
    }
    // The temporary slot lives as long as this connection: until then the server keeps the segments
    // that pg_basebackup fetches at its end.
    let slot = postgres::literal(&format!("squall_base_{}", id.as_str().to_lowercase().replace('-', "_")));
    let keep = format!("select pg_create_physical_replication_slot({slot}, true, true)");
    postgres::execute(&mut connection, &keep).await?;
    let server_version_number =
        postgres::value(&mut connection, "select current_setting('server_version_num')::int").await?;
    let segment_bytes: i64 = postgres::value(&mut connection, SEGMENT_BYTES).await?;
    let segment_bytes = u64::try_from(segment_bytes).context("reading wal_segment_size")?;
    let Copied { file, contents, log } = copy(request, &mut connection, id, parent.as_ref()).await?;
    // The clock of the server, because recovery compares with times that it wrote.
    let finished_at = postgres::value(&mut connection, "select clock_timestamp()").await?;
    connection.close().await.context("closing the connection")?;
    let base = Base {
        format: FORMAT,
        id: id.clone(),
        parent: parent.map(|parent| parent.id),
        started_at,
        finished_at,
        server_version_number,
        system,
        first_segment: segment::name(log.timeline, log.start, segment_bytes),
        // The end is exclusive.
        last_segment: segment::name(log.timeline, log.end.saturating_sub(1), segment_bytes),
        segment_bytes,
        file,
        contents,
        encrypted: !request.recipients.is_empty(),
    };
    let facts = serde_json::to_vec_pretty(&base).context("encoding the facts of the base")?;
    let seal = format!("{}\n", blake3::hash(&facts).to_hex());
    request.store.put(&path(id, FACTS), facts.into()).await?;
    request.store.put(&path(id, SEAL), seal.into_bytes().into()).await?;
    Ok(base)
}

/// The base for a new increment.
async fn parent(request: &Request<'_>, system: &str, now: DateTime<Utc>) -> Result<Option<Base>> {
    let Some(increment_for) = request.increment_for else { return Ok(None) };
    let mut bases = bases(request.store).await?;
    bases.retain(|base| base.system == system);
    let full = bases.iter().rev().find(|base| base.parent.is_none());
    let is_young = full.is_some_and(|full| now - full.started_at < increment_for);
    Ok(bases.pop().filter(|_| is_young))
}

async fn require_wal_summaries(connection: &mut PgConnection) -> Result<()> {
    let setting = "select current_setting('summarize_wal', true)";
    let summarizes: Option<String> = postgres::value(connection, setting).await?;
    let (wrong, next) = match summarizes.as_deref() {
        Some("on") => return Ok(()),
        Some(_) => (
            "the server does not record which blocks change: summarize_wal is off",
            "run `alter system set summarize_wal = on` and `select pg_reload_conf()` there, then make a full base with \
             `squall-backup base`; increments can be based on that one",
        ),
        None => (
            "the server is older than PostgreSQL 17",
            "omit --incremental: a full base works as well, but takes more space",
        ),
    };
    Err(failure("making an increment", wrong, next))
}

/// The files of a base in the store.
struct Copied {
    file: FileEntry,
    contents: FileEntry,
    /// The part of the log that makes it consistent, which the tar contains.
    log: Log,
}

async fn copy(
    request: &Request<'_>,
    connection: &mut PgConnection,
    id: &BackupId,
    parent: Option<&Base>,
) -> Result<Copied> {
    // Includes the segments written during the copy, so that the base alone is consistent.
    let mut arguments: Vec<String> =
        ["--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast"].map(str::to_owned).into();
    let parent_list = match parent {
        Some(parent) => Some(download_list(request, parent).await?),
        None => {
            let size = "select sum(pg_database_size(oid))::bigint from pg_database";
            let bytes: i64 = postgres::value(connection, size).await?;
            request.progress.expect(u64::try_from(bytes).unwrap_or_default());
            None
        }
    };
    arguments.extend(parent_list.iter().map(|list| format!("--incremental={}", list.path().display())));
    let tar = postgres::output(request.programs, request.server, "pg_basebackup", &arguments)?;
    let (tar, contents) = contents::tee(tar);
    let name = "base.tar.zst";
    let tick = |bytes| request.progress.add(bytes);
    let tar = write_file(request.store, &path(id, name), tar, request.recipients, request.stop, tick).await?;
    let listed = contents.await?;
    let log = contents::log(&listed)?;
    let listed = stream::iter([Ok(listed.into())]);
    let contents = "contents.json.zst";
    // Not encrypted: the next increment needs the list, but does not have the secret key.
    let unencrypted = Recipients::default();
    let list =
        write_file(request.store, &path(id, contents), listed, &unencrypted, request.stop, |_| {}).await?;
    let (file, contents) = (tar.entry(name, FileKind::Base), list.entry(contents, FileKind::Contents));
    Ok(Copied { file, contents, log })
}

/// The list of the files of a base, in a temporary file for pg_basebackup.
async fn download_list(request: &Request<'_>, base: &Base) -> Result<NamedTempFile> {
    let from = path(&base.id, &base.contents.name);
    on_disk(read_file(request.store, from, &base.contents, None, Depth::Decoded)).await
}

fn path(id: &BackupId, name: &str) -> String {
    format!("{BASES}/{id}/{name}")
}

const SEGMENT_BYTES: &str = "select setting::bigint from pg_settings where name = 'wal_segment_size'";
