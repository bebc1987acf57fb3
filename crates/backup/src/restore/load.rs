//! Loading: tables first, then rows in parallel, then indexes and constraints; then counted and analyzed.

use super::{Request, same_rows};
use crate::{
    create::snapshot,
    manifest::{FileEntry, FileKind, Manifest},
    postgres::{self, Archive, Programs, Server, qualified, quoted, restore_archive},
    stream::{Depth, Stop, on_disk, unseal},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::Connection;
use tempfile::NamedTempFile;
use tokio::sync::mpsc::Receiver;

/// Indexes are built by this many connections at once.
const INDEX_JOBS: &str = "--jobs=2";

pub struct Loading<'a> {
    pub request: &'a Request<'a>,
    pub manifest: &'a Manifest,
    pub programs: &'a Programs,
    /// The empty database.
    pub side: &'a Server,
}

impl Loading<'_> {
    /// Loads everything and answers the rows, which are those of the manifest.
    pub async fn run(&self) -> Result<i64> {
        let (before, after) = self.schema_files()?;
        let tables = self.local(before).await?;
        self.load_section("pre-data", before, &tables).await?;
        self.load_rows().await?;
        let indexes = if before.name == after.name { tables } else { self.local(after).await? };
        self.load_section("post-data", after, &indexes).await?;
        self.count_and_analyze().await
    }

    /// What comes before the rows, and what comes after them. Format 1 had a file for either.
    fn schema_files(&self) -> Result<(&FileEntry, &FileEntry)> {
        match self.manifest.file(&FileKind::Schema) {
            Ok(both) => Ok((both, both)),
            Err(_) if self.manifest.format == 1 => {
                Ok((self.manifest.file(&FileKind::PreData)?, self.manifest.file(&FileKind::PostData)?))
            }
            Err(missing) => Err(missing),
        }
    }

    async fn load_rows(&self) -> Result<()> {
        let data = self.manifest.file(&FileKind::Data)?;
        let tables = self.manifest.files.iter().filter(|file| matches!(file.kind, FileKind::Table { .. }));
        let loading = stream::iter(std::iter::once(data).chain(tables)).map(|file| async move {
            match &file.kind {
                FileKind::Table { .. } => self.copy_in(file).await,
                _ => self.load_archive(file).await,
            }
        });
        // The first failure drops the others: the database they load into goes anyway.
        loading.buffer_unordered(self.request.jobs.max(1)).try_collect().await
    }

    async fn load_archive(&self, file: &FileEntry) -> Result<()> {
        self.restore(file, &[], Archive::Stream(self.open(file))).await?;
        self.done(file);
        Ok(())
    }

    /// A schema on this machine's disk: it is small, and pg_restore builds several indexes at once only from a file.
    async fn local(&self, file: &FileEntry) -> Result<NamedTempFile> {
        let archive = on_disk(self.open(file)).await?;
        self.done(file);
        Ok(archive)
    }

    async fn load_section(&self, section: &str, file: &FileEntry, archive: &NamedTempFile) -> Result<()> {
        let section = format!("--section={section}");
        self.restore(file, &[INDEX_JOBS, &section], Archive::File(archive.path())).await
    }

    async fn restore(&self, file: &FileEntry, arguments: &[&str], archive: Archive<'_>) -> Result<()> {
        let arguments = [arguments, self.privileges()].concat();
        restore_archive(self.programs, self.side, &arguments, archive)
            .await
            .with_context(|| format!("loading {}{}", file.name, self.hint()))
    }

    async fn copy_in(&self, file: &FileEntry) -> Result<()> {
        let Some(statement) = copy_statement(&file.kind) else { return Ok(()) };
        let tried = || format!("loading {} with `{statement}`", file.name);
        let mut connection = self.side.connect().await?;
        let mut chunks = self.open(file);
        let mut copy =
            connection.copy_in_raw(&statement).await.map_err(postgres::said).with_context(tried)?;
        while let Some(chunk) = chunks.recv().await {
            match chunk {
                Ok(chunk) => {
                    copy.send(chunk).await.map_err(postgres::said).with_context(tried)?;
                }
                Err(error) => {
                    // The stream's failure is the one to tell.
                    let _ = copy.abort("the backup is not as it was written").await;
                    return Err(error);
                }
            }
        }
        copy.finish().await.map_err(postgres::said).with_context(tried)?;
        self.done(file);
        connection.close().await.context("leaving the database")
    }

    async fn count_and_analyze(&self) -> Result<i64> {
        self.request.progress.say("counting rows");
        let mut connection = self.side.connect().await?;
        let names = self.manifest.tables.iter().map(|table| (table.schema.as_str(), table.name.as_str()));
        let found = snapshot::count(&mut connection, names, &Stop::default()).await?;
        let rows = same_rows(self.manifest, &found)?;
        self.request.progress.say("analyzing");
        postgres::execute(&mut connection, "analyze").await?;
        connection.close().await.context("leaving the database")?;
        Ok(rows)
    }

    fn open(&self, file: &FileEntry) -> Receiver<Result<Bytes>> {
        let keys = self.manifest.encryption.as_ref().map(|_| self.request.identities);
        unseal(self.request.store, self.manifest.id.file(&file.name), file, keys, Depth::Decoded)
    }

    fn done(&self, file: &FileEntry) {
        self.request.progress.add(file.plain_bytes);
        self.request.progress.finished(&file.name, file.plain_bytes);
    }

    fn privileges(&self) -> &'static [&'static str] {
        if self.request.no_privileges { &["--no-privileges"] } else { &[] }
    }

    fn hint(&self) -> &'static str {
        if self.request.no_privileges {
            ""
        } else {
            " (when a role is missing: make it, or add --no-privileges)"
        }
    }
}

fn copy_statement(kind: &FileKind) -> Option<String> {
    let FileKind::Table { schema, table, columns, format } = kind else { return None };
    let columns: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
    let (name, columns) = (qualified(schema, table), columns.join(", "));
    Some(format!("copy {name} ({columns}) from stdin with (format {}, encoding 'UTF8')", format.sql()))
}
