//! Sign-ins: after a few failures the same email has to wait, and longer each time.

use squall_live::Redis;
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 5;

/// The longest wait, in microseconds; doubled from one second up to this.
const LONGEST_WAIT: u64 = 300_000_000;

/// After so many microseconds without a failure everything is forgotten.
const MEMORY: u64 = 900_000_000;

/// Names remembered at most; beyond, the one that failed longest ago is forgotten.
const REMEMBERED: usize = 10_000;

/// A name takes as much memory as its hash, however long it is.
type Name = [u8; 32];

/// What is known of a name: times are microseconds of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    count: u32,
    last: u64,
}

impl Backoff {
    /// Tries at `now`, counted as a failure.
    ///
    /// # Errors
    /// How many microseconds there are still to wait; such a try does not count.
    pub fn attempt(known: Option<Self>, now: u64) -> Result<Self, u64> {
        let passed = known.map_or(0, |known| now.saturating_sub(known.last));
        let count = known.filter(|_| passed <= MEMORY).map_or(0, |known| known.count);
        if let Some(over) = count.checked_sub(FREE_FAILURES) {
            let wait = (1_000_000 << over.min(16)).min(LONGEST_WAIT).saturating_sub(passed);
            if wait > 0 {
                return Err(wait);
            }
        }
        Ok(Self { count: count + 1, last: now })
    }
}

/// The names of one process: a restart forgives.
#[derive(Debug, Default)]
pub struct Backoffs(Mutex<HashMap<Name, Backoff>>);

impl Backoffs {
    /// How many microseconds a name has to wait; 0 when it may try, which is counted.
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

    /// Forgets a name that got in.
    pub fn forget(&self, name: &Name) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

fn make_room(known: &mut HashMap<Name, Backoff>, now: u64) {
    if known.len() < REMEMBERED {
        return;
    }
    known.retain(|_, backoff| now.saturating_sub(backoff.last) <= MEMORY);
    if known.len() >= REMEMBERED
        && let Some(oldest) = known.iter().min_by_key(|(_, backoff)| backoff.last).map(|(name, _)| *name)
    {
        known.remove(&oldest);
    }
}

static ATTEMPT: LazyLock<redis::Script> = LazyLock::new(|| redis::Script::new(include_str!("backoff.lua")));

/// [`Backoffs::attempt`] for all replicas; `None` when Redis is away. Without `now`, by Redis's clock.
pub async fn attempt_shared(redis: &Redis, key: &str, now: Option<u64>) -> Option<u64> {
    let mut script = ATTEMPT.key(key);
    script.arg(now.map(|now| now.to_string()).unwrap_or_default());
    script.arg(FREE_FAILURES).arg(LONGEST_WAIT).arg(MEMORY);
    redis.run(|mut connection| async move { script.invoke_async(&mut connection).await }).await
}

/// Forgets a name for all replicas.
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
        crate::auth::sha256(&number.to_string())
    }

    #[test]
    fn names_are_forgotten_beyond_a_number_and_never_the_newest() {
        let names = Backoffs::default();
        for number in 0..REMEMBERED as u64 + 50 {
            names.attempt(name(number), number);
        }
        let ada = name(u64::MAX);
        for _ in 0..5 {
            names.attempt(ada, MEMORY / 2);
        }
        assert!(names.attempt(ada, MEMORY / 2) > 0);
        assert_eq!(names.0.lock().unwrap().len(), REMEMBERED);
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
    fn the_wait_has_an_end_and_so_has_the_memory() {
        let many = Some(Backoff { count: 1_000, last: 0 });
        assert_eq!(Backoff::attempt(many, 0), Err(LONGEST_WAIT));
        assert_eq!(Backoff::attempt(many, MEMORY + 1), Ok(Backoff { count: 1, last: MEMORY + 1 }));
    }
}
