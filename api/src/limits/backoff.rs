//! Sign-ins: after a few failures the same email has to wait, longer each time.

use crate::secret::Hash;
use squall_live::Redis;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

/// Failures without a wait: people mistype.
const FREE_FAILURES: u32 = 5;

/// Five minutes. The wait starts at one second and doubles up to this.
const MAX_WAIT_MICROS: u64 = 300_000_000;

/// Fifteen minutes. Without a failure for this long, all failures are forgotten.
const FORGET_MICROS: u64 = 900_000_000;

/// About 1 MB. When full, the name that failed longest ago is forgotten.
const CAPACITY: usize = 10_000;

/// A hash, so that a long name takes no more memory than a short one.
type Name = Hash;

/// The failures of a name. Times are microseconds of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    count: u32,
    last: u64,
}

impl Backoff {
    /// Count an attempt at `now` as a failure.
    ///
    /// # Errors
    /// The microseconds left to wait; such an attempt does not count.
    pub fn attempt(known: Option<Self>, now: u64) -> Result<Self, u64> {
        let elapsed = known.map_or(0, |known| now.saturating_sub(known.last));
        let count = known.filter(|_| elapsed <= FORGET_MICROS).map_or(0, |known| known.count);
        if let Some(over) = count.checked_sub(FREE_FAILURES) {
            let wait = (1_000_000 << over.min(16)).min(MAX_WAIT_MICROS).saturating_sub(elapsed);
            if wait > 0 {
                return Err(wait);
            }
        }
        Ok(Self { count: count + 1, last: now })
    }
}

/// The names of one process; a restart forgets them.
#[derive(Debug, Default)]
pub struct Backoffs(Mutex<HashMap<Name, Backoff>>);

impl Backoffs {
    /// The microseconds a name has to wait; 0 if it may try, which is counted.
    pub fn attempt(&self, name: Name, now: u64) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match Backoff::attempt(known.get(&name).copied(), now) {
            Err(wait) => wait,
            Ok(backoff) => {
                if !known.contains_key(&name) {
                    make_room(&mut known, now);
                }
                known.insert(name, backoff);
                0
            }
        }
    }

    /// Forget the failures of a name that signed in.
    pub fn forget(&self, name: &Name) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

fn make_room(known: &mut HashMap<Name, Backoff>, now: u64) {
    if known.len() < CAPACITY {
        return;
    }
    known.retain(|_, backoff| now.saturating_sub(backoff.last) <= FORGET_MICROS);
    if known.len() >= CAPACITY
        && let Some(oldest) = known.iter().min_by_key(|(_, backoff)| backoff.last).map(|(name, _)| *name)
    {
        known.remove(&oldest);
    }
}

static ATTEMPT: LazyLock<redis::Script> = LazyLock::new(|| redis::Script::new(include_str!("backoff.lua")));

/// [`Backoffs::attempt`] for all replicas; `None` if Redis is unusable. Without `now`, the clock of
/// Redis counts.
pub async fn attempt_shared(redis: &Redis, key: &str, now: Option<u64>) -> Option<u64> {
    let mut script = ATTEMPT.key(key);
    script.arg(now.map(|now| now.to_string()).unwrap_or_default());
    script.arg(FREE_FAILURES).arg(MAX_WAIT_MICROS).arg(FORGET_MICROS);
    redis.run(|mut connection| async move { script.invoke_async(&mut connection).await }).await
}

/// [`Backoffs::forget`] for all replicas.
pub async fn forget_shared(redis: &Redis, key: &str) {
    let mut delete = redis::cmd("DEL");
    delete.arg(key);
    redis.run(|mut connection| async move { delete.query_async::<()>(&mut connection).await }).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn name(number: u64) -> Name {
        crate::secret::sha256(&number.to_string())
    }

    #[test]
    fn a_full_memory_forgets_old_names_and_never_the_newest() {
        let names = Backoffs::default();
        for number in 0..CAPACITY as u64 + 50 {
            names.attempt(name(number), number);
        }
        let ada = name(u64::MAX);
        for _ in 0..5 {
            names.attempt(ada, FORGET_MICROS / 2);
        }
        assert!(names.attempt(ada, FORGET_MICROS / 2) > 0);
        assert_eq!(names.0.lock().unwrap().len(), CAPACITY);
    }

    #[test]
    fn the_wait_begins_after_a_few_failures_grows_and_ends() {
        let names = Backoffs::default();
        let (ada, grace) = (name(1), name(2));
        for _ in 0..5 {
            assert_eq!(names.attempt(ada, 0), 0);
        }
        assert_eq!(names.attempt(ada, 0), SECOND);
        assert_eq!(names.attempt(ada, SECOND), 0, "a second later it may try once more");
        assert_eq!(names.attempt(ada, SECOND), 2 * SECOND);
        assert_eq!(names.attempt(ada, 2 * SECOND), SECOND);
        assert_eq!(names.attempt(grace, 0), 0);
        names.forget(&ada);
        assert_eq!(names.attempt(ada, SECOND), 0);
    }

    #[test]
    fn the_wait_is_bounded_and_failures_are_forgotten() {
        let many = Some(Backoff { count: 1_000, last: 0 });
        assert_eq!(Backoff::attempt(many, 0), Err(MAX_WAIT_MICROS));
        assert_eq!(
            Backoff::attempt(many, FORGET_MICROS + 1),
            Ok(Backoff { count: 1, last: FORGET_MICROS + 1 })
        );
    }
}
