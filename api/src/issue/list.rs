//! The list of issues: filter, order and page.

use super::{Issue, Status};
use crate::{
    error::ApiError,
    page::{self, Page},
    project,
    steps::Steps,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};
use squall_grouping::Level;
use utoipa::{IntoParams, ToSchema};

/// Which issues to list, and in which order.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The slug of a project.
    project: Option<String>,
    /// The lowest level to include.
    level: Option<Level>,
    status: Option<Status>,
    /// The id of a source.
    source: Option<i64>,
    /// Words, or beginnings of words, in the title or culprit.
    q: Option<String>,
    /// Seen at or after this time.
    since: Option<DateTime<Utc>>,
    /// First seen before this time.
    until: Option<DateTime<Utc>>,
    /// `last_seen` if omitted.
    #[param(inline)]
    sort: Option<Sort>,
    /// `next_cursor` of the previous page.
    cursor: Option<String>,
    /// 1 to 200; 50 if omitted.
    limit: Option<i64>,
}

/// The order of issues, always descending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    /// Latest first.
    #[default]
    LastSeen,
    /// Newest first.
    FirstSeen,
    /// Most frequent first.
    Events,
    /// Most severe first, then latest first.
    Level,
}

/// A page of issues, with the totals of all issues that match the filter.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuePage {
    items: Vec<Issue>,
    next_cursor: Option<String>,
    total: Total,
}

/// Totals of all issues that match the filter.
#[derive(Debug, Serialize, ToSchema)]
struct Total {
    issues: i64,
    events: i64,
}

/// The sort keys of the last item of a page.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    sort: Sort,
    /// Microseconds for times; the number itself otherwise.
    key: i64,
    /// The second key of the order by level.
    last_seen: i64,
    id: i64,
}

pub async fn page(pool: &PgPool, filter: Filter) -> Result<IssuePage, ApiError> {
    let limit = page::limit(filter.limit)?;
    let sort = filter.sort.unwrap_or_default();
    let project_id = project::optional_id(pool, filter.project.as_deref()).await?;
    let position: Option<Position> = filter.cursor.as_deref().map(page::decode).transpose()?;
    if position.as_ref().is_some_and(|position| position.sort != sort) {
        return Err(ApiError::invalid("The cursor belongs to another sort order. Start without a cursor."));
    }
    let mut query = QueryBuilder::new(SELECT);
    push_filter(&mut query, &filter, project_id);
    if let Some(position) = position {
        push_position(&mut query, &position);
    }
    query.push(order(sort)).push(" limit ").push_bind(limit + 1);
    let mut issues: Vec<Issue> = query.build().try_map(issue).fetch_all(pool).await?;
    let Page { items, next_cursor } =
        page::cut(std::mem::take(&mut issues), limit, |issue| position_of(issue, sort))?;
    let mut query =
        QueryBuilder::new("select count(*), coalesce(sum(i.events), 0)::bigint from issues i where true");
    push_filter(&mut query, &filter, project_id);
    let (issues, events) = query.build_query_as().fetch_one(pool).await?;
    let items = with_sparklines(pool, items).await?;
    Ok(IssuePage { items, next_cursor, total: Total { issues, events } })
}

pub async fn one(pool: &PgPool, id: i64) -> Result<Issue, ApiError> {
    let mut query = QueryBuilder::new(SELECT);
    query.push(" and i.id = ").push_bind(id);
    let issue = query.build().try_map(issue).fetch_optional(pool).await?;
    let issue = issue.ok_or_else(|| ApiError::not_found("issue"))?;
    with_sparklines(pool, vec![issue]).await?.pop().ok_or_else(|| ApiError::not_found("issue"))
}

/// The open issues with the most events in a window, errors first, with the number of those events.
pub async fn top(
    pool: &PgPool,
    project_id: Option<i64>,
    steps: Steps,
    limit: i64,
) -> Result<Vec<(Issue, i64)>, ApiError> {
    let top = sqlx::query!(
        "select m.issue_id, sum(m.events)::bigint as \"events!\"
         from issue_minutes m join issues i on i.id = m.issue_id
         where m.minute >= $2 and m.minute < $3 and i.status = 'open' and ($1::bigint is null or i.project_id = $1)
         group by m.issue_id, i.level >= 4, i.level >= 3
         order by i.level >= 4 desc, i.level >= 3 desc, 2 desc, m.issue_id
         limit $4",
        project_id,
        steps.from,
        steps.until,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let ids: Vec<i64> = top.iter().map(|row| row.issue_id).collect();
    let mut query = QueryBuilder::new(SELECT);
    query.push(" and i.id = any(").push_bind(&ids).push(")");
    let issues: Vec<Issue> = query.build().try_map(issue).fetch_all(pool).await?;
    let mut issues: Vec<Issue> = with_sparklines(pool, issues).await?;
    let mut ordered = Vec::with_capacity(top.len());
    for row in top {
        if let Some(at) = issues.iter().position(|issue| issue.id == row.issue_id) {
            ordered.push((issues.swap_remove(at), row.events));
        }
    }
    Ok(ordered)
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &Filter, project_id: Option<i64>) {
    if let Some(project_id) = project_id {
        query.push(" and i.project_id = ").push_bind(project_id);
    }
    if let Some(level) = filter.level {
        query.push(" and i.level >= ").push_bind(level.severity());
    }
    if let Some(status) = filter.status {
        query.push(" and i.status = ").push_bind(status);
    }
    if let Some(source) = filter.source {
        query.push(" and i.source_ids @> array[").push_bind(source).push("::bigint]");
    }
    if let Some(since) = filter.since {
        query.push(" and i.last_seen >= ").push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(" and i.first_seen < ").push_bind(until);
    }
    if let Some(text) = filter.q.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        // A search box is used both for words, found through the index, and for any part of the
        // title.
        query.push(" and (i.search @@ to_tsquery('simple', ").push_bind(words(text));
        query.push(") or i.title ilike ").push_bind(pattern(text));
        query.push(" or i.culprit ilike ").push_bind(pattern(text)).push(")");
    }
}

