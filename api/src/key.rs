//! Project keys: the secrets that let programs send events or watch live updates.

mod cache;

pub use cache::KeyCache;

use crate::{
    audit,
    error::ApiError,
    project,
    secret::{self, Hash},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use squall_base::random;
use utoipa::ToSchema;

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct Key {
    id: i64,
    name: String,
    /// The first characters of the secret, to tell keys apart.
    secret_hint: String,
    /// What the key may do: `ingest` or `read`.
    scope: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

/// A new key with its secret, which is shown only once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewKey {
    #[serde(flatten)]
    key: Key,
    secret: String,
}

/// A key to add.
#[derive(Deserialize, ToSchema)]
pub struct AddKey {
    name: String,
    /// `ingest` if omitted.
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

/// A key that may ingest, with the source its events belong to.
#[derive(Debug, Clone, Copy)]
pub struct IngestKey {
    pub id: i64,
    pub project_id: i64,
    pub source_id: i64,
}

/// A key that may read.
#[derive(Debug, Clone, Copy)]
pub struct ReadKey {
    pub id: i64,
    pub project_id: i64,
}

/// The keys of a project, revoked ones last.
pub async fn list(pool: &PgPool, project: &str) -> Result<Vec<Key>, ApiError> {
    let project_id = project::id(pool, project).await?;
    let keys = sqlx::query_as!(
        Key,
        "select id, name, secret_hint, scope::text as \"scope!\", created_at, last_used_at, revoked_at
         from api_keys where project_id = $1 order by revoked_at is not null, id desc",
        project_id,
    )
    .fetch_all(pool)
    .await?;
    Ok(keys)
}

pub async fn add(pool: &PgPool, actor_id: i64, project: &str, new: AddKey) -> Result<NewKey, ApiError> {
    let project_id = project::id(pool, project).await?;
    let secret = new_secret();
    let mut transaction = pool.begin().await?;
    let key = sqlx::query_as!(
        Key,
        "insert into api_keys (project_id, name, secret_hash, secret_hint, created_by, scope) values ($1, trim($2), $3, $4, $5, $6)
         returning id, name, secret_hint, scope::text as \"scope!\", created_at, last_used_at, revoked_at",
        project_id,
        new.name,
        &secret::sha256(&secret),
        hint(&secret),
        actor_id,
        new.scope.unwrap_or_default() as KeyScope,
    )
    .fetch_one(&mut *transaction)
    .await?;
    audit::record(&mut transaction, actor_id, "key.add", &format!("{project}: {}", key.secret_hint)).await?;
    transaction.commit().await?;
    Ok(NewKey { key, secret })
}

pub async fn revoke(pool: &PgPool, actor_id: i64, project: &str, id: i64) -> Result<(), ApiError> {
    let project_id = project::id(pool, project).await?;
    let mut transaction = pool.begin().await?;
    let hint = sqlx::query_scalar!(
        "update api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1 and project_id = $2 returning secret_hint",
        id,
        project_id,
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(|| ApiError::not_found("key"))?;
    audit::record(&mut transaction, actor_id, "key.revoke", &format!("{project}: {hint}")).await?;
    transaction.commit().await?;
    Ok(())
}

pub async fn find_ingest(pool: &PgPool, secret: &Hash) -> sqlx::Result<Option<IngestKey>> {
    sqlx::query_as!(
        IngestKey,
        "update api_keys k set last_used_at = now()
         from sources s
         where k.secret_hash = $1 and k.revoked_at is null and k.scope = 'ingest'
           and s.project_id = k.project_id and s.kind = 'http'
         returning k.id, k.project_id, s.id as source_id",
        secret,
    )
    .fetch_optional(pool)
    .await
}

pub async fn find_read(pool: &PgPool, secret: &Hash) -> sqlx::Result<Option<ReadKey>> {
    sqlx::query_as!(
        ReadKey,
        "update api_keys set last_used_at = now()
         where secret_hash = $1 and revoked_at is null and scope = 'read' returning id, project_id",
        secret,
    )
    .fetch_optional(pool)
    .await
}

/// Whether a key has this secret and is not revoked, whatever its scope.
pub async fn exists(pool: &PgPool, secret: &Hash) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        "select exists(select from api_keys where secret_hash = $1 and revoked_at is null) as \"exists!\"",
        secret
    )
    .fetch_one(pool)
    .await
}

pub async fn is_valid(pool: &PgPool, id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        "select exists(select from api_keys where id = $1 and revoked_at is null) as \"may!\"",
        id
    )
    .fetch_one(pool)
    .await
}

/// The prefix lets scanners for leaked secrets recognise a key.
pub fn new_secret() -> String {
    format!("sq_{}", random::token())
}

/// The first characters of a secret.
pub fn hint(secret: &str) -> String {
    format!("{}…", secret.get(..9).unwrap_or(secret))
}
