//! Project keys: what a sender shows to be let in.

use super::users::audit;
use crate::{
    AppState,
    access::SignedIn,
    auth,
    error::{ApiError, ErrorBody},
    extract::{Json, Path},
    page::Page,
};
use axum::{Extension, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use squall_base::random;
use utoipa::ToSchema;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Key {
    id: i64,
    name: String,
    /// How the secret begins, to tell keys apart.
    secret_hint: String,
    /// What it may do: `ingest` or `read`.
    scope: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

/// A new key with its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NewKey {
    #[serde(flatten)]
    key: Key,
    secret: String,
}

/// A new key.
#[derive(Deserialize, ToSchema)]
pub(super) struct AddKey {
    name: String,
    /// `ingest` when it is left out.
    scope: Option<KeyScope>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, Default, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "key_scope", rename_all = "lowercase")]
enum KeyScope {
    /// Send events.
    #[default]
    Ingest,
    /// Watch the live updates of its project.
    Read,
}

/// Lists the keys of a project, revoked ones last.
#[utoipa::path(
    get, path = "/api/v1/projects/{slug}/keys", tag = "keys", operation_id = "list_keys", params(("slug" = String, Path)),
    responses((status = 200, body = Page<Key>), (status = 404, body = ErrorBody))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Path(slug): Path<String>,
) -> Result<axum::Json<Page<Key>>, ApiError> {
    let project_id = super::projects::id_of(&state, Some(&slug)).await?;
    let keys = sqlx::query_as!(
        Key,
        "select id, name, secret_hint, scope::text as \"scope!\", created_at, last_used_at, revoked_at
         from api_keys where project_id = $1 order by revoked_at is not null, id desc",
        project_id,
    )
    .fetch_all(&state.pool)
    .await?;
    Ok(axum::Json(Page::whole(keys)))
}

/// Makes a key. The answer is the only one that holds its secret.
#[utoipa::path(
    post, path = "/api/v1/projects/{slug}/keys", tag = "keys", operation_id = "add_key", params(("slug" = String, Path)),
    request_body = AddKey,
    responses((status = 201, body = NewKey), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn add(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Path(slug): Path<String>,
    Json(asked): Json<AddKey>,
) -> Result<(StatusCode, axum::Json<NewKey>), ApiError> {
    let project_id = super::projects::id_of(&state, Some(&slug)).await?;
    let secret = new_secret();
    let mut transaction = state.pool.begin().await?;
    let key = sqlx::query_as!(
        Key,
        "insert into api_keys (project_id, name, secret_hash, secret_hint, created_by, scope) values ($1, trim($2), $3, $4, $5, $6)
         returning id, name, secret_hint, scope::text as \"scope!\", created_at, last_used_at, revoked_at",
        project_id,
        asked.name,
        &auth::sha256(&secret),
        hint(&secret),
        by.id,
        asked.scope.unwrap_or_default() as KeyScope,
    )
    .fetch_one(&mut *transaction)
    .await?;
    audit(&mut transaction, by.id, "key.add", &format!("{slug}: {}", key.secret_hint)).await?;
    transaction.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(NewKey { key, secret })))
}

/// Revokes a key; within five seconds it is refused everywhere.
#[utoipa::path(
    delete, path = "/api/v1/projects/{slug}/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("slug" = String, Path), ("id" = i64, Path)),
    responses((status = 204), (status = 404, body = ErrorBody))
)]
pub(super) async fn revoke(
    State(state): State<AppState>,
    Extension(by): Extension<SignedIn>,
    Path((slug, id)): Path<(String, i64)>,
) -> Result<StatusCode, ApiError> {
    let project_id = super::projects::id_of(&state, Some(&slug)).await?;
    let mut transaction = state.pool.begin().await?;
    let hint = sqlx::query_scalar!(
        "update api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1 and project_id = $2 returning secret_hint",
        id,
        project_id,
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(|| ApiError::not_found("key"))?;
    audit(&mut transaction, by.id, "key.revoke", &format!("{slug}: {hint}")).await?;
    transaction.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A secret that nobody can guess, and that a scanner for leaked secrets can recognise.
pub(crate) fn new_secret() -> String {
    format!("sq_{}", random::token())
}

/// How a secret begins.
pub(crate) fn hint(secret: &str) -> String {
    format!("{}…", secret.get(..9).unwrap_or(secret))
}
