//! The session cookie.

use crate::{
    AppState,
    error::ApiError,
    secret::{Hash, sha256},
    session::{self, COOKIE},
};
use axum::http::{HeaderMap, header};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use std::time::Duration;

/// The hash by which the session of a request is found.
pub fn session_token(headers: &HeaderMap) -> Option<Hash> {
    let jar = CookieJar::from_headers(headers);
    jar.get(COOKIE).map(Cookie::value).filter(|token| !token.is_empty()).map(sha256)
}

/// Start a session and return the cookie that carries it.
///
/// # Errors
/// If the database is unavailable.
pub async fn begin_session(
    state: &AppState,
    user_id: i64,
    headers: &HeaderMap,
) -> Result<CookieJar, ApiError> {
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let lifetime = state.config.session_lifetime;
    let token = session::begin(&state.pool, user_id, lifetime, user_agent).await?;
    Ok(cookie(state, token, lifetime))
}

/// Remove the session cookie from the browser.
pub fn remove(state: &AppState) -> CookieJar {
    cookie(state, String::new(), Duration::ZERO)
}

fn cookie(state: &AppState, token: String, lifetime: Duration) -> CookieJar {
    let cookie = Cookie::build((COOKIE, token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(state.config.public_url.starts_with("https://"))
        .max_age(lifetime.try_into().unwrap_or_default());
    CookieJar::new().add(cookie)
}
