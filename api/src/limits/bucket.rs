//! Events by project key: so many a second, and a burst now and then.
//!
//! A bucket fills with what is let in and drains at the rate; what would make it run over has to wait (the leaky bucket
//! as a meter, the same as GCRA counted in events instead of time). A batch larger than the whole burst is let in when
//! the bucket is empty, and paid for by a longer wait after it: otherwise it could never be sent.

use squall_base::Environment;
use squall_live::Redis;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

/// Levels are counted in millionths of an event: a microsecond at a rate of one a second. All numbers then stay whole, and
/// below 2^53, which is what Lua can count to.
const WHOLE: u64 = 1_000_000;

/// Keys remembered at most; those with an empty bucket are forgotten first, since nothing is known of them.
const REMEMBERED: usize = 10_000;

/// What a key may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Events a second, at least 1 and at most 10,000,000.
    pub per_second: u64,
    /// Events at once, at least 1 and at most 1,000,000,000.
    pub burst: u64,
}

impl Rate {
    /// Reads `SQUALL_INGEST_RATE` and `SQUALL_INGEST_BURST`; without a rate there is no limit.
    pub fn read(env: &mut Environment) -> Option<Self> {
        let per_second = env.count(
            "SQUALL_INGEST_RATE",
            0,
            0..=10_000_000,
            "Events a second that each project key may send; more is answered with 429. 0 sets no limit.",
        );
        let burst = env.count(
            "SQUALL_INGEST_BURST",
            0,
            0..=1_000_000_000,
            "Events that a project key may send at once, before its rate counts; 0 is ten seconds of the rate.",
        );
        let burst = if burst == 0 { per_second * 10 } else { burst };
        (per_second > 0).then_some(Self { per_second, burst })
    }
}

/// How full a key's bucket was, in millionths of an event, and when, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    level: u64,
    at: u64,
}

impl Bucket {
    /// Lets in so many events at `now`.
    ///
    /// # Errors
    /// How many microseconds to wait until they could be let in; nothing is counted.
    pub fn spend(known: Option<Self>, rate: Rate, events: u64, now: u64) -> Result<Self, u64> {
        let level = known.map_or(0, |known| known.level_at(now, rate));
        let over = (level + events.min(rate.burst) * WHOLE).saturating_sub(rate.burst * WHOLE);
        if over > 0 {
            return Err(over.div_ceil(rate.per_second));
        }
        // A clock that went back must not drain the same time twice.
        let at = known.map_or(now, |known| known.at.max(now));
        Ok(Self { level: level + events * WHOLE, at })
    }

    fn level_at(self, now: u64, rate: Rate) -> u64 {
        self.level.saturating_sub(now.saturating_sub(self.at).saturating_mul(rate.per_second))
    }
}

/// The buckets of one process.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<HashMap<i64, Bucket>>);

impl Buckets {
    /// How many microseconds a key has to wait; 0 when the events are let in, which is counted.
    pub fn spend(&self, key_id: i64, rate: Rate, events: u64, now: u64) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match Bucket::spend(known.get(&key_id).copied(), rate, events, now) {
            Err(wait) => wait,
            Ok(bucket) => {
                if known.len() >= REMEMBERED {
                    known.retain(|_, bucket| bucket.level_at(now, rate) > 0);
                }
                known.insert(key_id, bucket);
                0
            }
        }
    }
}

static SPEND: LazyLock<redis::Script> = LazyLock::new(|| redis::Script::new(include_str!("bucket.lua")));

/// [`Buckets::spend`] for all replicas; `None` when Redis is away. Without `now`, by Redis's clock.
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
    fn a_burst_is_let_in_and_then_the_rate() {
        let buckets = Buckets::default();
        assert_eq!(buckets.spend(1, RATE, 500, 0), 0);
        assert_eq!(buckets.spend(1, RATE, 1, 0), SECOND / 100);
        assert_eq!(buckets.spend(1, RATE, 100, SECOND / 2), SECOND / 2);
        assert_eq!(buckets.spend(1, RATE, 100, SECOND), 0);
        assert_eq!(buckets.spend(2, RATE, 500, 0), 0, "another key has a bucket of its own");
    }

    #[test]
    fn a_batch_larger_than_the_burst_is_let_in_and_paid_for() {
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
