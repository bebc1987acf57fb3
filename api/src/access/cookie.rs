//! The session cookie.
//!
//! Written by hand: `axum-extra` would add eleven crates, among them `time` and its macros, to the
//! compile time of the first `cargo xtask up`.

use crate::{
    AppState,
    error::ApiError,
    secret::{Hash, sha256},
    session::{self, COOKIE},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::time::Duration;

/// The header that sets the session cookie.
pub type SetCookie = [(HeaderName, HeaderValue); 1];

/// The hash by which the session of a request is found.
pub fn session_token(headers: &HeaderMap) -> Option<Hash> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|text| text.split(';')).find_map(|pair| {
        let (name, token) = pair.trim().split_once('=')?;
        (name == COOKIE && !token.is_empty()).then(|| sha256(token))
    })
}

/// Start a session and return the cookie that carries it.
///
/// # Errors
/// If the database is unavailable.
pub async fn begin_session(
    state: &AppState,
    user_id: i64,
    headers: &HeaderMap,
) -> Result<SetCookie, ApiError> {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let lifetime = state.config.session_lifetime;
    let token = session::begin(&state.pool, user_id, lifetime, user_agent).await?;
    set_cookie(state, &token, lifetime)
}

/// Remove the session cookie from the browser.
///
/// # Errors
/// If the header is not valid, which is a bug.
pub fn remove(state: &AppState) -> Result<SetCookie, ApiError> {
    set_cookie(state, "", Duration::ZERO)
}

fn set_cookie(state: &AppState, token: &str, lifetime: Duration) -> Result<SetCookie, ApiError> {
    let secure = if state.config.public_url.starts_with("https://") { "; Secure" } else { "" };
    let max_age = lifetime.as_secs();
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age}{secure}");
    Ok([(header::SET_COOKIE, HeaderValue::from_str(&cookie).map_err(ApiError::internal)?)])
}
