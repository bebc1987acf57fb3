//! `/api/v1/issues/{id}/events`

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    event::{self, Event, Paging},
    extract::{Path, Query},
    page::Page,
};
use axum::extract::State;

/// List the events of an issue
///
/// Latest first.
#[utoipa::path(
    get, path = "/api/v1/issues/{id}/events", tag = "issues", operation_id = "list_events", params(("id" = i64, Path), Paging),
    responses((status = 200, body = Page<Event>), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Path(id): Path<i64>,
    Query(paging): Query<Paging>,
) -> Result<axum::Json<Page<Event>>, ApiError> {
    Ok(axum::Json(event::list(&state.pool, id, paging).await?))
}
