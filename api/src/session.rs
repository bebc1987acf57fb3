//! Sessions: who is signed in.
//!
//! A session is found by the hash of the random token in its cookie, so that a stolen table does
//! not let anyone sign in.

use crate::{
    identity::Role,
    secret::{self, Hash},
};
use sqlx::PgPool;
use squall_base::random;
use std::time::Duration;

/// The name of the session cookie.
pub const COOKIE: &str = "squall_session";

/// The signed-in user of a request, available as an extension.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub id: i64,
    pub role: Role,
}

/// Start a session and return its token.
pub async fn begin(
    pool: &PgPool,
    user_id: i64,
    lifetime: Duration,
    user_agent: Option<&str>,
) -> sqlx::Result<String> {
    let token = random::token();
    sqlx::query!(
        "insert into sessions (token_hash, user_id, expires_at, user_agent)
         values ($1, $2, now() + make_interval(secs => $3), left($4, 200))",
        &secret::sha256(&token),
        user_id,
        lifetime.as_secs_f64(),
        user_agent,
    )
    .execute(pool)
    .await?;
    Ok(token)
}

pub async fn end(pool: &PgPool, token: &Hash) -> sqlx::Result<()> {
    sqlx::query!("delete from sessions where token_hash = $1", token).execute(pool).await?;
    Ok(())
}

/// Find the user of a session, and extend the session by its lifetime.
pub async fn resume(pool: &PgPool, token: &Hash, lifetime: Duration) -> sqlx::Result<Option<SignedIn>> {
    let row = sqlx::query!(
        "select u.id, u.role as \"role: Role\", s.last_seen_at < now() - interval '1 minute' as \"stale!\"
         from sessions s join users u on u.id = s.user_id
         where s.token_hash = $1 and s.expires_at > now() and u.disabled_at is null",
        token,
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.stale {
        // Once a minute is exact enough, and spares a write for every request.
        sqlx::query!(
            "update sessions set last_seen_at = now(), expires_at = now() + make_interval(secs => $2) where token_hash = $1",
            token,
            lifetime.as_secs_f64(),
        )
        .execute(pool)
        .await?;
    }
    Ok(Some(SignedIn { id: row.id, role: row.role }))
}

/// Check a session without extending it.
pub async fn is_valid(pool: &PgPool, token: &Hash) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        "select exists(select from sessions s join users u on u.id = s.user_id
             where s.token_hash = $1 and s.expires_at > now() and u.disabled_at is null) as \"may!\"",
        token,
    )
    .fetch_one(pool)
    .await
}
