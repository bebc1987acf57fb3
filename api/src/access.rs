//! Who may call a route: every route declares an [`Access`], and one guard enforces it.

pub mod cookie;
mod reader;

pub use reader::Reader;

use crate::{
    AppState,
    error::ApiError,
    identity::Role,
    key,
    secret::{Hash, sha256},
    session::{self, SignedIn},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// What a caller needs for a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    Public,
    /// A project key that may ingest.
    Ingest,
    /// A session, or a project key that may read.
    Read,
    /// A session of any role.
    Viewer,
    /// The role member or admin.
    Member,
    /// The role admin.
    Admin,
}

impl Access {
    fn role(self) -> Option<Role> {
        match self {
            Self::Public | Self::Ingest => None,
            Self::Read | Self::Viewer => Some(Role::Viewer),
            Self::Member => Some(Role::Member),
            Self::Admin => Some(Role::Admin),
        }
    }
}

/// Pass a request to its handler, or answer why its caller may not call it.
pub async fn guard(
    State((state, access)): State<(AppState, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&state, access, &mut request).await {
        Err(error) => error.into_response(),
        Ok(user) => {
            let mut response = next.run(request).await;
            // The log line of the request names the user.
            if let Some(user) = user {
                response.extensions_mut().insert(user);
            }
            response
        }
    }
}

async fn admit(
    state: &AppState,
    access: Access,
    request: &mut Request,
) -> Result<Option<SignedIn>, ApiError> {
    let secret = project_key(request.headers()).map(sha256);
    match (access, secret) {
        (Access::Ingest, secret) => {
            request.extensions_mut().insert(ingest_key(state, secret).await?);
            return Ok(None);
        }
        (Access::Read, Some(secret)) => {
            let Some(key) = key::find_read(&state.pool, &secret).await? else {
                let wrong_scope = "This key can only send events. Create a key with scope read.";
                return Err(refused_key(state, &secret, wrong_scope).await);
            };
            request.extensions_mut().insert(Reader::Key(key));
            return Ok(None);
        }
        _ => {}
    }
    if !request.method().is_safe() && !is_same_origin(request.headers()) {
        return Err(ApiError::forbidden(
            "csrf",
            "This request came from another site. Open Squall itself and try again there.",
        ));
    }
    let Some(required) = access.role() else { return Ok(None) };
    let (user, token) = signed_in(state, request.headers()).await?.ok_or_else(|| {
        ApiError::unauthorized("unauthenticated", "You are not signed in. Sign in and try again.")
    })?;
    if user.role < required {
        return Err(ApiError::forbidden(
            "forbidden",
            format!("This requires the role {}. Ask an admin for it.", required.name()),
        ));
    }
    request.extensions_mut().insert(Reader::User { id: user.id, session: token });
    request.extensions_mut().insert(user.clone());
    Ok(Some(user))
}

async fn signed_in(state: &AppState, headers: &HeaderMap) -> Result<Option<(SignedIn, Hash)>, ApiError> {
    let Some(token) = cookie::session_token(headers) else { return Ok(None) };
    let user = session::resume(&state.pool, &token, state.config.session_lifetime).await?;
    Ok(user.map(|user| (user, token)))
}

async fn ingest_key(state: &AppState, secret: Option<Hash>) -> Result<key::IngestKey, ApiError> {
    let secret = secret.ok_or_else(|| {
        unknown_key("The request has no project key. Send the header Authorization: Bearer sq_…")
    })?;
    if let Some(key) = state.keys.get(&secret) {
        return Ok(key);
    }
    let Some(key) = key::find_ingest(&state.pool, &secret).await? else {
        let wrong_scope = "This key can only read. Under Settings, create a key that can send events.";
        return Err(refused_key(state, &secret, wrong_scope).await);
    };
    state.keys.insert(secret, key);
    Ok(key)
}

/// Why a key is refused: it has another scope, or it is not valid at all.
async fn refused_key(state: &AppState, secret: &Hash, wrong_scope: &'static str) -> ApiError {
    match key::exists(&state.pool, secret).await {
        Ok(true) => ApiError::forbidden("wrong_scope", wrong_scope),
        Ok(false) => unknown_key("The project key is unknown or revoked. Create a new one under Settings."),
        Err(error) => error.into(),
    }
}

fn unknown_key(message: &str) -> ApiError {
    ApiError::unauthorized("unknown_key", message)
}

/// The project key in `Authorization: Bearer`, or in `X-Squall-Key` for senders that cannot set the
/// former.
fn project_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
    });
    bearer.or_else(|| text("x-squall-key"))
}

/// Whether the page that sent this is one of Squall's. Programs other than browsers send neither
/// header, and carry no cookie that a page of another site could abuse.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (None, _) => true,
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_pages_of_squall_may_change_things() {
        for (pairs, allowed) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site"), ("origin", "http://squall")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", "http://squall:8642"), ("host", "squall:8642")], true),
            (&[("origin", "http://evil"), ("host", "squall:8642")], false),
            (&[("origin", "null"), ("host", "squall:8642")], false),
            (&[("host", "squall:8642")], true),
        ] {
            assert_eq!(is_same_origin(&headers(pairs)), allowed, "{pairs:?}");
        }
    }

    #[test]
    fn a_project_key_is_found_in_either_header_however_its_scheme_is_written() {
        for (pairs, expected) in [
            (&[("authorization", "Bearer sq_1")][..], Some("sq_1")),
            (&[("authorization", "bearer sq_1")], Some("sq_1")),
            (&[("authorization", "BEARER  sq_1 ")], Some("sq_1")),
            (&[("x-squall-key", "sq_2")], Some("sq_2")),
            (&[("authorization", "Bearer sq_1"), ("x-squall-key", "sq_2")], Some("sq_1")),
            (&[("authorization", "Basic c3E6"), ("x-squall-key", "sq_2")], Some("sq_2")),
            (&[("authorization", "Bearer")], None),
            (&[], None),
        ] {
            assert_eq!(project_key(&headers(pairs)), expected, "{pairs:?}");
        }
    }
}
