//! Rate limits: failed sign-ins by email, events by project key.
//!
//! With Redis, replicas share the limits: each decision is one script, atomic and by the clock of
//! Redis. Without Redis, or while it is unusable, each process limits on its own and starts from
//! zero, so that for a while a sender may send the full rate to each replica. Both ways make the
//! same decisions, which a test compares.

pub mod backoff;
pub mod bucket;

use crate::secret::{Hash, sha256};
use backoff::Backoffs;
use bucket::{Buckets, Rate};
use squall_base::random;
use squall_live::Redis;
use std::time::{Duration, Instant};

/// The limits of a process.
#[derive(Debug)]
pub struct Limits {
    redis: Option<Redis>,
    /// The zero of this process's own clock.
    start: Instant,
    sign_ins: Backoffs,
    ingestion: Option<(Rate, Buckets)>,
}

impl Limits {
    /// Share the limits through Redis, if given. Without a rate, ingestion is unlimited.
    pub fn new(redis: Option<Redis>, ingestion: Option<Rate>) -> Self {
        let ingestion = ingestion.map(|rate| (rate, Buckets::default()));
        Self { redis, start: Instant::now(), sign_ins: Backoffs::default(), ingestion }
    }

    /// Allow an attempt to sign in. It counts as a failure until [`Self::signed_in`] is called, so
    /// that concurrent guesses count as well.
    ///
    /// # Errors
    /// How long this email has to wait.
    pub async fn sign_in(&self, email: &str) -> Result<(), Duration> {
        let name = sha256(email);
        if let Some(redis) = &self.redis
            && let Some(wait) = backoff::attempt_shared(redis, &sign_in_key(&name), None).await
        {
            return allowed_after(wait);
        }
        allowed_after(self.sign_ins.attempt(name, self.now()))
    }

    /// Forget the failures of an email that signed in.
    pub async fn signed_in(&self, email: &str) {
        let name = sha256(email);
        if let Some(redis) = &self.redis {
            backoff::forget_shared(redis, &sign_in_key(&name)).await;
        }
        self.sign_ins.forget(&name);
    }

    /// Allow a key to put events into the inbox.
    ///
    /// # Errors
    /// How long it has to wait before as many are allowed.
    pub async fn ingest(&self, key_id: i64, events: u64) -> Result<(), Duration> {
        let Some((rate, buckets)) = &self.ingestion else { return Ok(()) };
        if let Some(redis) = &self.redis
            && let Some(wait) =
                bucket::spend_shared(redis, &format!("squall:ingest:{key_id}"), *rate, events, None).await
        {
            return allowed_after(wait);
        }
        allowed_after(buckets.spend(key_id, *rate, events, self.now()))
    }

    /// Microseconds since the start of this process.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn sign_in_key(name: &Hash) -> String {
    format!("squall:sign-in:{}", random::hex(name))
}

fn allowed_after(micros: u64) -> Result<(), Duration> {
    if micros == 0 { Ok(()) } else { Err(Duration::from_micros(micros)) }
}

/// The value of the header Retry-After: whole seconds, rounded up.
#[must_use]
pub fn retry_after(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
