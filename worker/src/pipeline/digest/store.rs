//! Storing the events of a turn and adding to every count.

use super::{copy::Rows, group::GroupedEvent};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const MINUTE: i64 = 60_000_000; // microseconds

/// Bytes sent in one message of the COPY.
const CHUNK: usize = 256 << 10;

/// Copies the events into their partitions, in order of issue: the rows of one issue are then
/// adjacent in the table and its index.
pub(super) async fn events(connection: &mut PgConnection, grouped: &[GroupedEvent]) -> Result<()> {
    let mut order: Vec<&GroupedEvent> = grouped.iter().collect();
    order.sort_by_key(|grouped| (grouped.issue_id, grouped.event.occurred_at));
    let size = order.iter().map(|grouped| grouped.event.message.len() + 128).sum();
    let mut rows = Rows::with_capacity(size);
    for GroupedEvent { event, issue_id } in order {
        rows.row(10);
        rows.timestamp(event.occurred_at);
        rows.timestamp(event.received_at);
        rows.bigint(*issue_id);
        rows.bigint(event.project_id);
        rows.bigint(event.source_id);
        rows.smallint(event.level.severity());
        rows.text(event.logger.as_deref());
        rows.text(Some(&event.message));
        rows.jsonb(event.exception_json.as_deref());
        rows.jsonb(event.attributes.as_deref());
    }
    let body = rows.finish();
    let mut copy = connection
        .copy_in_raw(
            "copy events (occurred_at, received_at, issue_id, project_id, source_id, level, logger, message, exception, attributes)
             from stdin (format binary)",
        )
        .await
        .context("beginning to copy events")?;
    for chunk in body.chunks(CHUNK) {
        copy.send(chunk).await.context("copying events")?;
    }
    copy.finish().await.context("ending the copy of events")?;
    Ok(())
}

/// Adds the events to their issues, minutes and sources, and returns the counts. Rows are locked in
/// order of their keys, so that two workers never deadlock.
pub(super) async fn counts(connection: &mut PgConnection, grouped: &[GroupedEvent]) -> Result<Counts> {
    let mut counts = Counts::default();
    grouped.iter().for_each(|grouped| counts.add(grouped));
    add_to_issues(connection, &counts.issues).await?;
    add_to_issue_minutes(connection, &counts.issue_minutes).await?;
    add_to_source_minutes(connection, &counts.source_minutes).await?;
    add_to_sources(connection, &counts.sources).await?;
    Ok(counts)
}

/// The events of a turn, counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) issues: BTreeMap<i64, IssueCount>,
    issue_minutes: BTreeMap<(i64, i64), i32>,
    /// By source, minute and level: the project, and how many.
    pub(super) source_minutes: BTreeMap<(i64, i64, i16), (i64, i32)>,
    sources: BTreeMap<i64, (i64, i64)>,
}

pub(super) struct IssueCount {
    events: i64,
    first_seen: i64,
    last_seen: i64,
    level: i16,
    sources: BTreeSet<i64>,
}

