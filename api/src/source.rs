//! Sources: where events come from, and whether they work.

use crate::{
    audit,
    error::ApiError,
    page, project,
    rejection::{self, RejectionCount},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};

/// The worker refuses a longer glob.
const MAX_GLOB_BYTES: usize = 1000;

/// Where events come from.
#[derive(Debug, Serialize, ToSchema)]
pub struct Source {
    id: i64,
    /// The slug of its project.
    project: String,
    /// `http` for pushed events, `file` for log files.
    kind: String,
    name: String,
    #[schema(value_type = Object)]
    settings: Value,
    enabled: bool,
    health: Health,
    /// Polls that failed since the last successful one.
    failures: i32,
    /// Why the last poll failed, and what to do about it.
    last_error: Option<String>,
    last_error_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
    /// Number of events ever received.
    events: i64,
    /// Number of rejected pieces: input that could not be read as an event.
    rejected: i64,
    /// The rejected pieces by reason.
    rejections: Vec<RejectionCount>,
    /// Events in each of the last 24 hours, oldest first.
    trend: Vec<i64>,
    /// The files a file source reads.
    files: Vec<ReadFile>,
}

/// The state of a source.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Health {
    /// It sends events.
    Healthy,
    /// Its last poll failed.
    Failing,
    /// It has sent nothing for a day.
    Silent,
    /// It was turned off.
    Disabled,
    /// It has not sent anything yet.
    Waiting,
}

/// How far a file has been read.
#[derive(Debug, Serialize, ToSchema)]
struct ReadFile {
    path: String,
    read_bytes: i64,
}

/// One fetch of a source.
#[derive(Debug, Serialize, ToSchema)]
pub struct PollEntry {
    id: i64,
    started_at: DateTime<Utc>,
    duration_ms: i32,
    /// `read`, `empty` or `failed`.
    outcome: String,
    events: i32,
    bytes: i64,
    message: Option<String>,
}

/// Which sources to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The slug of a project.
    project: Option<String>,
}

/// A file source to add.
#[derive(Deserialize, ToSchema)]
pub struct AddSource {
    /// The slug of its project.
    project: String,
    /// `file`.
    kind: String,
    name: String,
    settings: FileSettings,
}

/// The settings of a file source.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// An absolute pattern, such as `/var/log/app/*.log`.
    glob: String,
}

/// The fields to change; omitted fields stay as they are.
#[derive(Deserialize, ToSchema)]
pub struct ChangeSource {
    name: Option<String>,
    enabled: Option<bool>,
    settings: Option<FileSettings>,
}

pub async fn list(pool: &PgPool, filter: Filter) -> Result<Vec<Source>, ApiError> {
    let project_id = project::optional_id(pool, filter.project.as_deref()).await?;
    read(pool, project_id, None).await
}

pub async fn find(pool: &PgPool, id: i64) -> Result<Source, ApiError> {
    read(pool, None, Some(id)).await?.pop().ok_or_else(|| ApiError::not_found("source"))
}

pub async fn add(pool: &PgPool, actor_id: i64, new: AddSource) -> Result<Source, ApiError> {
    if new.kind != "file" {
        return Err(ApiError::invalid(format!(
            "Unknown kind {:?}. Only sources of kind \"file\" can be added.",
            new.kind
        )));
    }
    new.settings.validate()?;
    let project_id = project::id(pool, &new.project).await?;
    let mut transaction = pool.begin().await?;
    let id = sqlx::query_scalar!(
        "insert into sources (project_id, kind, name, settings) values ($1, 'file', trim($2), $3) returning id",
        project_id,
        new.name,
        serde_json::json!(new.settings),
    )
    .fetch_one(&mut *transaction)
    .await?;
    let subject = format!("{}: {}", new.project, new.name);
    audit::record(&mut transaction, actor_id, "source.add", &subject).await?;
    transaction.commit().await?;
    find(pool, id).await
}

pub async fn change(pool: &PgPool, actor_id: i64, id: i64, change: ChangeSource) -> Result<Source, ApiError> {
    change.settings.as_ref().map_or(Ok(()), FileSettings::validate)?;
    let kind = sqlx::query_scalar!("select kind::text as \"kind!\" from sources where id = $1", id)
        .fetch_optional(pool)
        .await?
        .ok_or_else(|| ApiError::not_found("source"))?;
    if kind != "file" && change.settings.is_some() {
        return Err(ApiError::invalid(
            "Only a file source has a glob. This source receives the events that are pushed to the project.",
        ));
    }
    if kind == "http" && change.enabled == Some(false) {
        return Err(ApiError::invalid(
            "Project keys decide who may push events. Revoke the keys instead of disabling this source.",
        ));
    }
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "update sources set name = coalesce($2, name), enabled = coalesce($3, enabled), settings = coalesce($4, settings),
             failures = 0, last_error = null
         where id = $1",
        id,
        change.name,
        change.enabled,
        change.settings.map(|settings| serde_json::json!(settings)),
    )
    .execute(&mut *transaction)
    .await?;
    audit::record(&mut transaction, actor_id, "source.change", &id.to_string()).await?;
    transaction.commit().await?;
    find(pool, id).await
}

