//! Signing in and out.

use super::users::User;
use crate::{
    AppState,
    access::SignedIn,
    auth,
    error::{ApiError, ErrorBody},
    extract::Json,
    limits::retry_after,
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::SET_COOKIE},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// As long as RFC 5321 lets an address be.
const MAX_EMAIL_BYTES: usize = 320;

/// Who wants in.
#[derive(Deserialize, ToSchema)]
pub(super) struct SignIn {
    email: String,
    password: String,
}

/// Signs in.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "session", operation_id = "sign_in", request_body = SignIn,
    responses(
        (status = 200, body = User),
        (status = 401, body = ErrorBody, description = "Email or password is wrong"),
        (status = 429, body = ErrorBody, description = "Too many failures; Retry-After says how long to wait"),
    )
)]
pub(super) async fn sign_in(
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(asked): Json<SignIn>,
) -> Result<([(HeaderName, HeaderValue); 1], axum::Json<User>), ApiError> {
    if asked.email.len() > MAX_EMAIL_BYTES {
        return Err(ApiError::invalid(format!("An email address has at most {MAX_EMAIL_BYTES} bytes.")));
    }
    let email = asked.email.trim().to_lowercase();
    if let Err(wait) = state.limits.sign_in(&email).await {
        let seconds = retry_after(wait);
        return Err(ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            format!("Too many failed attempts. Try again in {seconds} seconds."),
        )
        .retry_after(seconds));
    }
    let found =
        sqlx::query!("select id, password_hash from users where email = $1 and disabled_at is null", email)
            .fetch_optional(&state.pool)
            .await?;
    let (id, hash) = found.map(|user| (user.id, user.password_hash)).unzip();
    let fits = auth::verify_password(asked.password, hash).await?;
    let Some(id) = id.filter(|_| fits) else {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_credentials",
            "Email or password is wrong.",
        ));
    };
    state.limits.signed_in(&email).await;
    let cookie = auth::begin_session(&state, id, &headers).await?;
    Ok(([(SET_COOKIE, cookie)], axum::Json(super::users::find(&state, id).await?)))
}

/// Says who is signed in.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "session", operation_id = "who",
    responses((status = 200, body = User), (status = 401, body = ErrorBody))
)]
pub(super) async fn who(
    State(state): State<AppState>,
    Extension(signed_in): Extension<SignedIn>,
) -> Result<axum::Json<User>, ApiError> {
    Ok(axum::Json(super::users::find(&state, signed_in.id).await?))
}

/// Signs out.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session", operation_id = "sign_out",
    responses((status = 204), (status = 401, body = ErrorBody))
)]
pub(super) async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), ApiError> {
    let cookie = auth::end_session(&state, &headers).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}
