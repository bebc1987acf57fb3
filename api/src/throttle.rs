//! Failed sign-ins: after a few, the same email has to wait, and longer each time.

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

/// Names remembered at most; beyond, the oldest half is forgotten.
const REMEMBERED: usize = 10_000;

/// Counts failures by name. One for each process: a restart forgives.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<String, Failures>>);

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
        let failures = *self.0.lock().ok()?.get(name)?;
        let passed = now.saturating_duration_since(failures.last);
        failures.wait().checked_sub(passed).filter(|rest| !rest.is_zero())
    }

    /// Notes a failure.
    pub fn failed(&self, name: &str, now: Instant) {
        let Ok(mut known) = self.0.lock() else { return };
        if known.len() >= REMEMBERED {
            known.retain(|_, failures| now.saturating_duration_since(failures.last) < MEMORY / 2);
        }
        let failures = known.entry(name.to_owned()).or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(failures.last) > MEMORY {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count + 1, last: now };
    }

    /// Forgets a name that got in.
    pub fn succeeded(&self, name: &str) {
        if let Ok(mut known) = self.0.lock() {
            known.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
