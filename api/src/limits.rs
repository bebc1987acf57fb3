//! Limits on rates: failed sign-ins by email, events by project key.
//!
//! With Redis, replicas share them: each decision is one script, atomic and by Redis's clock. Without Redis, or while it is
//! away, each process limits by itself, and what it then allows is counted from nothing: for a while a sender may send as
//! much to each replica. Both ways compute the same thing, which a test holds them to.

pub mod backoff;
pub mod bucket;

use crate::auth::sha256;
use backoff::Backoffs;
use bucket::{Buckets, Rate};
use squall_base::random;
use squall_live::Redis;
use std::time::{Duration, Instant};

/// Every limit of a process.
#[derive(Debug)]
pub struct Limits {
    redis: Option<Redis>,
    /// The beginning of this process's own time.
    start: Instant,
    sign_ins: Backoffs,
    ingestion: Option<(Rate, Buckets)>,
}

impl Limits {
    /// Limits that are shared through Redis, if there is one. Without a rate, ingestion has none.
    pub fn new(redis: Option<Redis>, ingestion: Option<Rate>) -> Self {
        let ingestion = ingestion.map(|rate| (rate, Buckets::default()));
        Self { redis, start: Instant::now(), sign_ins: Backoffs::default(), ingestion }
    }

    /// Lets somebody try to sign in, and counts it as a failure until [`Self::signed_in`] says otherwise: guesses that
    /// are made at the same time count as well.
    ///
    /// # Errors
    /// How long this email still has to wait.
    pub async fn sign_in(&self, email: &str) -> Result<(), Duration> {
        let name = sha256(email);
        if let Some(redis) = &self.redis
            && let Some(decided) = backoff::attempt_shared(redis, &sign_in_key(&name), None).await
        {
            return waiting(decided);
        }
        waiting(self.sign_ins.attempt(name, self.now()))
    }

    /// Forgets the failures of an email that got in.
    pub async fn signed_in(&self, email: &str) {
        let name = sha256(email);
        if let Some(redis) = &self.redis {
            backoff::forget_shared(redis, &sign_in_key(&name)).await;
        }
        self.sign_ins.forget(&name);
    }

    /// Lets a key put so many events into the inbox.
    ///
    /// # Errors
    /// How long it has to wait before as many would be let in.
    pub async fn ingest(&self, key_id: i64, events: u64) -> Result<(), Duration> {
        let Some((rate, buckets)) = &self.ingestion else { return Ok(()) };
        if let Some(redis) = &self.redis
            && let Some(decided) =
                bucket::spend_shared(redis, &format!("squall:ingest:{key_id}"), *rate, events, None).await
        {
            return waiting(decided);
        }
        waiting(buckets.spend(key_id, *rate, events, self.now()))
    }

    /// Microseconds since the start of this process.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn sign_in_key(name: &[u8; 32]) -> String {
    format!("squall:sign-in:{}", random::hex(name))
}

fn waiting(micros: u64) -> Result<(), Duration> {
    if micros == 0 { Ok(()) } else { Err(Duration::from_micros(micros)) }
}

/// Whole seconds for a header Retry-After: never too early.
#[must_use]
pub fn retry_after(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
