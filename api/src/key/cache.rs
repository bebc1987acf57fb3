//! Ingestion keys found lately, so that a busy sender does not cost a query for each request.

use super::IngestKey;
use crate::secret::Hash;
use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

/// A revoked key is accepted for at most this long.
const LIFETIME: Duration = Duration::from_secs(5);

/// About 1 MB. A full cache is emptied, which costs each key one query.
const CAPACITY: usize = 10_000;

/// Keys by the hash of their secret.
#[derive(Debug, Default)]
pub struct KeyCache(Mutex<HashMap<Hash, (Instant, IngestKey)>>);

impl KeyCache {
    pub fn get(&self, secret: &Hash) -> Option<IngestKey> {
        let keys = self.0.lock().ok()?;
        keys.get(secret).filter(|(found_at, _)| found_at.elapsed() < LIFETIME).map(|(_, key)| *key)
    }

    pub fn insert(&self, secret: Hash, key: IngestKey) {
        if let Ok(mut keys) = self.0.lock() {
            if keys.len() >= CAPACITY {
                keys.clear();
            }
            keys.insert(secret, (Instant::now(), key));
        }
    }
}
