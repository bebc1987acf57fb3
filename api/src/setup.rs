//! The first run: a one-time link lets its holder create the first admin.

use crate::{
    error::ApiError,
    identity::{self, Role, User, password},
    secret,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use squall_base::random;
use utoipa::ToSchema;

/// The first admin.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SetUp {
    /// From the link that `cargo xtask up` or `squall-api setup-link` prints.
    token: String,
    email: String,
    name: String,
    /// 10 to 200 characters.
    password: String,
}

/// Whether an admin is missing, and the link to create one.
#[derive(Debug, Serialize)]
pub struct SetupLink {
    /// Whether no admin exists yet.
    pub needed: bool,
    /// Opens the first-run page; works once, for a day.
    pub url: Option<String>,
}

pub(crate) async fn is_needed(pool: &PgPool) -> sqlx::Result<bool> {
    let mut connection = pool.acquire().await?;
    Ok(!identity::has_admin(&mut connection).await?)
}

/// Create a one-time link, unless an admin exists. Links created before stay valid.
///
/// # Errors
/// If the database is unavailable.
pub async fn create_link(pool: &PgPool, public_url: &str) -> sqlx::Result<SetupLink> {
    if !is_needed(pool).await? {
        return Ok(SetupLink { needed: false, url: None });
    }
    let token = random::token();
    sqlx::query!(
        "insert into setup_tokens (token_hash, expires_at) values ($1, now() + interval '1 day')",
        &secret::sha256(&token),
    )
    .execute(pool)
    .await?;
    // After the # the token stays in the browser and out of every log.
    Ok(SetupLink { needed: true, url: Some(format!("{public_url}/setup#token={token}")) })
}

pub(crate) async fn create_admin(pool: &PgPool, set_up: SetUp) -> Result<User, ApiError> {
    let mut transaction = pool.begin().await?;
    // One setup at a time: of two concurrent ones, the second finds an admin.
    sqlx::query!("lock table setup_tokens in exclusive mode").execute(&mut *transaction).await?;
    if identity::has_admin(&mut transaction).await? {
        return Err(ApiError {
            code: "setup_done",
            ..ApiError::conflict("This instance already has an admin. Sign in instead.")
        });
    }
    let spent = sqlx::query_scalar!(
        "delete from setup_tokens where token_hash = $1 and expires_at > now() returning true as \"found!\"",
        &secret::sha256(&set_up.token),
    )
    .fetch_optional(&mut *transaction)
    .await?;
    if spent.is_none() {
        return Err(ApiError::forbidden(
            "setup_token_invalid",
            "The link is wrong or has expired. Run `squall-api setup-link`, or `cargo xtask up` again, for a new one.",
        ));
    }
    // Only after the token was checked: hashing is expensive, and strangers must not trigger it.
    let hash = password::hash(set_up.password).await?;
    let user = identity::insert(&mut transaction, &set_up.email, &set_up.name, &hash, Role::Admin).await?;
    sqlx::query!("delete from setup_tokens").execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(user)
}
