//! The first run: whoever has the one-time link becomes the admin.

use super::users::User;
use crate::{
    AppState, auth,
    error::{ApiError, ErrorBody},
    extract::Json,
};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::SET_COOKIE},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether the first admin is still to be made.
#[derive(Serialize, ToSchema)]
pub(super) struct SetupState {
    needed: bool,
}

/// The first admin.
#[derive(Deserialize, ToSchema)]
pub(super) struct SetUp {
    /// From the link that `cargo xtask up` or `squall-api setup-link` prints.
    token: String,
    email: String,
    name: String,
    /// From 10 to 200 characters.
    password: String,
}

/// Says whether the first admin is still to be made.
#[utoipa::path(get, path = "/api/v1/setup", tag = "setup", operation_id = "setup_state", responses((status = 200, body = SetupState)))]
pub(super) async fn needed(State(state): State<AppState>) -> Result<axum::Json<SetupState>, ApiError> {
    let needed =
        sqlx::query_scalar!("select not exists (select from users where role = 'admin') as \"needed!\"")
            .fetch_one(&state.pool)
            .await?;
    Ok(axum::Json(SetupState { needed }))
}

/// Makes the first admin and signs them in. The token works once.
#[utoipa::path(
    post, path = "/api/v1/setup", tag = "setup", operation_id = "set_up", request_body = SetUp,
    responses(
        (status = 201, body = User),
        (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "The token is wrong, spent or too old"),
        (status = 409, body = ErrorBody, description = "There is an admin already"),
    )
)]
pub(super) async fn set_up(
    State(state): State<AppState>,
    headers: HeaderMap,
    Json(asked): Json<SetUp>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1], axum::Json<User>), ApiError> {
    let mut transaction = state.pool.begin().await?;
    // One set-up at a time: of two at once, the second finds an admin.
    sqlx::query!("lock table setup_tokens in exclusive mode").execute(&mut *transaction).await?;
    let admin = sqlx::query_scalar!("select exists (select from users where role = 'admin') as \"exists!\"")
        .fetch_one(&mut *transaction)
        .await?;
    if admin {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "setup_done",
            "This Squall has an admin already. Sign in instead.",
        ));
    }
    let spent = sqlx::query_scalar!(
        "delete from setup_tokens where token_hash = $1 and expires_at > now() returning true as \"found!\"",
        &auth::sha256(&asked.token),
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if spent.is_none() {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "setup_token_invalid",
            "The link is wrong or too old. Run `squall-api setup-link`, or `cargo xtask up` again, for a new one.",
        ));
    }
    // After the token: hashing is dear, and strangers shall not make us do it.
    let hash = auth::hash_password(asked.password).await?;
    let user =
        super::users::insert(&mut transaction, &asked.email, &asked.name, &hash, crate::access::Role::Admin)
            .await?;
    sqlx::query!("delete from setup_tokens").execute(&mut *transaction).await?;
    transaction.commit().await?;
    let cookie = auth::begin_session(&state, user.id, &headers).await?;
    Ok((StatusCode::CREATED, [(SET_COOKIE, cookie)], axum::Json(user)))
}
