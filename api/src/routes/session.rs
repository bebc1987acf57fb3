//! `/api/v1/session`: sign in and out.

use crate::{
    AppState,
    access::cookie::{self, SetCookie},
    error::{ApiError, ErrorBody},
    extract::Json,
    identity::{self, User},
    limits::retry_after,
    session::{self, SignedIn},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// The longest address of RFC 5321.
const MAX_EMAIL_BYTES: usize = 320;

/// Credentials of a user.
#[derive(Deserialize, ToSchema)]
pub(super) struct SignIn {
    email: String,
    password: String,
}

/// Sign in
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", operation_id = "sign_in", request_body = SignIn,
    responses(
        (status = 200, body = User),
        (status = 401, body = ErrorBody, description = "Email or password is wrong"),
        (status = 429, body = ErrorBody, description = "Too many failed attempts; see Retry-After"),
    )
)]
pub(super) async fn sign_in(
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(credentials): Json<SignIn>,
) -> Result<(SetCookie, axum::Json<User>), ApiError> {
    if credentials.email.len() > MAX_EMAIL_BYTES {
        return Err(ApiError::invalid(format!("An email address has at most {MAX_EMAIL_BYTES} bytes.")));
    }
    let email = credentials.email.trim().to_lowercase();
    if let Err(wait) = state.limits.sign_in(&email).await {
        let seconds = retry_after(wait);
        return Err(ApiError::too_many_requests(
            "too_many_attempts",
            format!("Too many failed attempts. Try again in {seconds} seconds."),
            seconds,
        ));
    }
    let user_id = identity::authenticate(&state.pool, &email, credentials.password)
        .await?
        .ok_or_else(|| ApiError::unauthorized("invalid_credentials", "Email or password is wrong."))?;
    state.limits.signed_in(&email).await;
    let set_cookie = cookie::begin_session(&state, user_id, &headers).await?;
    Ok((set_cookie, axum::Json(identity::find(&state.pool, user_id).await?)))
}

/// Get the signed-in user
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session", operation_id = "who",
    responses((status = 200, body = User), (status = 401, body = ErrorBody))
)]
pub(super) async fn who(
    State(state): State<AppState>,
    Extension(user): Extension<SignedIn>,
) -> Result<axum::Json<User>, ApiError> {
    Ok(axum::Json(identity::find(&state.pool, user.id).await?))
}

/// Sign out
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session", operation_id = "sign_out",
    responses((status = 204), (status = 401, body = ErrorBody))
)]
pub(super) async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<(StatusCode, SetCookie), ApiError> {
    if let Some(token) = cookie::session_token(&headers) {
        session::end(&state.pool, &token).await?;
    }
    Ok((StatusCode::NO_CONTENT, cookie::remove(&state)?))
}
