//! Who reads a stream, so that it can be checked from time to time whether they still may.

use crate::{key, key::ReadKey, secret::Hash, session};
use sqlx::PgPool;

/// A user or a key, as an extension of a request.
#[derive(Debug, Clone, Copy)]
pub enum Reader {
    /// A signed-in user.
    User {
        /// `users.id`
        id: i64,
        /// `sessions.token_hash`
        session: Hash,
    },
    /// A project key, which may read one project.
    Key(ReadKey),
}

impl Reader {
    /// Whether the session has not ended, or the key was not revoked. The check does not extend a
    /// session.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn is_valid(&self, pool: &PgPool) -> sqlx::Result<bool> {
        match self {
            Self::User { session, .. } => session::is_valid(pool, session).await,
            Self::Key(key) => key::is_valid(pool, key.id).await,
        }
    }
}
