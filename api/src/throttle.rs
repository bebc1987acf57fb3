//! Failed sign-ins: after a few, the same email has to wait, and longer each time.

use crate::auth::sha256;
use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Failures that cost nothing: people mistype.
const FREE_FAILURES: u32 = 5;

/// The longest wait; doubled from one second up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// After this long without a failure everything is forgotten.
const MEMORY: Duration = Duration::from_secs(900);

/// Names remembered at most; beyond, the one that failed longest ago is forgotten.
const REMEMBERED: usize = 10_000;

/// Counts failures by name. One for each process: a restart forgives.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<Name, Failures>>);

/// A name takes as much memory as its hash, however long it is.
type Name = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE_FAILURES) {
            None => Duration::ZERO,
            Some(over) => Duration::from_secs(1 << over.min(16)).min(LONGEST_WAIT),
        }
    }
}

impl Throttle {
    /// How long this name still has to wait at `now`; `None` when it need not.
    pub fn wait(&self, name: &str, now: Instant) -> Option<Duration> {
        let failures = *self.0.lock().ok()?.get(&sha256(name))?;
        let passed = now.saturating_duration_since(failures.last);
        failures.wait().checked_sub(passed).filter(|rest| !rest.is_zero())
    }

    /// Notes a failure.
    pub fn failed(&self, name: &str, now: Instant) {
        let Ok(mut known) = self.0.lock() else { return };
        let name = sha256(name);
        let is_new = !known.contains_key(&name);
        if is_new && known.len() >= REMEMBERED {
            known.retain(|_, failures| now.saturating_duration_since(failures.last) < MEMORY);
        }
        if is_new
            && known.len() >= REMEMBERED
            && let Some(oldest) =
                known.iter().min_by_key(|(_, failures)| failures.last).map(|(name, _)| *name)
        {
            known.remove(&oldest);
        }
        let failures = known.entry(name).or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(failures.last) > MEMORY {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count + 1, last: now };
    }

    /// Forgets a name that got in.
    pub fn succeeded(&self, name: &str) {
        if let Ok(mut known) = self.0.lock() {
            known.remove(&sha256(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_forgotten_beyond_a_number_and_never_the_newest() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for number in 0..REMEMBERED + 50 {
            throttle.failed(&number.to_string(), start + Duration::from_millis(number as u64));
        }
        for _ in 0..5 {
            throttle.failed("ada", start + MEMORY / 2);
        }
        assert!(throttle.wait("ada", start + MEMORY / 2).is_some());
        assert_eq!(throttle.0.lock().unwrap().len(), REMEMBERED);
    }

    #[test]
    fn the_wait_begins_after_a_few_failures_grows_and_ends() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..4 {
            throttle.failed("ada", start);
        }
        assert_eq!(throttle.wait("ada", start), None);
        throttle.failed("ada", start);
        assert_eq!(throttle.wait("ada", start), Some(Duration::from_secs(1)));
        throttle.failed("ada", start);
        assert_eq!(throttle.wait("ada", start), Some(Duration::from_secs(2)));
        assert_eq!(throttle.wait("ada", start + Duration::from_secs(2)), None);
        assert_eq!(throttle.wait("grace", start), None);
        throttle.succeeded("ada");
        assert_eq!(throttle.wait("ada", start), None);
    }
}
