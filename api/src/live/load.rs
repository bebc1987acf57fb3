//! Loads the current state of what changed, once for all subscribers.

use super::{
    message::{LiveCounts, LiveIssue, LiveMinute, StreamMessage},
    pending::Turn,
};
use crate::issue::Status;
use chrono::DateTime;
use sqlx::PgPool;
use squall_grouping::Level;
use squall_live::Minute;
use std::collections::{BTreeMap, HashMap};

/// The messages of a turn, in its order. What was deleted in the meantime is left out.
pub async fn messages(pool: &PgPool, turn: &Turn) -> Result<Vec<StreamMessage>, sqlx::Error> {
    let mut issues = issues(pool, turn).await?;
    let slugs = slugs(pool, turn).await?;
    let issues = turn.issues.iter().filter_map(|(id, is_new)| {
        let (project_id, issue) = issues.remove(id)?;
        Some(StreamMessage::issue(project_id, *is_new, issue))
    });
    let counts = turn.counts.iter().filter_map(|(project_id, minutes)| {
        let project = slugs.get(project_id)?.clone();
        Some(StreamMessage::counts(*project_id, LiveCounts { project, minutes: by_minute(minutes) }))
    });
    Ok(issues.chain(counts).collect())
}

fn by_minute(counts: &BTreeMap<Minute, i64>) -> Vec<LiveMinute> {
    let mut minutes: Vec<LiveMinute> = Vec::new();
    for (Minute { minute, level, .. }, events) in counts {
        let at = DateTime::from_timestamp(minute.saturating_mul(60), 0).unwrap_or_default();
        let level = Level::from_severity(*level).name().to_owned();
        match minutes.last_mut().filter(|last| last.at == at) {
            Some(last) => drop(last.levels.insert(level, *events)),
            None => minutes.push(LiveMinute { at, levels: [(level, *events)].into() }),
        }
    }
    minutes
}

async fn issues(pool: &PgPool, turn: &Turn) -> Result<HashMap<i64, (i64, LiveIssue)>, sqlx::Error> {
    if turn.issues.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = turn.issues.iter().map(|(id, _)| *id).collect();
    let rows = sqlx::query!(
        "select i.id, i.project_id, p.slug, i.title, i.culprit, i.level::smallint as \"level!\", i.status as \"status: Status\",
                i.first_seen, i.last_seen, i.events, i.source_ids
         from issues i join projects p on p.id = i.project_id
         where i.id = any($1) and i.merged_into is null",
        &ids,
    )
    .fetch_all(pool)
    .await?;
    let issues = rows.into_iter().map(|row| {
        let issue = LiveIssue {
            id: row.id,
            project: row.slug,
            title: row.title,
            culprit: row.culprit,
            level: Level::from_severity(row.level),
            status: row.status,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            events: row.events,
            source_ids: row.source_ids,
        };
        (row.id, (row.project_id, issue))
    });
    Ok(issues.collect())
}

async fn slugs(pool: &PgPool, turn: &Turn) -> Result<HashMap<i64, String>, sqlx::Error> {
    if turn.counts.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = turn.counts.iter().map(|(id, _)| *id).collect();
    let rows = sqlx::query!("select id, slug from projects where id = any($1)", &ids).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.slug)).collect())
}
