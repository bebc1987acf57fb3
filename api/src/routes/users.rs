//! `/api/v1/users`

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::{Json, Path},
    identity::{self, AddUser, ChangeUser, User},
    page::Page,
    session::SignedIn,
};
use axum::{Extension, extract::State, http::StatusCode};

/// List all users
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", operation_id = "list_users",
    responses((status = 200, body = Page<User>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<axum::Json<Page<User>>, ApiError> {
    Ok(axum::Json(Page::whole(identity::list(&state.pool).await?)))
}

/// Add a user
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", operation_id = "add_user", request_body = AddUser,
    responses((status = 201, body = User), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Json(new): Json<AddUser>,
) -> Result<(StatusCode, axum::Json<User>), ApiError> {
    let added = identity::add(&state.pool, user.id, new).await?;
    Ok((StatusCode::CREATED, axum::Json(added)))
}

/// Change a user
///
/// A new password, a new role or disabling ends the user's sessions.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "change_user", request_body = ChangeUser,
    params(("id" = i64, Path)),
    responses((status = 200, body = User), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Path(id): Path<i64>,
    Json(change): Json<ChangeUser>,
) -> Result<axum::Json<User>, ApiError> {
    Ok(axum::Json(identity::change(&state.pool, user.id, id, change).await?))
}
