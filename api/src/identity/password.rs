//! Passwords, stored as argon2id.

use crate::error::ApiError;
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use squall_base::random;
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// NIST SP 800-63B: length matters more than odd characters.
const MIN_CHARS: usize = 10;

/// Keeps the time to hash a password bounded.
const MAX_CHARS: usize = 200;

/// Each hash takes 19 MiB and a core: without a limit, strangers could exhaust both by signing in.
static HASHING: Semaphore = Semaphore::const_new(4);

/// The hash of a password that does not exist, to spend the same time on an unknown email.
static UNKNOWN_USER: LazyLock<String> = LazyLock::new(|| hash_now(&random::token()).unwrap_or_default());

/// Hash a password for storage, off the async threads.
///
/// # Errors
/// If the password is too short or too long.
pub async fn hash(password: String) -> Result<String, ApiError> {
    if !(MIN_CHARS..=MAX_CHARS).contains(&password.chars().count()) {
        return Err(ApiError::invalid(format!(
            "The password must have {MIN_CHARS} to {MAX_CHARS} characters."
        )));
    }
    let _permit = HASHING.acquire().await.map_err(ApiError::internal)?;
    tokio::task::spawn_blocking(move || hash_now(&password))
        .await
        .map_err(ApiError::internal)?
        .map_err(ApiError::internal)
}

/// Check a password against a stored hash. Without a hash the check fails after the same time.
///
/// # Errors
/// If the hashing thread panics.
pub async fn verify(password: String, stored: Option<String>) -> Result<bool, ApiError> {
    // No password is longer than this, and hashing a megabyte would only cost time.
    if password.chars().count() > MAX_CHARS {
        return Ok(false);
    }
    let verify = move || {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or_else(|| UNKNOWN_USER.clone());
        let Ok(hash) = PasswordHash::new(&stored) else { return false };
        Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && is_known
    };
    let _permit = HASHING.acquire().await.map_err(ApiError::internal)?;
    tokio::task::spawn_blocking(verify).await.map_err(ApiError::internal)
}

fn hash_now(password: &str) -> Result<String, String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}
