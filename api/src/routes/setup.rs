//! `/api/v1/setup`: create the first admin.

use crate::{
    AppState,
    access::cookie::{self, SetCookie},
    error::{ApiError, ErrorBody},
    extract::Json,
    identity::User,
    setup::{self, SetUp},
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the first admin is missing.
#[derive(Serialize, ToSchema)]
pub(super) struct SetupState {
    needed: bool,
}

/// Check whether the first admin is missing
#[utoipa::path(get, path = "/api/v1/setup", tag = "setup", operation_id = "setup_state", responses((status = 200, body = SetupState)))]
pub(super) async fn needed(State(state): State<AppState>) -> Result<axum::Json<SetupState>, ApiError> {
    Ok(axum::Json(SetupState { needed: setup::is_needed(&state.pool).await? }))
}

/// Create the first admin and sign in
///
/// The token works once.
#[utoipa::path(
    post, path = "/api/v1/setup", tag = "setup", operation_id = "set_up", request_body = SetUp,
    responses(
        (status = 201, body = User),
        (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "The token is wrong, used or expired"),
        (status = 409, body = ErrorBody, description = "An admin already exists"),
    )
)]
pub(super) async fn set_up(
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(set_up): Json<SetUp>,
) -> Result<(StatusCode, SetCookie, axum::Json<User>), ApiError> {
    let admin = setup::create_admin(&state.pool, set_up).await?;
    let set_cookie = cookie::begin_session(&state, admin.id, &headers).await?;
    Ok((StatusCode::CREATED, set_cookie, axum::Json(admin)))
}
