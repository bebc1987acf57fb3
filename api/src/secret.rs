//! How tokens and keys are stored: as a hash, so that a stolen table opens no door.

use sha2::{Digest, Sha256};

/// What a secret is stored as and found by.
pub type Hash = [u8; 32];

/// A fast hash is enough: what it is used for has 256 random bits, which no one can guess.
pub fn sha256(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}
