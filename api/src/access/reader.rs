//! Who reads over a long time, so that it can be asked again whether they still may.

use crate::{AppState, auth, error::ApiError};
use axum::http::StatusCode;

/// A person or a key, as an extension of a request.
#[derive(Debug, Clone, Copy)]
pub enum Reader {
    /// A person, by their session.
    Person {
        /// `users.id`
        id: i64,
        /// `sessions.token_hash`
        session: [u8; 32],
    },
    /// A project key that may read.
    Key {
        /// `api_keys.id`
        id: i64,
        /// The one project it may read.
        project_id: i64,
    },
}

impl Reader {
    /// Whether the session has not ended and the key was not revoked. Asking does not make a session live on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn still_may(&self, state: &AppState) -> Result<bool, sqlx::Error> {
        match self {
            Self::Person { session, .. } => {
                sqlx::query_scalar!(
                    "select exists(select from sessions s join users u on u.id = s.user_id
                         where s.token_hash = $1 and s.expires_at > now() and u.disabled_at is null) as \"may!\"",
                    session,
                )
                .fetch_one(&state.pool)
                .await
            }
            Self::Key { id, .. } => {
                sqlx::query_scalar!(
                    "select exists(select from api_keys where id = $1 and revoked_at is null) as \"may!\"",
                    id
                )
                .fetch_one(&state.pool)
                .await
            }
        }
    }
}

/// The reader that a key's secret stands for.
pub(super) async fn of_key(state: &AppState, secret: &str) -> Result<Reader, ApiError> {
    let key = sqlx::query!(
        "update api_keys set last_used_at = now()
         where secret_hash = $1 and revoked_at is null and scope = 'read' returning id, project_id",
        &auth::sha256(secret),
    )
    .fetch_optional(&state.pool)
    .await?;
    key.map(|key| Reader::Key { id: key.id, project_id: key.project_id }).ok_or_else(|| {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unknown_key",
            "The project key is not known, was revoked, or may not read. Make one of scope read.",
        )
    })
}
