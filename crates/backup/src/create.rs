//! `create`: a backup from one snapshot.
//!
//! A coordinator holds the snapshot and counts the rows in it, while pg_dump and COPY read the same
//! snapshot in parallel. The manifest and its seal are written last. A failure leaves nothing
//! behind.

pub(crate) mod snapshot;
mod parts;

use crate::{
    failure::{Cancelled, explain_cancelled},
    keys::Recipients,
    manifest::{BackupId, Encryption, FORMAT, FileEntry, Manifest, SEAL, TableRows},
    postgres::{Programs, Server},
    progress::Progress,
    store::Store,
    stream::Stop,
};
use anyhow::{Context, Result};
use chrono::Utc;
use futures_util::{StreamExt, stream};
use parts::{Part, Written};
use snapshot::Snapshot;
use std::time::Instant;

/// Larger tables get a connection of their own; for smaller ones, starting it costs more than it
/// saves.
pub const SPLIT_ABOVE: u64 = 64 * 1024 * 1024;

/// What to back up, and how.
#[derive(Debug)]
pub struct Request<'a> {
    /// The database.
    pub server: &'a Server,
    /// pg_dump.
    pub programs: &'a Programs,
    /// Where to write.
    pub store: &'a Store,
    /// Who can decrypt it.
    pub recipients: &'a Recipients,
    /// Tables larger than this many bytes get a file of their own.
    pub split_above: u64,
    /// Number of files to write in parallel.
    pub jobs: usize,
    /// Cancels the work.
    pub stop: &'a Stop,
    /// Shows the progress.
    pub progress: &'a Progress,
}

/// Creates a backup and returns its manifest.
///
/// # Errors
/// When the database, pg_dump or the store fails. What was written is removed again.
pub async fn create(request: &Request<'_>) -> Result<Manifest> {
    let (started_at, started) = (Utc::now(), Instant::now());
    let id = BackupId::new(started_at);
    let created = async {
        let mut snapshot = request.stop.or(Snapshot::take(request.server)).await?;
        request.progress.expect(snapshot.estimated_bytes());
        let parts = parts::divide(&snapshot, request.split_above);
        let split = parts::tables_of(&parts);
        let names: Vec<(String, String)> =
            snapshot.tables.iter().map(|table| (table.schema.clone(), table.name.clone())).collect();
        let unsplit = names
            .iter()
            .filter(|name| !split.contains(*name))
            .map(|(schema, name)| (schema.as_str(), name.as_str()));
        let (files, tables) = tokio::join!(
            write_all(request, &id, &snapshot.exported, parts),
            snapshot::count(&mut snapshot.connection, unsplit, request.stop)
        );
        let (written, mut tables) = first_cause(files, tables)?;
        let (files, counted): (Vec<FileEntry>, Vec<Option<TableRows>>) = written.into_iter().unzip();
        tables.extend(counted.into_iter().flatten());
        tables.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
        let manifest = Manifest {
            format: FORMAT,
            id: id.clone(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            snapshot_at: snapshot.taken_at,
            encryption: encryption(request.recipients),
            files,
            tables,
            server: snapshot.server,
            database: snapshot.database,
        };
        manifest.seal(request.store).await?;
        Ok(manifest)
    };
    match created.await {
        Ok(manifest) => Ok(manifest),
        Err(error) => Err(clean_up(request.store, &id, error).await),
    }
}

/// Writes all parts, a few in parallel. The first failure cancels the others, and all are awaited.
async fn write_all(
    request: &Request<'_>,
    id: &BackupId,
    exported: &str,
    parts: Vec<Part>,
) -> Result<Vec<Written>> {
    let writing = stream::iter(parts).map(|part| async move {
        let written = parts::write(request, id, exported, &part).await;
        written.inspect_err(|_| request.stop.request())
    });
    let written: Vec<Result<Written>> = writing.buffer_unordered(request.jobs.max(1)).collect().await;
    let (mut files, mut failures) = (Vec::new(), Vec::new());
    for outcome in written {
        match outcome {
            Ok(file) => files.push(file),
            Err(error) => failures.push(error),
        }
    }
    let cause = failures.iter().position(|error| !error.is::<Cancelled>());
    match cause.map(|index| failures.swap_remove(index)).or_else(|| failures.pop()) {
        Some(failure) => Err(failure),
        None => {
            files.sort_by(|(one, _): &Written, (other, _)| one.name.cmp(&other.name));
            Ok(files)
        }
    }
}

fn first_cause(
    files: Result<Vec<Written>>,
    tables: Result<Vec<TableRows>>,
) -> Result<(Vec<Written>, Vec<TableRows>)> {
    match (files, tables) {
        (Ok(files), Ok(tables)) => Ok((files, tables)),
        // Without the coordinator the snapshot is gone, which fails the others as well.
        (_, Err(cause)) if !cause.is::<Cancelled>() => Err(cause),
        (Err(cause), _) | (_, Err(cause)) => Err(cause),
    }
}

async fn clean_up(store: &Store, id: &BackupId, error: anyhow::Error) -> anyhow::Error {
    let error = explain_cancelled(error, "creating a backup");
    match store.delete_prefix(id.as_str(), SEAL).await.context("removing what was written") {
        Ok(()) => error.context(format!("no backup was created, and nothing of {id} is left in {}", store.location())),
        Err(_) => error.context(format!(
            "no backup was created; the unfinished {id} in {} is never listed, and `prune` removes it after a day",
            store.location()
        )),
    }
}

fn encryption(recipients: &Recipients) -> Option<Encryption> {
    let encryption = || Encryption { scheme: "age".to_owned(), recipients: recipients.names() };
    (!recipients.is_empty()).then(encryption)
}
