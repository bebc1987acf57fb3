//! `/api/v1/projects/{slug}/keys`

use crate::{
    AppState,
    error::{ApiError, ErrorBody},
    extract::{Json, Path},
    key::{self, AddKey, Key, NewKey},
    page::Page,
    session::SignedIn,
};
use axum::{Extension, extract::State, http::StatusCode};

/// List the keys of a project
///
/// Revoked keys come last.
#[utoipa::path(
    get, path = "/api/v1/projects/{slug}/keys", tag = "keys", operation_id = "list_keys", params(("slug" = String, Path)),
    responses((status = 200, body = Page<Key>), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Path(slug): Path<String>,
) -> Result<axum::Json<Page<Key>>, ApiError> {
    Ok(axum::Json(Page::whole(key::list(&state.pool, &slug).await?)))
}

/// Create a key
///
/// The secret is part of this response only and cannot be retrieved later.
#[utoipa::path(
    post, path = "/api/v1/projects/{slug}/keys", tag = "keys", operation_id = "add_key", params(("slug" = String, Path)),
    request_body = AddKey,
    responses((status = 201, body = NewKey), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Path(slug): Path<String>,
    Json(new): Json<AddKey>,
) -> Result<(StatusCode, axum::Json<NewKey>), ApiError> {
    let key = key::add(&state.pool, user.id, &slug, new).await?;
    Ok((StatusCode::CREATED, axum::Json(key)))
}

/// Revoke a key
///
/// Every replica rejects the key within five seconds.
#[utoipa::path(
    delete, path = "/api/v1/projects/{slug}/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("slug" = String, Path), ("id" = i64, Path)),
    responses((status = 204), (status = 404, body = ErrorBody))
)]
pub(super) async fn revoke(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
    Path((slug, id)): Path<(String, i64)>,
) -> Result<StatusCode, ApiError> {
    key::revoke(&state.pool, user.id, &slug, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
