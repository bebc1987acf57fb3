//! The people who may sign in.

use crate::{
    AppState,
    access::{Role, SignedIn},
    auth,
    error::{ApiError, ErrorBody},
    extract::{Json, Path},
    page::Page,
};
use axum::{Extension, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;

/// A person who may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    pub(super) id: i64,
    email: String,
    name: String,
    role: Role,
    created_at: DateTime<Utc>,
    /// Since when they may not; null when they may.
    disabled_at: Option<DateTime<Utc>>,
}

/// A new person.
#[derive(Deserialize, ToSchema)]
pub(super) struct AddUser {
    email: String,
    name: String,
    role: Role,
    /// From 10 to 200 characters.
    password: String,
}

/// What changes; the rest stays.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChangeUser {
    name: Option<String>,
    role: Option<Role>,
    password: Option<String>,
    disabled: Option<bool>,
}

/// Lists everybody.
#[utoipa::path(
    get, path = "/api/v1/users", tag = "users", operation_id = "list_users",
    responses((status = 200, body = Page<User>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<axum::Json<Page<User>>, ApiError> {
    let users = sqlx::query_as!(
        User,
        "select id, email, name, role as \"role: Role\", created_at, disabled_at from users order by email"
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(Page::whole(users)))
}

/// Adds a person.
#[utoipa::path(
    post, path = "/api/v1/users", tag = "users", operation_id = "add_user", request_body = AddUser,
    responses((status = 201, body = User), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Json(asked): Json<AddUser>,
) -> Result<(StatusCode, axum::Json<User>), ApiError> {
    let hash = auth::hash_password(asked.password).await?;
    let mut transaction = state.pool.begin().await?;
    let user = insert(&mut transaction, &asked.email, &asked.name, &hash, asked.role).await?;
    audit(&mut transaction, by.id, "user.add", &user.email).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(user)))
}

/// Changes a person. A new password, a new role or disabling ends their sessions.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = "users", operation_id = "change_user", request_body = ChangeUser,
    params(("id" = i64, Path)),
    responses((status = 200, body = User), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody))
)]
pub(super) async fn change(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Path(id): Path<i64>,
    Json(asked): Json<ChangeUser>,
) -> Result<axum::Json<User>, ApiError> {
    let hash = match asked.password {
        Some(password) => Some(auth::hash_password(password).await?),
        None => None,
    };
    let mut transaction = state.pool.begin().await?;
    // Two admins who disable each other at once would leave nobody; this makes one of them wait.
    sqlx::query!("lock table users in share row exclusive mode").execute(&mut *transaction).await?;
    let user = sqlx::query_as!(
        User,
        "update users set name = coalesce($2, name), role = coalesce($3, role), password_hash = coalesce($4, password_hash),
             disabled_at = case when $5 then coalesce(disabled_at, now()) when not $5 then null else disabled_at end
         where id = $1
         returning id, email, name, role as \"role: Role\", created_at, disabled_at",
        id,
        asked.name,
        asked.role as Option<Role>,
        hash,
        asked.disabled,
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(|| ApiError::not_found("user"))?;
    let admins = sqlx::query_scalar!(
        "select count(*) as \"count!\" from users where role = 'admin' and disabled_at is null"
    )
    .fetch_one(&mut *transaction)
    .await?;
    if admins == 0 {
        return Err(ApiError::conflict("This is the last admin. Make somebody else admin first."));
    }
    if hash.is_some() || asked.role.is_some() || asked.disabled == Some(true) {
        sqlx::query!("delete from sessions where user_id = $1", id).execute(&mut *transaction).await?;
    }
    audit(&mut transaction, by.id, "user.change", &user.email).await?;
    transaction.commit().await?;
    Ok(axum::Json(user))
}

/// Writes a new person.
pub(super) async fn insert(
    connection: &mut PgConnection,
    email: &str,
    name: &str,
    password_hash: &str,
    role: Role,
) -> Result<User, ApiError> {
    let user = sqlx::query_as!(
        User,
        "insert into users (email, name, password_hash, role) values (lower(trim($1)), trim($2), $3, $4)
         returning id, email, name, role as \"role: Role\", created_at, disabled_at",
        email,
        name,
        password_hash,
        role as Role,
    )
    .fetch_one(connection)
    .await?;
    Ok(user)
}

/// One person.
pub(super) async fn find(state: &AppState, id: i64) -> Result<User, ApiError> {
    sqlx::query_as!(
        User,
        "select id, email, name, role as \"role: Role\", created_at, disabled_at from users where id = $1",
        id
    )
    .fetch_optional(&state.pool)
    .await?
    .ok_or_else(|| ApiError::not_found("user"))
}

/// Notes who did what.
pub(super) async fn audit(
    connection: &mut PgConnection,
    user_id: i64,
    action: &str,
    subject: &str,
) -> Result<(), ApiError> {
    sqlx::query!(
        "insert into audit_log (user_id, action, subject) values ($1, $2, $3)",
        user_id,
        action,
        subject
    )
    .execute(connection)
    .await?;
    Ok(())
}
