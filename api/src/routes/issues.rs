//! `/api/v1/issues`

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::{Json, Path, Query},
    issue::{self, Filter, Issue, IssueDetail, IssuePage, Status, Trend},
    session::SignedIn,
    steps::Steps,
};
use axum::{Extension, extract::State};
use chrono::Utc;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// The status to set.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeIssue {
    status: Status,
}

/// How far back to look.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Range {
    /// 1 to 2160; 24 if omitted.
    hours: Option<i64>,
}

/// List issues
#[utoipa::path(
    get, path = "/api/v1/issues", tag = "issues", operation_id = "list_issues", params(Filter),
    responses((status = 200, body = IssuePage), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(filter): Query<Filter>,
) -> Result<axum::Json<IssuePage>, ApiError> {
    Ok(axum::Json(issue::list(&state.pool, filter).await?))
}

/// Get an issue
#[utoipa::path(
    get, path = "/api/v1/issues/{id}", tag = "issues", operation_id = "show_issue", params(("id" = i64, Path)),
    responses((status = 200, body = IssueDetail), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<i64>,
) -> Result<axum::Json<IssueDetail>, ApiError> {
    Ok(axum::Json(issue::detail(&state.pool, id).await?))
}

/// Resolve, ignore or reopen an issue
#[utoipa::path(
    patch, path = "/api/v1/issues/{id}", tag = "issues", operation_id = "change_issue", params(("id" = i64, Path)),
    request_body = ChangeIssue,
    responses((status = 200, body = Issue), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Path(id): Path<i64>,
    Json(change): Json<ChangeIssue>,
) -> Result<axum::Json<Issue>, ApiError> {
    issue::set_status(&state.pool, user.id, id, change.status).await?;
    state.live.issue_changed(id);
    Ok(axum::Json(issue::find(&state.pool, id).await?))
}

/// Get the events of an issue over time
#[utoipa::path(
    get, path = "/api/v1/issues/{id}/trend", tag = "issues", operation_id = "issue_trend", params(("id" = i64, Path), Range),
    responses((status = 200, body = Trend), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn trend(
    State(state): State<AppState>,
    Path(id): Path<i64>,
    Query(range): Query<Range>,
) -> Result<axum::Json<Trend>, ApiError> {
    let steps = Steps::last(range.hours, Utc::now())?;
    Ok(axum::Json(issue::trend(&state.pool, id, steps).await?))
}
