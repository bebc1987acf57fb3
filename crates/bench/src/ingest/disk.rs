//! `ingest.disk`: disk space per stored event, including its share of indexes and counts.

use super::stack::Stack;
use crate::report::{Goal, Report};
use anyhow::{Context, Result, ensure};

#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub(crate) struct Occupied {
    /// The partitions of `events` without their indexes.
    rows: i64,
    indexes: i64,
    /// Issues, fingerprints and the counts per minute, with their indexes.
    around: i64,
    events: i64,
}

/// The disk space after a checkpoint. Nothing is vacuumed or rewritten first.
pub(crate) async fn occupied(stack: &Stack) -> Result<Occupied> {
    if let Err(error) = sqlx::query("checkpoint").execute(&stack.pool).await {
        // Sizes are those of files, which exist before a checkpoint: the figure is complete without it.
        eprintln!("ingest.disk: no checkpoint ({error}).");
    }
    sqlx::query_as(OCCUPIED)
        .bind(stack.source_id)
        .fetch_one(&stack.pool)
        .await
        .context("asking how much the events occupy")
}

/// Adds bytes per event to the report, if the number of rows equals the number of lines sent.
pub(crate) fn compare(before: &Occupied, after: &Occupied, sent: u64, report: &mut Report) -> Result<()> {
    let events = after.events - before.events;
    ensure!(events == sent.cast_signed(), "{sent} lines were sent and counted, {events} rows are stored");
    #[expect(clippy::cast_precision_loss, reason = "bytes of a disk are below 2^53")]
    let each = |bytes: i64| [bytes as f64 / events as f64];
    let (rows, indexes, around) =
        (after.rows - before.rows, after.indexes - before.indexes, after.around - before.around);
    let goal = Goal::AtMost { asked: None, goal: 350.0 };
    report.row(
        "ingest.disk",
        "stored event, indexes and counts",
        "bytes",
        &each(rows + indexes + around),
        Some(goal),
    );
    report.row("", "its row", "bytes", &each(rows), None);
    report.row("", "its share of the indexes of events", "bytes", &each(indexes), None);
    report.row("", "its share of issues and counts", "bytes", &each(around), None);
    report.remark(format!(
        "ingest.disk: growth of the tables over {events} events of ingest.lines, after a checkpoint, nothing vacuumed; \
         the inbox is not counted, since it is empty again."
    ));
    Ok(())
}

const OCCUPIED: &str = "
    with partitions as (select inhrelid as id from pg_inherits where inhparent = 'events'::regclass)
    select coalesce(sum(pg_table_size(id)), 0)::bigint as rows,
           coalesce(sum(pg_indexes_size(id)), 0)::bigint as indexes,
           (pg_total_relation_size('issues') + pg_total_relation_size('fingerprints')
               + pg_total_relation_size('issue_minutes') + pg_total_relation_size('source_minutes'))::bigint as around,
           (select count(*) from events where source_id = $1) as events
    from partitions";
