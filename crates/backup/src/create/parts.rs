//! The files of a backup: three archives of pg_dump, and one file for each large table.

use super::{
    Request,
    snapshot::{Snapshot, Table},
};
use crate::{
    manifest::{BackupId, FileEntry, FileKind},
    postgres::{self, qualified, quoted},
    stream::{self, Sealed},
};
use anyhow::{Context, Result};
use futures_util::TryStreamExt;

/// A file to be written.
#[derive(Debug)]
pub struct Part {
    name: String,
    kind: FileKind,
    /// pg_dump's; empty for a table.
    arguments: Vec<String>,
}

/// Cuts the database into parts, the longest first, so that the last job to end is a short one.
pub fn cut(snapshot: &Snapshot, split_above: u64) -> Vec<Part> {
    let is_large = |table: &&Table| {
        u64::try_from(table.bytes).is_ok_and(|bytes| bytes > split_above) && !table.columns.is_empty()
    };
    let large: Vec<&Table> = snapshot.tables.iter().filter(is_large).collect();
    let mut parts = vec![data(snapshot, &large)];
    parts.extend(large.iter().enumerate().map(|(index, table)| table_part(index + 1, table)));
    parts.push(archive("pre-data.dump.zst", FileKind::PreData, "pre-data", snapshot));
    parts.push(archive("post-data.dump.zst", FileKind::PostData, "post-data", snapshot));
    parts
}

/// Writes one part to the store.
pub async fn write(request: &Request<'_>, id: &BackupId, exported: &str, part: &Part) -> Result<FileEntry> {
    let path = id.file(&part.name);
    let tick = |bytes| request.progress.add(bytes);
    let sealed = match copy_statement(&part.kind) {
        None => {
            let source = postgres::output(request.programs, request.server, "pg_dump", &part.arguments)?;
            stream::seal(request.store, &path, source, request.recipients, request.stop, tick).await?
        }
        Some(copy) => copy_out(request, &path, exported, &copy, tick).await?,
    };
    request.progress.finished(&part.name, sealed.plain_bytes);
    let Sealed { plain_bytes, stored_bytes, blake3 } = sealed;
    Ok(FileEntry { name: part.name.clone(), kind: part.kind.clone(), plain_bytes, stored_bytes, blake3 })
}

async fn copy_out(
    request: &Request<'_>,
    path: &str,
    exported: &str,
    copy: &str,
    tick: impl Fn(u64),
) -> Result<Sealed> {
    let mut connection = request.server.connect().await?;
    postgres::execute(&mut connection, "begin isolation level repeatable read read only").await?;
    let adopt = format!("set transaction snapshot {}", postgres::literal(exported));
    postgres::execute(&mut connection, &adopt).await?;
    let rows = connection.copy_out_raw(copy).await.with_context(|| format!("running `{copy}`"))?;
    let rows = rows.map_err(|error| anyhow::Error::new(error).context(format!("running `{copy}`")));
    stream::seal(request.store, path, rows, request.recipients, request.stop, tick).await
}

fn data(snapshot: &Snapshot, large: &[&Table]) -> Part {
    let mut part = archive("data.dump.zst", FileKind::Data, "data", snapshot);
    let exclude = |table: &&Table| format!("--exclude-table-data={}", qualified(&table.schema, &table.name));
    part.arguments.extend(large.iter().map(exclude));
    part
}

fn archive(name: &str, kind: FileKind, section: &str, snapshot: &Snapshot) -> Part {
    let arguments = vec![
        "--format=custom".to_owned(),
        // Our own compression is five times faster than the gzip of pg_dump.
        "--compress=0".to_owned(),
        format!("--section={section}"),
        format!("--snapshot={}", snapshot.exported),
        "--lock-wait-timeout=60s".to_owned(),
    ];
    Part { name: name.to_owned(), kind, arguments }
}

fn table_part(number: usize, table: &Table) -> Part {
    let Table { schema, name, columns, format, .. } = table.clone();
    let kind = FileKind::Table { schema, table: name, columns, format };
    Part { name: format!("table-{number:03}.copy.zst"), kind, arguments: Vec::new() }
}

fn copy_statement(kind: &FileKind) -> Option<String> {
    let FileKind::Table { schema, table, columns, format } = kind else { return None };
    let columns: Vec<_> = columns.iter().map(|column| quoted(column)).collect();
    let (name, columns) = (qualified(schema, table), columns.join(", "));
    Some(format!("copy {name} ({columns}) to stdout with (format {}, encoding 'UTF8')", format.sql()))
}