impl Counts {
    fn add(&mut self, GroupedEvent { event, issue_id }: &GroupedEvent) {
        let (time, level) = (event.occurred_at, event.level.severity());
        let issue = self.issues.entry(*issue_id).or_insert_with(|| IssueCount {
            events: 0,
            first_seen: time,
            last_seen: time,
            level,
            sources: BTreeSet::new(),
        });
        issue.events += 1;
        issue.first_seen = issue.first_seen.min(time);
        issue.last_seen = issue.last_seen.max(time);
        issue.level = issue.level.max(level);
        issue.sources.insert(event.source_id);
        let minute = time.div_euclid(MINUTE) * MINUTE;
        *self.issue_minutes.entry((*issue_id, minute)).or_default() += 1;
        self.source_minutes.entry((event.source_id, minute, level)).or_insert((event.project_id, 0)).1 += 1;
        let source = self.sources.entry(event.source_id).or_insert((0, event.received_at));
        *source = (source.0 + 1, source.1.max(event.received_at));
    }
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

async fn add_to_issues(connection: &mut PgConnection, issues: &BTreeMap<i64, IssueCount>) -> Result<()> {
    let ids: Vec<i64> = issues.keys().copied().collect();
    sqlx::query!("select id from issues where id = any($1) order by id for no key update", &ids)
        .fetch_all(&mut *connection)
        .await
        .context("locking issues to count their events")?;
    // A resolved issue with a newer event is reopened. A source that is already listed is not added
    // again.
    sqlx::query!(
        "update issues i set
             events = i.events + n.events,
             first_seen = least(i.first_seen, n.first_seen),
             last_seen = greatest(i.last_seen, n.last_seen),
             level = greatest(i.level, n.level),
             status = case when i.status = 'resolved' and n.last_seen > i.status_at then 'open' else i.status end,
             status_at = case when i.status = 'resolved' and n.last_seen > i.status_at then n.last_seen else i.status_at end,
             source_ids = case when i.source_ids @> array[n.source_id] then i.source_ids else i.source_ids || n.source_id end
         from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::smallint[], $6::bigint[])
             as n(id, events, first_seen, last_seen, level, source_id)
         where i.id = n.id",
        &ids,
        &issues.values().map(|issue| issue.events).collect::<Vec<_>>(),
        &issues.values().map(|issue| time(issue.first_seen)).collect::<Vec<_>>(),
        &issues.values().map(|issue| time(issue.last_seen)).collect::<Vec<_>>(),
        &issues.values().map(|issue| issue.level).collect::<Vec<_>>(),
        &issues.values().filter_map(|issue| issue.sources.first().copied()).collect::<Vec<_>>(),
    )
    .execute(&mut *connection)
    .await
    .context("counting the events of issues")?;
    add_further_sources(connection, issues).await
}

/// For issues that several sources sent in one turn, which is rare.
async fn add_further_sources(
    connection: &mut PgConnection,
    issues: &BTreeMap<i64, IssueCount>,
) -> Result<()> {
    let further: Vec<(i64, i64)> = issues
        .iter()
        .flat_map(|(id, issue)| issue.sources.iter().skip(1).map(|source| (*id, *source)))
        .collect();
    for (issue_id, source_id) in further {
        sqlx::query!(
            "update issues set source_ids = source_ids || $2::bigint where id = $1 and not source_ids @> array[$2::bigint]",
            issue_id,
            source_id,
        )
        .execute(&mut *connection)
        .await
        .context("adding the sources of an issue")?;
    }
    Ok(())
}

async fn add_to_issue_minutes(
    connection: &mut PgConnection,
    minutes: &BTreeMap<(i64, i64), i32>,
) -> Result<()> {
    sqlx::query!(
        "insert into issue_minutes (issue_id, minute, events)
         select * from unnest($1::bigint[], $2::timestamptz[], $3::integer[])
         on conflict (issue_id, minute) do update set events = issue_minutes.events + excluded.events",
        &minutes.keys().map(|(issue, _)| *issue).collect::<Vec<_>>(),
        &minutes.keys().map(|(_, minute)| time(*minute)).collect::<Vec<_>>(),
        &minutes.values().copied().collect::<Vec<_>>(),
    )
    .execute(connection)
    .await
    .context("counting the minutes of issues")?;
    Ok(())
}

async fn add_to_source_minutes(
    connection: &mut PgConnection,
    minutes: &BTreeMap<(i64, i64, i16), (i64, i32)>,
) -> Result<()> {
    sqlx::query!(
        "insert into source_minutes (project_id, source_id, minute, level, events)
         select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::smallint[], $5::integer[])
         on conflict (source_id, minute, level) do update set events = source_minutes.events + excluded.events",
        &minutes.values().map(|(project, _)| *project).collect::<Vec<_>>(),
        &minutes.keys().map(|(source, _, _)| *source).collect::<Vec<_>>(),
        &minutes.keys().map(|(_, minute, _)| time(*minute)).collect::<Vec<_>>(),
        &minutes.keys().map(|(_, _, level)| *level).collect::<Vec<_>>(),
        &minutes.values().map(|(_, events)| *events).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await
    .context("counting the minutes of sources")?;
    Ok(())
}

async fn add_to_sources(connection: &mut PgConnection, sources: &BTreeMap<i64, (i64, i64)>) -> Result<()> {
    for (source_id, (events, last_event_at)) in sources {
        sqlx::query!(
            "update sources set events = events + $2, last_event_at = greatest(last_event_at, $3) where id = $1",
            source_id,
            events,
            time(*last_event_at),
        )
        .execute(&mut *connection)
        .await
        .context("counting the events of a source")?;
    }
    Ok(())
}
