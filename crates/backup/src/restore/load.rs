//! Loads a backup: tables, then rows in parallel, then indexes and constraints; then counts and
//! analyzes.

use super::{Request, check_rows};
use crate::{
    create::snapshot,
    manifest::{FileEntry, FileKind, Manifest},
    postgres::{self, Archive, Programs, Server, qualified, quoted, restore_archive},
    stream::{Depth, Stop, on_disk, read_file},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::Connection;
use tempfile::NamedTempFile;
use tokio::sync::mpsc::Receiver;

/// Connections that build indexes in parallel.
const INDEX_JOBS: &str = "--jobs=2";

pub struct Loading<'a> {
    pub request: &'a Request<'a>,
    pub manifest: &'a Manifest,
    pub programs: &'a Programs,
    /// The empty database.
    pub scratch: &'a Server,
}

impl Loading<'_> {
    /// Loads everything and returns the number of rows, which equals that of the manifest.
    pub async fn run(&self) -> Result<i64> {
        let (before, after) = self.schema_files()?;
        let tables = self.download(before).await?;
        self.load_section("pre-data", before, &tables).await?;
        self.load_rows().await?;
        let indexes = if before.name == after.name { tables } else { self.download(after).await? };
        self.load_section("post-data", after, &indexes).await?;
        self.count_and_analyze().await
    }

    /// The files for what is created before the rows and after them. Format 1 has two.
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
        // The first failure cancels the others, whose database is dropped.
        loading.buffer_unordered(self.request.jobs.max(1)).try_collect().await
    }

    async fn load_archive(&self, file: &FileEntry) -> Result<()> {
        self.restore(file, &[], Archive::Stream(self.open(file))).await?;
        self.done(file);
        Ok(())
    }

    /// Downloads a schema, which is small: pg_restore builds indexes in parallel only from a file.
    async fn download(&self, file: &FileEntry) -> Result<NamedTempFile> {
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
        restore_archive(self.programs, self.scratch, &arguments, archive)
            .await
            .with_context(|| format!("loading {}{}", file.name, self.hint()))
    }

    async fn copy_in(&self, file: &FileEntry) -> Result<()> {
        let Some(statement) = copy_statement(&file.kind) else { return Ok(()) };
        let tried = || format!("loading {} with `{statement}`", file.name);
        let mut connection = self.scratch.connect().await?;
        let mut chunks = self.open(file);
        let mut copy =
            connection.copy_in_raw(&statement).await.map_err(postgres::server_error).with_context(tried)?;
        while let Some(chunk) = chunks.recv().await {
            match chunk {
                Ok(chunk) => {
                    copy.send(chunk).await.map_err(postgres::server_error).with_context(tried)?;
                }
                Err(error) => {
                    // Report the failure of the stream, not that of the abort.
                    let _ = copy.abort("the backup is damaged").await;
                    return Err(error);
                }
            }
        }
        copy.finish().await.map_err(postgres::server_error).with_context(tried)?;
        self.done(file);
        connection.close().await.context("closing the connection")
    }

    async fn count_and_analyze(&self) -> Result<i64> {
        self.request.progress.say("counting rows");
        let mut connection = self.scratch.connect().await?;
        let names = self.manifest.tables.iter().map(|table| (table.schema.as_str(), table.name.as_str()));
        let found = snapshot::count(&mut connection, names, &Stop::default()).await?;
        let rows = check_rows(self.manifest, &found)?;
        self.request.progress.say("analyzing");
        postgres::execute(&mut connection, "analyze").await?;
        connection.close().await.context("closing the connection")?;
        Ok(rows)
    }

    fn open(&self, file: &FileEntry) -> Receiver<Result<Bytes>> {
        let keys = self.manifest.encryption.as_ref().map(|_| self.request.identities);
        read_file(self.request.store, self.manifest.id.file(&file.name), file, keys, Depth::Decoded)
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
            " (if a role is missing, create it or add --no-privileges)"
        }
    }
}

fn copy_statement(kind: &FileKind) -> Option<String> {
    let FileKind::Table { schema, table, columns, format } = kind else { return None };
    let columns: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
    let (name, columns) = (qualified(schema, table), columns.join(", "));
    Some(format!("copy {name} ({columns}) from stdin with (format {}, encoding 'UTF8')", format.sql()))
}
