//! Who may call a route: every route declares an [`Access`], and one guard enforces it.

mod reader;

pub use reader::Reader;

use crate::{AppState, auth, error::ApiError};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};
use utoipa::ToSchema;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    Public,
    /// A project key that may ingest.
    Ingest,
    /// A person who is signed in, or a project key that may read.
    Read,
    /// A person who is signed in.
    Viewer,
    /// A person who may change issues and sources.
    Member,
    /// A person who may change projects, keys and users.
    Admin,
}

/// What a person may do; each role may do what the ones before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "user_role", rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also changes issues and sources.
    Member,
    /// Also changes projects, keys and users.
    Admin,
}

/// The person of a request, as an extension of it.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// `users.id`
    pub id: i64,
    /// What they may do.
    pub role: Role,
}

/// The project a key belongs to, as an extension of an ingestion request.
#[derive(Debug, Clone, Copy)]
pub struct KeyHolder {
    /// `api_keys.id`
    pub key_id: i64,
    /// `projects.id`
    pub project_id: i64,
    /// The project's source for what is pushed.
    pub source_id: i64,
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

/// Lets a request through to its handler, or answers why not.
pub async fn guard(
    State((state, access)): State<(AppState, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&state, access, &mut request).await {
        Err(error) => error.into_response(),
        Ok(signed_in) => {
            let mut response = next.run(request).await;
            if let Some(signed_in) = signed_in {
                response.extensions_mut().insert(signed_in);
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
    if access == Access::Ingest {
        let holder = state.keys.find(state, request.headers()).await?;
        request.extensions_mut().insert(holder);
        return Ok(None);
    }
    if access == Access::Read
        && let Some(secret) = secret(request.headers())
    {
        let reader = reader::of_key(state, secret).await?;
        request.extensions_mut().insert(reader);
        return Ok(None);
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !safe && !same_origin(request.headers()) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "This request came from another site. Open Squall itself and do it there.",
        ));
    }
    let Some(needed) = access.role() else { return Ok(None) };
    let signed_in = auth::session(state, request.headers()).await?.ok_or_else(|| {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Nobody is signed in. Sign in and try again.",
        )
    })?;
    if signed_in.role < needed {
        let role = format!("{needed:?}").to_lowercase();
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("This needs the role {role}. Ask an admin of this Squall for it."),
        ));
    }
    if let Some(hash) = auth::session_hash(request.headers()) {
        request.extensions_mut().insert(Reader::Person { id: signed_in.id, session: hash });
    }
    request.extensions_mut().insert(signed_in.clone());
    Ok(Some(signed_in))
}

/// Whether a browser says that the page that sends this is ours. What is no browser sends neither header,
/// and carries no cookie that somebody else's page could abuse.
fn same_origin(headers: &HeaderMap) -> bool {
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

/// How long a key is believed without asking the database: a revoked key works at most this long.
const KEY_MEMORY: Duration = Duration::from_secs(5);

/// Keys remembered at most.
const KEYS_REMEMBERED: usize = 10_000;

/// Project keys that were looked up lately, by the hash of their secret.
#[derive(Debug, Default)]
pub struct Keys(Mutex<HashMap<[u8; 32], (Instant, KeyHolder)>>);

impl Keys {
    async fn find(&self, state: &AppState, headers: &HeaderMap) -> Result<KeyHolder, ApiError> {
        let secret = secret(headers).ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unknown_key",
                "The request has no project key. Send the header Authorization: Bearer sq_…",
            )
        })?;
        let hash = auth::sha256(secret);
        if let Some(holder) = self.remembered(&hash) {
            return Ok(holder);
        }
        let row = sqlx::query!(
            "update api_keys k set last_used_at = now()
             from sources s
             where k.secret_hash = $1 and k.revoked_at is null and k.scope = 'ingest'
               and s.project_id = k.project_id and s.kind = 'http'
             returning k.id, k.project_id, s.id as source_id",
            &hash,
        )
        .fetch_optional(&state.pool)
        .await?;
        let row = row.ok_or_else(|| {
            ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unknown_key",
                "The project key is not known or was revoked. Make a new one under Settings.",
            )
        })?;
        let holder = KeyHolder { key_id: row.id, project_id: row.project_id, source_id: row.source_id };
        self.remember(hash, holder);
        Ok(holder)
    }

    fn remembered(&self, hash: &[u8; 32]) -> Option<KeyHolder> {
        let known = self.0.lock().ok()?;
        known.get(hash).filter(|(since, _)| since.elapsed() < KEY_MEMORY).map(|(_, holder)| *holder)
    }

    fn remember(&self, hash: [u8; 32], holder: KeyHolder) {
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= KEYS_REMEMBERED {
                known.clear();
            }
            known.insert(hash, (Instant::now(), holder));
        }
    }
}

fn secret(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| {
        let (scheme, secret) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
    });
    bearer.or_else(|| headers.get("x-squall-key").and_then(|value| value.to_str().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_change_things() {
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
            let headers =
                pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(same_origin(&headers), allowed, "{pairs:?}");
        }
    }
}