fn push_position(query: &mut QueryBuilder<Postgres>, position: &Position) {
    let time = |micros| DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
    match position.sort {
        Sort::LastSeen => query.push(" and (i.last_seen, i.id) < (").push_bind(time(position.key)),
        Sort::FirstSeen => query.push(" and (i.first_seen, i.id) < (").push_bind(time(position.key)),
        Sort::Events => query.push(" and (i.events, i.id) < (").push_bind(position.key),
        Sort::Level => query
            .push(" and (i.level::smallint, i.last_seen, i.id) < (")
            .push_bind(i16::try_from(position.key).unwrap_or(i16::MAX))
            .push(", ")
            .push_bind(time(position.last_seen)),
    };
    query.push(", ").push_bind(position.id).push(")");
}

fn position_of(issue: &Issue, sort: Sort) -> Position {
    let last_seen = issue.last_seen.timestamp_micros();
    let key = match sort {
        Sort::LastSeen => last_seen,
        Sort::FirstSeen => issue.first_seen.timestamp_micros(),
        Sort::Events => issue.events,
        Sort::Level => issue.level.severity().into(),
    };
    Position { sort, key, last_seen, id: issue.id }
}

fn order(sort: Sort) -> &'static str {
    match sort {
        Sort::LastSeen => " order by i.last_seen desc, i.id desc",
        Sort::FirstSeen => " order by i.first_seen desc, i.id desc",
        Sort::Events => " order by i.events desc, i.id desc",
        Sort::Level => " order by i.level::smallint desc, i.last_seen desc, i.id desc",
    }
}

/// The query of a full-text search for all words, each as a prefix.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| format!("{word}:*")).collect::<Vec<_>>().join(" & ")
}

fn pattern(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

async fn with_sparklines(pool: &PgPool, mut issues: Vec<Issue>) -> Result<Vec<Issue>, ApiError> {
    let ids: Vec<i64> = issues.iter().map(|issue| issue.id).collect();
    let rows = sqlx::query!(
        "select issue_id, floor(extract(epoch from now() - minute) / 3600)::integer as \"hours_ago!\", sum(events)::bigint as \"events!\"
         from issue_minutes where issue_id = any($1) and minute > now() - interval '24 hours' and minute <= now()
         group by 1, 2",
        &ids,
    )
    .fetch_all(pool)
    .await?;
    for row in rows {
        let issue = issues.iter_mut().find(|issue| issue.id == row.issue_id);
        let hour = usize::try_from(23 - row.hours_ago).ok();
        if let Some(slot) = issue.zip(hour).and_then(|(issue, hour)| issue.sparkline.get_mut(hour)) {
            *slot += row.events;
        }
    }
    Ok(issues)
}

fn issue(row: PgRow) -> Result<Issue, sqlx::Error> {
    Ok(Issue {
        id: row.try_get("id")?,
        project: row.try_get("project")?,
        title: row.try_get("title")?,
        culprit: row.try_get("culprit")?,
        level: Level::from_severity(row.try_get("level")?),
        status: row.try_get("status")?,
        first_seen: row.try_get("first_seen")?,
        last_seen: row.try_get("last_seen")?,
        events: row.try_get("events")?,
        source_ids: row.try_get("source_ids")?,
        sparkline: vec![0; 24],
    })
}

const SELECT: &str =
    "select i.id, p.slug as project, i.title, i.culprit, i.level::smallint as level, i.status,
           i.first_seen, i.last_seen, i.events, i.source_ids
    from issues i join projects p on p.id = i.project_id where true";

#[cfg(test)]
mod tests {
    use super::{pattern, words};

    #[test]
    fn a_search_text_cannot_break_out_of_its_query() {
        for (text, expected) in [
            ("connection ref", "connection:* & ref:*"),
            ("a & b | !c:*", "a:* & b:* & c:*"),
            ("'; drop table", "drop:* & table:*"),
            ("***", ""),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(pattern("50%_\\"), "%50\\%\\_\\\\%");
    }
}
