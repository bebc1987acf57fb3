//! Sources: where events come from, and how they are.

use super::{projects, users::audit};
use crate::{
    AppState,
    access::SignedIn,
    error::{ApiError, ErrorBody},
    extract::{Json, Path, Query},
    page::{self, Page},
};
use axum::{Extension, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Where events come from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Source {
    id: i64,
    /// The slug of its project.
    project: String,
    /// `http` for what is pushed, `file` for log files.
    kind: String,
    name: String,
    #[schema(value_type = Object)]
    settings: Value,
    enabled: bool,
    health: Health,
    /// Polls that failed since the last one that did not.
    failures: i32,
    /// What went wrong last, and what to do.
    last_error: Option<String>,
    last_error_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_event_at: Option<DateTime<Utc>>,
    /// All events it sent.
    events: i64,
    /// All pieces it sent that were no events.
    rejected: i64,
    /// Events in each of the last 24 hours, oldest first.
    trend: Vec<i64>,
    /// The files it reads, for a file source.
    files: Vec<ReadFile>,
}

/// How a source is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Health {
    /// It sends.
    Healthy,
    /// Its last poll failed.
    Failing,
    /// It has sent before, and nothing for a day.
    Silent,
    /// Nobody wants it to send.
    Disabled,
    /// It has not sent yet.
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
pub(super) struct PollEntry {
    id: i64,
    started_at: DateTime<Utc>,
    duration_ms: i32,
    /// `read`, `empty` or `failed`.
    outcome: String,
    events: i32,
    bytes: i64,
    message: Option<String>,
}

/// Which sources.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The slug of a project.
    project: Option<String>,
}

/// A new file source.
#[derive(Deserialize, ToSchema)]
pub(super) struct AddSource {
    /// The slug of its project.
    project: String,
    /// `file`.
    kind: String,
    name: String,
    settings: FileSettings,
}

/// What a file source needs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSettings {
    /// An absolute pattern, such as `/var/log/app/*.log`.
    glob: String,
}

/// What changes; the rest stays.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeSource {
    name: Option<String>,
    enabled: Option<bool>,
    settings: Option<FileSettings>,
}

/// Lists sources.
#[utoipa::path(
    get, path = "/api/v1/sources", tag = "sources", operation_id = "list_sources", params(Filter),
    responses((status = 200, body = Page<Source>), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(filter): Query<Filter>,
) -> Result<axum::Json<Page<Source>>, ApiError> {
    let project_id = projects::id_of(&state, filter.project.as_deref()).await?;
    Ok(axum::Json(Page::whole(read(&state, project_id, None).await?)))
}

/// Adds a file source. It reads what its files hold already, and then what is appended.
#[utoipa::path(
    post, path = "/api/v1/sources", tag = "sources", operation_id = "add_source", request_body = AddSource,
    responses((status = 201, body = Source), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Json(asked): Json<AddSource>,
) -> Result<(StatusCode, axum::Json<Source>), ApiError> {
    if asked.kind != "file" {
        return Err(ApiError::invalid(format!(
            "The kind {:?} is not known. Sources of kind \"file\" can be added.",
            asked.kind
        )));
    }
    check(&asked.settings)?;
    let project_id = projects::id_of(&state, Some(&asked.project)).await?;
    let mut transaction = state.pool.begin().await?;
    let id = sqlx::query_scalar!(
        "insert into sources (project_id, kind, name, settings) values ($1, 'file', trim($2), $3) returning id",
        project_id,
        asked.name,
        serde_json::json!(asked.settings),
    )
    .fetch_one(&mut *transaction)
    .await?;
    audit(&mut transaction, by.id, "source.add", &format!("{}: {}", asked.project, asked.name)).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(one(&state, id).await?)))
}

/// Shows a source.
#[utoipa::path(
    get, path = "/api/v1/sources/{id}", tag = "sources", operation_id = "show_source", params(("id" = i64, Path)),
    responses((status = 200, body = Source), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<i64>,
) -> Result<axum::Json<Source>, ApiError> {
    Ok(axum::Json(one(&state, id).await?))
}

