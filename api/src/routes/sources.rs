//! `/api/v1/sources`

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::{Json, Path, Query},
    page::Page,
    session::SignedIn,
    source::{self, AddSource, ChangeSource, Filter, PollEntry, Source},
};
use axum::{Extension, extract::State, http::StatusCode};

/// List sources
#[utoipa::path(
    get, path = "/api/v1/sources", tag = "sources", operation_id = "list_sources", params(Filter),
    responses((status = 200, body = Page<Source>), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(filter): Query<Filter>,
) -> Result<axum::Json<Page<Source>>, ApiError> {
    Ok(axum::Json(Page::whole(source::list(&state.pool, filter).await?)))
}

/// Add a file source
///
/// The source reads what the files already contain, and then what is appended to them.
#[utoipa::path(
    post, path = "/api/v1/sources", tag = "sources", operation_id = "add_source", request_body = AddSource,
    responses((status = 201, body = Source), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Json(new): Json<AddSource>,
) -> Result<(StatusCode, axum::Json<Source>), ApiError> {
    let source = source::add(&state.pool, user.id, new).await?;
    Ok((StatusCode::CREATED, axum::Json(source)))
}

/// Get a source
#[utoipa::path(
    get, path = "/api/v1/sources/{id}", tag = "sources", operation_id = "show_source", params(("id" = i64, Path)),
    responses((status = 200, body = Source), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(id): Path<i64>,
) -> Result<axum::Json<Source>, ApiError> {
    Ok(axum::Json(source::find(&state.pool, id).await?))
}

/// Change a source
#[utoipa::path(
    patch, path = "/api/v1/sources/{id}", tag = "sources", operation_id = "change_source", params(("id" = i64, Path)),
    request_body = ChangeSource,
    responses((status = 200, body = Source), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Path(id): Path<i64>,
    Json(change): Json<ChangeSource>,
) -> Result<axum::Json<Source>, ApiError> {
    Ok(axum::Json(source::change(&state.pool, user.id, id, change).await?))
}

/// Delete a source
///
/// Its issues and events stay.
#[utoipa::path(
    delete, path = "/api/v1/sources/{id}", tag = "sources", operation_id = "delete_source", params(("id" = i64, Path)),
    responses((status = 204), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn delete(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    source::delete(&state.pool, user.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the latest polls of a source
///
/// Polls that found nothing new are left out.
#[utoipa::path(
    get, path = "/api/v1/sources/{id}/polls", tag = "sources", operation_id = "list_polls", params(("id" = i64, Path)),
    responses((status = 200, body = Page<PollEntry>), (status = 404, body = ErrorBody))
)]
pub(super) async fn polls(
    State(state): State<AppState>,
    Path(id): Path<i64>,
) -> Result<axum::Json<Page<PollEntry>>, ApiError> {
    Ok(axum::Json(Page::whole(source::polls(&state.pool, id).await?)))
}
