//! `/api/v1/projects`

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::{Json, Path},
    page::Page,
    project::{self, AddProject, ChangeProject, Project},
    session::SignedIn,
};
use axum::{Extension, extract::State, http::StatusCode};

/// List all projects
#[utoipa::path(
    get, path = "/api/v1/projects", tag = "projects", operation_id = "list_projects",
    responses((status = 200, body = Page<Project>), (status = 401, body = ErrorBody))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<axum::Json<Page<Project>>, ApiError> {
    Ok(axum::Json(Page::whole(project::list(&state.pool).await?)))
}

/// Add a project
///
/// The project gets a source of kind `http` for the events that are pushed to it.
#[utoipa::path(
    post, path = "/api/v1/projects", tag = "projects", operation_id = "add_project", request_body = AddProject,
    responses((status = 201, body = Project), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Json(new): Json<AddProject>,
) -> Result<(StatusCode, axum::Json<Project>), ApiError> {
    let project = project::add(&state.pool, user.id, new).await?;
    Ok((StatusCode::CREATED, axum::Json(project)))
}

/// Get a project
#[utoipa::path(
    get, path = "/api/v1/projects/{slug}", tag = "projects", operation_id = "show_project", params(("slug" = String, Path)),
    responses((status = 200, body = Project), (status = 404, body = ErrorBody))
)]
pub(super) async fn show(
    State(state): State<AppState>,
    Path(slug): Path<String>,
) -> Result<axum::Json<Project>, ApiError> {
    Ok(axum::Json(project::find(&state.pool, &slug).await?))
}

/// Change a project
#[utoipa::path(
    patch, path = "/api/v1/projects/{slug}", tag = "projects", operation_id = "change_project", params(("slug" = String, Path)),
    request_body = ChangeProject,
    responses((status = 200, body = Project), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Path(slug): Path<String>,
    Json(change): Json<ChangeProject>,
) -> Result<axum::Json<Project>, ApiError> {
    Ok(axum::Json(project::change(&state.pool, user.id, &slug, change).await?))
}