/// Changes a source.
#[utoipa::path(
    patch, path = "/api/v1/sources/{id}", tag = "sources", operation_id = "change_source", params(("id" = i64, Path)),
    request_body = ChangeSource,
    responses((status = 200, body = Source), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Path(id): Path<i64>,
    Json(asked): Json<ChangeSource>,
) -> Result<axum::Json<Source>, ApiError> {
    asked.settings.as_ref().map_or(Ok(()), check)?;
    let kind = sqlx::query_scalar!("select kind::text as \"kind!\" from sources where id = $1", id)
        .fetch_optional(&state.pool)
        .await?
        .ok_or_else(|| ApiError::not_found("source"))?;
    if kind != "file" && asked.settings.is_some() {
        return Err(ApiError::invalid(
            "Only a file source has a glob. This source takes what is pushed to the project.",
        ));
    }
    if kind == "http" && asked.enabled == Some(false) {
        return Err(ApiError::invalid(
            "What is pushed is let in by project keys. Revoke the keys instead of disabling this source.",
        ));
    }
    let mut transaction = state.pool.begin().await?;
    sqlx::query!(
        "update sources set name = coalesce($2, name), enabled = coalesce($3, enabled), settings = coalesce($4, settings),
             failures = 0, last_error = null
         where id = $1",
        id,
        asked.name,
        asked.enabled,
        asked.settings.map(|settings| serde_json::json!(settings)),
    )
    .execute(&mut *transaction)
    .await?;
    audit(&mut transaction, by.id, "source.change", &id.to_string()).await?;
    transaction.commit().await?;
    Ok(axum::Json(one(&state, id).await?))
}

/// Deletes a source. Its issues and events stay.
#[utoipa::path(
    delete, path = "/api/v1/sources/{id}", tag = "sources", operation_id = "delete_source", params(("id" = i64, Path)),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn delete(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    let mut transaction = state.pool.begin().await?;
    let kind =
        sqlx::query_scalar!("select kind::text as \"kind!\" from sources where id = $1 for update", id)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or_else(|| ApiError::not_found("source"))?;
    if kind == "http" {
        return Err(ApiError::invalid("The source for what is pushed belongs to its project and stays."));
    }
    sqlx::query!("delete from sources where id = $1", id).execute(&mut *transaction).await?;
    audit(&mut transaction, by.id, "source.delete", &id.to_string()).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the latest polls that read something or failed.
#[utoipa::path(
    get, path = "/api/v1/sources/{id}/polls", tag = "sources", operation_id = "list_polls", params(("id" = i64, Path)),
    responses((status = 200, body = Page<PollEntry>), (status = 404, body = ErrorBody))
)]
pub(super) async fn polls(
    State(state): State<AppState>,
    Path(id): Path<i64>,
) -> Result<axum::Json<Page<PollEntry>>, ApiError> {
    one(&state, id).await?;
    let polls = sqlx::query_as!(
        PollEntry,
        "select id, started_at, duration_ms, outcome::text as \"outcome!\", events, bytes, message
         from polls where source_id = $1 order by id desc limit $2",
        id,
        page::MAX_LIMIT,
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(Page::whole(polls)))
}

/// The worker takes no longer one.
const MAX_GLOB_BYTES: usize = 1000;

fn check(settings: &FileSettings) -> Result<(), ApiError> {
    if !settings.glob.starts_with('/') {
        return Err(ApiError::invalid(format!(
            "The glob {:?} does not begin with /. Give the whole path, such as /var/log/app/*.log.",
            settings.glob
        )));
    }
    if settings.glob.len() > MAX_GLOB_BYTES {
        return Err(ApiError::invalid(format!(
            "The glob has {} bytes; at most {MAX_GLOB_BYTES} are taken.",
            settings.glob.len()
        )));
    }
    let set =
        globset::Glob::new(&settings.glob).and_then(|glob| globset::GlobSet::builder().add(glob).build());
    set.map(|_| ()).map_err(|error| {
        ApiError::invalid(format!("The glob cannot be read: {error}. It looks like /var/log/app/*.log."))
    })
}

async fn one(state: &AppState, id: i64) -> Result<Source, ApiError> {
    read(state, None, Some(id)).await?.pop().ok_or_else(|| ApiError::not_found("source"))
}

async fn read(state: &AppState, project_id: Option<i64>, id: Option<i64>) -> Result<Vec<Source>, ApiError> {
    let rows = sqlx::query!(
        "select s.id, p.slug as project, s.kind::text as \"kind!\", s.name, s.settings, s.enabled, s.failures, s.last_error,
                s.last_error_at, s.last_success_at, s.last_event_at, s.events, s.cursor,
                s.last_event_at < now() - interval '1 day' as silent,
                (select coalesce(sum(r.events), 0)::bigint from rejections r where r.source_id = s.id) as \"rejected!\",
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
    .fetch_all(&state.pool)
    .await?;
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
        rejected: row.rejected,
        trend: row.trend,
        files: files(&row.cursor),
    });
    Ok(sources.collect())
}

/// The files of a cursor, as the worker's file source writes it.
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
