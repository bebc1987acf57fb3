//! The files of a backup: two archives of pg_dump, and one file per large table.

use super::{
    Request,
    snapshot::{Snapshot, Table},
};
use crate::{
    manifest::{BackupId, CopyFormat, FileEntry, FileKind, TableRows},
    postgres::{self, qualified, quoted},
    stream::{self, StoredFile},
};
use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicI64, Ordering},
};

/// A file to write.
#[derive(Debug)]
pub struct Part {
    name: String,
    kind: FileKind,
    /// Of pg_dump; empty for a table.
    arguments: Vec<String>,
}

/// Divides the database into parts, longest first, so that the last job to end is a short one.
pub fn divide(snapshot: &Snapshot, split_above: u64) -> Vec<Part> {
    let is_large = |table: &&Table| {
        u64::try_from(table.bytes).is_ok_and(|bytes| bytes > split_above) && !table.columns.is_empty()
    };
    let large: Vec<&Table> = snapshot.tables.iter().filter(is_large).collect();
    let mut parts = vec![data(snapshot, &large)];
    parts.extend(large.iter().enumerate().map(|(index, table)| table_part(index + 1, table)));
    parts.push(archive("schema.dump.zst", FileKind::Schema, &["pre-data", "post-data"], snapshot));
    parts
}

/// A file that was written, and the number of its rows if it is a table.
pub type Written = (FileEntry, Option<TableRows>);

/// The tables with files of their own, whose rows are counted while they are written.
pub fn tables_of(parts: &[Part]) -> BTreeSet<(String, String)> {
    let table = |part: &Part| match &part.kind {
        FileKind::Table { schema, table, .. } => Some((schema.clone(), table.clone())),
        _ => None,
    };
    parts.iter().filter_map(table).collect()
}

/// Writes one part to the store.
pub async fn write(request: &Request<'_>, id: &BackupId, exported: &str, part: &Part) -> Result<Written> {
    let path = id.file(&part.name);
    let tick = |bytes| request.progress.add(bytes);
    let (sealed, rows) = match copy_statement(&part.kind) {
        None => {
            let source = postgres::output(request.programs, request.server, "pg_dump", &part.arguments)?;
            (
                stream::write_file(request.store, &path, source, request.recipients, request.stop, tick)
                    .await?,
                None,
            )
        }
        Some(copy) => {
            let (sealed, messages) = copy_out(request, &path, exported, &copy, tick).await?;
            (sealed, rows_of(&part.kind, messages))
        }
    };
    request.progress.finished(&part.name, sealed.plain_bytes);
    Ok((sealed.entry(&part.name, part.kind.clone()), rows))
}

/// The protocol of PostgreSQL sends each row in a message of its own. The binary format has one
/// more at the end.
fn rows_of(kind: &FileKind, messages: i64) -> Option<TableRows> {
    let FileKind::Table { schema, table, format, .. } = kind else { return None };
    let rows = match format {
        CopyFormat::Binary => messages - 1,
        CopyFormat::Text => messages,
    };
    Some(TableRows { schema: schema.clone(), name: table.clone(), rows })
}

async fn copy_out(
    request: &Request<'_>,
    path: &str,
    exported: &str,
    copy: &str,
    tick: impl Fn(u64),
) -> Result<(StoredFile, i64)> {
    let mut connection = request.server.connect().await?;
    postgres::execute(&mut connection, "begin isolation level repeatable read read only").await?;
    let adopt = format!("set transaction snapshot {}", postgres::literal(exported));
    postgres::execute(&mut connection, &adopt).await?;
    let rows = connection.copy_out_raw(copy).await.with_context(|| format!("running `{copy}`"))?;
    let messages = AtomicI64::new(0);
    let rows = rows
        .inspect_ok(|_| {
            messages.fetch_add(1, Ordering::Relaxed);
        })
        .map_err(|error| anyhow::Error::new(error).context(format!("running `{copy}`")));
    let sealed =
        stream::write_file(request.store, path, rows, request.recipients, request.stop, tick).await?;
    Ok((sealed, messages.load(Ordering::Relaxed)))
}

fn data(snapshot: &Snapshot, large: &[&Table]) -> Part {
    let mut part = archive("data.dump.zst", FileKind::Data, &["data"], snapshot);
    let exclude = |table: &&Table| format!("--exclude-table-data={}", qualified(&table.schema, &table.name));
    part.arguments.extend(large.iter().map(exclude));
    part
}

fn archive(name: &str, kind: FileKind, sections: &[&str], snapshot: &Snapshot) -> Part {
    let mut arguments = vec![
        "--format=custom".to_owned(),
        // zstd is five times faster than the gzip of pg_dump.
        "--compress=0".to_owned(),
        format!("--snapshot={}", snapshot.exported),
        "--lock-wait-timeout=60s".to_owned(),
    ];
    arguments.extend(sections.iter().map(|section| format!("--section={section}")));
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
