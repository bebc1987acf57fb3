//! Events by project key: a rate, and a burst now and then.
//!
//! A leaky bucket: it fills with the events that are allowed and drains at the rate, and a batch
//! that would make it overflow has to wait. A batch larger than the whole burst is allowed when the
//! bucket is empty, and the wait after it is longer: otherwise it could never be sent. The crate
//! `governor` never allows such a batch, and its state cannot be shared with the script in Redis.

use squall_base::Environment;
use squall_live::Redis;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

/// Levels are in millionths of an event: what drains in a microsecond at one event a second. All
/// numbers then stay integers below 2^53, the limit of Lua.
const EVENT: u64 = 1_000_000;

/// About 500 kB. When full, keys with an empty bucket are forgotten, which changes nothing for
/// them.
const CAPACITY: usize = 10_000;

/// How much a key may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Events a second, at least 1 and at most 10,000,000.
    pub per_second: u64,
    /// Events at once, at least 1 and at most 1,000,000,000.
    pub burst: u64,
}

impl Rate {
    /// Read `SQUALL_INGEST_RATE` and `SQUALL_INGEST_BURST`; without a rate there is no limit.
    pub fn read(env: &mut Environment) -> Option<Self> {
        let per_second = env.count(
            "SQUALL_INGEST_RATE",
            0,
            0..=10_000_000,
            "Events per second that each project key may send; more is answered with 429. 0 means no limit.",
        );
        let burst = env.count(
            "SQUALL_INGEST_BURST",
            0,
            0..=1_000_000_000,
            "Events that a project key may send at once, beyond its rate; 0 means ten seconds of the rate.",
        );
        let burst = if burst == 0 { per_second * 10 } else { burst };
        (per_second > 0).then_some(Self { per_second, burst })
    }
}

/// The level of a key's bucket, in millionths of an event, at a time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    level: u64,
    at: u64,
}

impl Bucket {
    /// Allow and count events at `now`.
    ///
    /// # Errors
    /// The microseconds to wait until they are allowed; nothing is counted.
    pub fn spend(known: Option<Self>, rate: Rate, events: u64, now: u64) -> Result<Self, u64> {
        let level = known.map_or(0, |known| known.level_at(now, rate));
        let over = (level + events.min(rate.burst) * EVENT).saturating_sub(rate.burst * EVENT);
        if over > 0 {
            return Err(over.div_ceil(rate.per_second));
        }
        // If the clock went back, the same time must not drain twice.
        let at = known.map_or(now, |known| known.at.max(now));
        Ok(Self { level: level + events * EVENT, at })
    }

    fn level_at(self, now: u64, rate: Rate) -> u64 {
        self.level.saturating_sub(now.saturating_sub(self.at).saturating_mul(rate.per_second))
    }
}

/// The buckets of one process.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<HashMap<i64, Bucket>>);

impl Buckets {
    /// The microseconds a key has to wait; 0 if the events are allowed, which is counted.
    pub fn spend(&self, key_id: i64, rate: Rate, events: u64, now: u64) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match Bucket::spend(known.get(&key_id).copied(), rate, events, now) {
            Err(wait) => wait,
            Ok(bucket) => {
                if known.len() >= CAPACITY {
                    known.retain(|_, bucket| bucket.level_at(now, rate) > 0);
                }
                known.insert(key_id, bucket);
                0
            }
        }
    }
}

static SPEND: LazyLock<redis::Script> = LazyLock::new(|| redis::Script::new(include_str!("bucket.lua")));

/// [`Buckets::spend`] for all replicas; `None` if Redis is unusable. Without `now`, the clock of
/// Redis counts.
pub async fn spend_shared(
    redis: &Redis,
    key: &str,
    rate: Rate,
    events: u64,
    now: Option<u64>,
) -> Option<u64> {
    let mut script = SPEND.key(key);
    script.arg(now.map(|now| now.to_string()).unwrap_or_default());
    script.arg(rate.per_second).arg(rate.burst).arg(events);
    redis.run(|mut connection| async move { script.invoke_async(&mut connection).await }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 100, burst: 500 };
    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let buckets = Buckets::default();
        assert_eq!(buckets.spend(1, RATE, 500, 0), 0);
        assert_eq!(buckets.spend(1, RATE, 1, 0), SECOND / 100);
        assert_eq!(buckets.spend(1, RATE, 100, SECOND / 2), SECOND / 2);
        assert_eq!(buckets.spend(1, RATE, 100, SECOND), 0);
        assert_eq!(buckets.spend(2, RATE, 500, 0), 0, "another key has its own bucket");
    }

    #[test]
    fn a_batch_larger_than_the_burst_is_allowed_and_lengthens_the_wait() {
        let buckets = Buckets::default();
        assert_eq!(buckets.spend(1, RATE, 2_000, 0), 0);
        assert_eq!(buckets.spend(1, RATE, 1, 0), 15 * SECOND + SECOND / 100);
        assert_eq!(buckets.spend(1, RATE, 2_000, 15 * SECOND), 5 * SECOND);
        assert_eq!(buckets.spend(1, RATE, 2_000, 20 * SECOND), 0);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let full = Bucket::spend(None, RATE, 500, 10 * SECOND).unwrap();
        assert_eq!(Bucket::spend(Some(full), RATE, 1, 0), Err(SECOND / 100));
        let spent = Bucket::spend(Some(full), RATE, 0, 5 * SECOND).unwrap();
        assert_eq!(spent, full);
    }

    #[test]
    fn the_extremes_stay_numbers() {
        let rate = Rate { per_second: 10_000_000, burst: 1_000_000_000 };
        let bucket = Bucket::spend(None, rate, 4_000_000_000, 0).unwrap();
        assert!(bucket.level < 1 << 53);
        assert!(Bucket::spend(Some(bucket), rate, u64::from(u32::MAX), u64::MAX).is_ok());
    }
}
