//! Passwords and sessions.
//!
//! A password is stored as argon2id; a session is found by the SHA-256 of the random token in its cookie,
//! so that neither table lets its thief sign in.

use crate::{
    AppState,
    access::{Role, SignedIn},
    error::ApiError,
};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};
use squall_base::random;
use std::{sync::LazyLock, time::Duration};
use tokio::sync::Semaphore;

/// The cookie of a session.
pub const COOKIE: &str = "squall_session";

/// The shortest password that is taken; longer beats stranger (NIST SP 800-63B).
pub const MIN_PASSWORD: usize = 10;

/// The longest, so that hashing stays bounded.
pub const MAX_PASSWORD: usize = 200;

/// A hash nobody has the password of: an unknown email then takes as long as a wrong password.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now(&random::token()).unwrap_or_default());

/// SHA-256, which is enough for what is random already.
#[must_use]
pub fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Passwords hashed at once. Each takes 19 MiB and a core: without a bound, strangers could take all of both.
static HASHING: Semaphore = Semaphore::const_new(4);

/// Hashes a password for storage, off the async threads.
///
/// # Errors
/// When the password is too short or too long.
pub async fn hash_password(password: String) -> Result<String, ApiError> {
    if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&password.chars().count()) {
        return Err(ApiError::invalid(format!(
            "The password must have from {MIN_PASSWORD} to {MAX_PASSWORD} characters."
        )));
    }
    let _turn = HASHING.acquire().await.map_err(ApiError::internal)?;
    tokio::task::spawn_blocking(move || hash_now(&password))
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)
}

fn hash_now(password: &str) -> Result<String, String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// Whether a password fits a stored hash. Without a hash it takes as long and says no.
///
/// # Errors
/// When the hashing thread dies.
pub async fn verify_password(password: String, stored: Option<String>) -> Result<bool, ApiError> {
    // Nobody can choose a password that is longer; a megabyte of it only costs time.
    if password.chars().count() > MAX_PASSWORD {
        return Ok(false);
    }
    let verify = move || {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| NOBODY.clone());
        let Ok(hash) = PasswordHash::new(&stored) else { return false };
        Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && known
    };
    let _turn = HASHING.acquire().await.map_err(ApiError::internal)?;
    tokio::task::spawn_blocking(verify).await.map_err(ApiError::internal)
}

/// Begins a session; the value of its `Set-Cookie`.
///
/// # Errors
/// When the database is away.
pub async fn begin_session(
    state: &AppState,
    user_id: i64,
    headers: &HeaderMap,
) -> Result<HeaderValue, ApiError> {
    let token = random::token();
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    sqlx::query!(
        "insert into sessions (token_hash, user_id, expires_at, user_agent)
         values ($1, $2, now() + make_interval(secs => $3), left($4, 200))",
        &sha256(&token),
        user_id,
        state.config.session_lifetime.as_secs_f64(),
        agent,
    )
    .execute(&state.pool)
    .await?;
    cookie(state, &token, state.config.session_lifetime)
}

/// Ends the session of a request; the `Set-Cookie` that takes its cookie away.
///
/// # Errors
/// When the database is away.
pub async fn end_session(state: &AppState, headers: &HeaderMap) -> Result<HeaderValue, ApiError> {
    if let Some(token) = session_token(headers) {
        sqlx::query!("delete from sessions where token_hash = $1", &sha256(token))
            .execute(&state.pool)
            .await?;
    }
    cookie(state, "", Duration::ZERO)
}

/// The person whose session a request carries. A session in use lives on.
///
/// # Errors
/// When the database is away.
pub async fn session(state: &AppState, headers: &HeaderMap) -> Result<Option<SignedIn>, ApiError> {
    let Some(token) = session_token(headers) else { return Ok(None) };
    let hash = sha256(token);
    let row = sqlx::query!(
        "select u.id, u.role as \"role: Role\", s.last_seen_at < now() - interval '1 minute' as \"stale!\"
         from sessions s join users u on u.id = s.user_id
         where s.token_hash = $1 and s.expires_at > now() and u.disabled_at is null",
        &hash,
    )
    .fetch_optional(&state.pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.stale {
        // Once a minute is exact enough, and spares a write for every request.
        sqlx::query!(
            "update sessions set last_seen_at = now(), expires_at = now() + make_interval(secs => $2) where token_hash = $1",
            &hash,
            state.config.session_lifetime.as_secs_f64(),
        )
        .execute(&state.pool)
        .await?;
    }
    Ok(Some(SignedIn { id: row.id, role: row.role }))
}

/// What the session of a request is found by.
pub fn session_hash(headers: &HeaderMap) -> Option<[u8; 32]> {
    session_token(headers).map(sha256)
}

fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|text| text.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

fn cookie(state: &AppState, token: &str, lifetime: Duration) -> Result<HeaderValue, ApiError> {
    let secure = if state.config.public_url.starts_with("https://") { "; Secure" } else { "" };
    let age = lifetime.as_secs();
    HeaderValue::from_str(&format!(
        "{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}"
    ))
    .map_err(ApiError::internal)
}