/// Delete a source; its issues and events stay.
pub async fn delete(pool: &PgPool, actor_id: i64, id: i64) -> Result<(), ApiError> {
    let mut transaction = pool.begin().await?;
    let kind =
        sqlx::query_scalar!("select kind::text as \"kind!\" from sources where id = $1 for update", id)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or_else(|| ApiError::not_found("source"))?;
    if kind == "http" {
        return Err(ApiError::invalid(
            "This source receives the events that are pushed to the project and cannot be deleted.",
        ));
    }
    sqlx::query!("delete from sources where id = $1", id).execute(&mut *transaction).await?;
    audit::record(&mut transaction, actor_id, "source.delete", &id.to_string()).await?;
    transaction.commit().await?;
    Ok(())
}

/// The latest polls that read something or failed.
pub async fn polls(pool: &PgPool, id: i64) -> Result<Vec<PollEntry>, ApiError> {
    find(pool, id).await?;
    let polls = sqlx::query_as!(
        PollEntry,
        "select id, started_at, duration_ms, outcome::text as \"outcome!\", events, bytes, message
         from polls where source_id = $1 order by id desc limit $2",
        id,
        page::MAX_LIMIT,
    )
    .fetch_all(pool)
    .await?;
    Ok(polls)
}

impl FileSettings {
    fn validate(&self) -> Result<(), ApiError> {
        if !self.glob.starts_with('/') {
            return Err(ApiError::invalid(format!(
                "The glob {:?} does not begin with /. Use an absolute path, such as /var/log/app/*.log.",
                self.glob
            )));
        }
        if self.glob.len() > MAX_GLOB_BYTES {
            return Err(ApiError::invalid(format!(
                "The glob has {} bytes. The maximum is {MAX_GLOB_BYTES}.",
                self.glob.len()
            )));
        }
        let set =
            globset::Glob::new(&self.glob).and_then(|glob| globset::GlobSet::builder().add(glob).build());
        set.map(|_| ()).map_err(|error| {
            ApiError::invalid(format!("The glob is not valid: {error}. For example: /var/log/app/*.log."))
        })
    }
}

async fn read(pool: &PgPool, project_id: Option<i64>, id: Option<i64>) -> Result<Vec<Source>, ApiError> {
    let rows = sqlx::query!(
        "select s.id, p.slug as project, s.kind::text as \"kind!\", s.name, s.settings, s.enabled, s.failures, s.last_error,
                s.last_error_at, s.last_success_at, s.last_event_at, s.events, s.cursor,
                s.last_event_at < now() - interval '1 day' as silent,
                (select array_agg(coalesce(m.n, 0) order by h.hour) from generate_series(0, 23) as h(hour)
                 left join (
                     select 23 - floor(extract(epoch from now() - minute) / 3600)::integer as hour, sum(events)::bigint as n
                     from source_minutes where source_id = s.id and minute > now() - interval '24 hours' group by 1
                 ) m on m.hour = h.hour) as \"trend!\"
         from sources s join projects p on p.id = s.project_id
         where ($1::bigint is null or s.project_id = $1) and ($2::bigint is null or s.id = $2)
         order by p.name, s.kind, s.name",
        project_id,
        id,
    )
    .fetch_all(pool)
    .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut rejections = rejection::by_source(pool, &ids).await?;
    let sources = rows.into_iter().map(|row| Source {
        health: match (row.enabled, row.failures > 0, row.silent) {
            (false, ..) => Health::Disabled,
            (true, true, _) => Health::Failing,
            (true, false, None) => Health::Waiting,
            (true, false, Some(true)) => Health::Silent,
            (true, false, Some(false)) => Health::Healthy,
        },
        id: row.id,
        project: row.project,
        kind: row.kind,
        name: row.name,
        settings: row.settings,
        enabled: row.enabled,
        failures: row.failures,
        last_error: row.last_error,
        last_error_at: row.last_error_at,
        last_success_at: row.last_success_at,
        last_event_at: row.last_event_at,
        events: row.events,
        rejected: rejections.get(&row.id).into_iter().flatten().map(|count| count.pieces).sum(),
        rejections: rejections.remove(&row.id).unwrap_or_default(),
        trend: row.trend,
        files: files(&row.cursor),
    });
    Ok(sources.collect())
}

/// The files in a cursor, in the format that the worker's file source writes.
fn files(cursor: &Value) -> Vec<ReadFile> {
    let entries = cursor.get("files").and_then(Value::as_array).into_iter().flatten();
    let files = entries.filter_map(|entry| {
        Some(ReadFile {
            path: entry.get("path")?.as_str()?.to_owned(),
            read_bytes: entry.get("offset")?.as_i64()?,
        })
    });
    files.collect()
}
