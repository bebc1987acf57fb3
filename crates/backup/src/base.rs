//! `base`: the data folder as a whole, where recovery to a point in time begins.
//!
//! A base is `base/<id>/` with the tar of pg_basebackup, `base.json` and, last of all, its seal `base.b3`: without
//! the seal it is none. From its end on, the segments that [`crate::wal`] keeps lead to any later moment.

use crate::{
    failure::{Failure, stopped},
    keys::Recipients,
    manifest::{BackupId, FileEntry, FileKind},
    postgres::{self, Programs, Server},
    progress::Progress,
    store::Store,
    stream::{Stop, seal},
    wal,
};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Connection;

/// The folder of all bases.
const BASES: &str = "base";
const FACTS: &str = "base.json";
const SEAL: &str = "base.b3";

/// A whole copy of the server's data folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Base {
    /// Its name.
    pub id: BackupId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended: the first moment that can be recovered.
    pub finished_at: DateTime<Utc>,
    /// `server_version_num`.
    pub server_version_number: i32,
    /// The segment that was written when it began. It and all later ones are needed.
    pub first_segment: String,
    /// The tar.
    pub file: FileEntry,
    /// Whether it is encrypted.
    pub encrypted: bool,
}

/// What to copy, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    /// The server; the role needs the right REPLICATION.
    pub server: &'a Server,
    /// pg_basebackup.
    pub programs: &'a Programs,
    /// Where the base goes.
    pub store: &'a Store,
    /// Who can read it.
    pub recipients: &'a Recipients,
    /// Bases to keep, this one included; older ones go, with the segments that only they needed.
    pub keep: usize,
    /// Shows how far it is.
    pub progress: &'a Progress,
    /// Stops the work.
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
    let id = BackupId::new(started_at)?;
    match write(request, &id, started_at).await {
        Ok(base) => {
            forget_older(request.store, request.keep).await?;
            Ok(base)
        }
        Err(error) => {
            let error = stopped(error, "copying the data folder");
            request.store.delete_prefix(&format!("{BASES}/{id}"), SEAL).await.ok();
            Err(error.context(format!(
                "no base was made, and nothing of {id} counts in {}",
                request.store.location()
            )))
        }
    }
}

async fn write(request: &Request<'_>, id: &BackupId, started_at: DateTime<Utc>) -> Result<Base> {
    let mut connection = request.server.connect().await?;
    // It goes with this connection; until then the server keeps every segment that the copy will ask for at its end.
    let slot = postgres::literal(&format!("squall_base_{}", id.as_str().to_lowercase().replace('-', "_")));
    let keep = format!("select pg_create_physical_replication_slot({slot}, true, true)");
    postgres::execute(&mut connection, &keep).await?;
    let first_segment =
        postgres::value(&mut connection, "select pg_walfile_name(pg_current_wal_lsn())").await?;
    let bytes: i64 =
        postgres::value(&mut connection, "select sum(pg_database_size(oid))::bigint from pg_database")
            .await?;
    let server_version_number =
        postgres::value(&mut connection, "select current_setting('server_version_num')::int").await?;
    request.progress.expect(u64::try_from(bytes).unwrap_or_default());
    // The segments written meanwhile come along, so that a base alone is consistent already.
    let arguments =
        ["--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast"].map(str::to_owned);
    let tar = postgres::output(request.programs, request.server, "pg_basebackup", &arguments)?;
    let name = "base.tar.zst".to_owned();
    let sealed = seal(request.store, &path(id, &name), tar, request.recipients, request.stop, |bytes| {
        request.progress.add(bytes)
    })
    .await?;
    // The server's clock decides: recovery compares with the times it wrote.
    let finished_at = postgres::value(&mut connection, "select clock_timestamp()").await?;
    connection.close().await.context("leaving the server")?;
    let base = Base {
        id: id.clone(),
        started_at,
        finished_at,
        server_version_number,
        first_segment,
        file: FileEntry {
            name,
            kind: FileKind::Base,
            plain_bytes: sealed.plain_bytes,
            stored_bytes: sealed.stored_bytes,
            blake3: sealed.blake3,
        },
        encrypted: !request.recipients.is_empty(),
    };
    let facts = serde_json::to_vec_pretty(&base).context("writing the facts of the base as JSON")?;
    let seal = format!("{}\n", blake3::hash(&facts).to_hex());
    request.store.put(&path(id, FACTS), facts.into()).await?;
    request.store.put(&path(id, SEAL), seal.into_bytes().into()).await?;
    Ok(base)
}

/// All sealed bases, the oldest first.
///
/// # Errors
/// When the store cannot be read, or a base is not as it was written.
pub async fn bases(store: &Store) -> Result<Vec<Base>> {
    let mut bases = Vec::new();
    for entry in store.list(BASES).await? {
        let Some(folder) = entry.path.strip_suffix(&format!("/{SEAL}")) else { continue };
        let (facts, seal) = (store.get(&format!("{folder}/{FACTS}")).await?, store.get(&entry.path).await?);
        let damaged = |wrong: &str| {
            let next = "choose an earlier time, for which another base serves, or restore a dump with `squall-backup restore`";
            Failure::new(format!("reading {folder} in {}", store.location()), wrong, next)
        };
        let (Some(facts), Some(seal)) = (facts, seal) else { return Err(damaged("its facts are missing")) };
        if format!("{}\n", blake3::hash(&facts).to_hex()).as_bytes() != &seal[..] {
            return Err(damaged("its facts are not those that were sealed"));
        }
        bases.push(serde_json::from_slice::<Base>(&facts).map_err(|error| damaged(&error.to_string()))?);
    }
    bases.sort_by_key(|base| base.finished_at);
    Ok(bases)
}

/// Removes all but the newest bases, and the segments before the oldest one that is kept.
async fn forget_older(store: &Store, keep: usize) -> Result<()> {
    let bases = bases(store).await?;
    let surplus = bases.len().saturating_sub(keep.max(1));
    for base in &bases[..surplus] {
        store.delete_prefix(&format!("{BASES}/{}", base.id), SEAL).await?;
    }
    if let Some(oldest) = bases.get(surplus).filter(|_| surplus > 0) {
        wal::forget_before(store, &oldest.first_segment).await?;
    }
    Ok(())
}

fn path(id: &BackupId, name: &str) -> String {
    format!("{BASES}/{id}/{name}")
}
