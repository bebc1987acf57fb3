//! When events happen: a daily rhythm, an outage, a new error and one that was fixed.
//!
//! The scenario is a pure function from a second to the events of that second. A sender that fell behind
//! can ask for the seconds it missed and gets the same events. Times are milliseconds since 1970 UTC,
//! relative to the first start of the demo: before it is history, after it is live.

use crate::{
    event::Event,
    random::Random,
    services::{Occurrence, SERVICES},
};
use std::{f64::consts::TAU, ops::Range};

pub(crate) const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The database was down for ten minutes, three hours before the start …
const PAST_OUTAGE: Range<i64> = -3 * HOUR..-3 * HOUR + 10 * MINUTE;
/// … and is down for one minute in twenty since, first when the user has had time to open the page.
const LIVE_OUTAGE: Range<i64> = 4 * MINUTE..5 * MINUTE;
const LIVE_OUTAGE_EVERY: i64 = 20 * MINUTE;

/// A release with a new error is deployed.
const NEW_SINCE: i64 = 6 * MINUTE;

/// The release before fixed an error.
const FIXED_SINCE: i64 = -2 * HOUR;

/// The lines of the quietest hour, as a share of the busiest.
const QUIETEST: f64 = 0.25;

/// The parameters that all events follow from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    /// The first start of the demo, a whole second.
    pub(crate) start_ms: i64,
    /// Lines per second at the busiest time of day, without the errors of an outage.
    pub(crate) rate: f64,
}

impl Scenario {
    /// The events of the second that starts at `second_ms`, in order.
    pub(crate) fn second(&self, second_ms: i64) -> Vec<Event> {
        let mut random = Random::of(self.seed, (second_ms - self.start_ms).div_euclid(SECOND));
        let pace = self.rate * rhythm(second_ms - self.start_ms) / total_weight();
        let mut events = Vec::new();
        for service in SERVICES {
            for template in service.templates {
                let mean = pace * template.weight * self.factor(template.occurrence, second_ms);
                for _ in 0..random.count(mean) {
                    let at_ms = second_ms + i64::try_from(random.below(1_000)).unwrap_or_default();
                    events.push(Event::new(at_ms, service, template, Random::of(random.next(), at_ms)));
                }
            }
        }
        events.sort_by_key(|event| event.at_ms);
        events
    }

    /// How much more often than usual such a template is written at that time.
    fn factor(&self, occurrence: Occurrence, at_ms: i64) -> f64 {
        let since_start = at_ms - self.start_ms;
        match occurrence {
            Occurrence::Steady => 1.0,
            Occurrence::Outage(factor) => {
                if is_outage(since_start) {
                    factor
                } else {
                    1.0
                }
            }
            Occurrence::New => {
                if since_start >= NEW_SINCE {
                    1.0
                } else {
                    0.0
                }
            }
            Occurrence::Fixed => {
                if since_start < FIXED_SINCE {
                    1.0
                } else {
                    0.0
                }
            }
        }
    }
}

/// The whole second that holds `at_ms`.
pub(crate) fn second_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(SECOND) * SECOND
}

fn is_outage(since_start: i64) -> bool {
    let live = since_start >= 0 && LIVE_OUTAGE.contains(&(since_start % LIVE_OUTAGE_EVERY));
    live || PAST_OUTAGE.contains(&since_start)
}

/// The share of the busiest time's lines. It is 1 at the start, so that a new demo shows activity.
fn rhythm(since_start: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of years are below 2^53")]
    let day = since_start as f64 / (24 * HOUR) as f64;
    let wave = f64::midpoint(1.0, (day * TAU).cos());
    QUIETEST + (1.0 - QUIETEST) * wave
}

fn total_weight() -> f64 {
    SERVICES.iter().flat_map(|service| service.templates).map(|template| template.weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_grouping::Level;
    use std::collections::HashSet;

    const SCENARIO: Scenario = Scenario { seed: 7, start_ms: 1_795_178_096_000, rate: 2.0 };

    fn events(since_start: Range<i64>) -> Vec<Event> {
        let seconds = since_start.step_by(1_000);
        seconds.flat_map(|second| SCENARIO.second(SCENARIO.start_ms + second)).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_another_does_not() {
        let first = format!("{:?}", events(0..MINUTE));
        assert_eq!(first, format!("{:?}", events(0..MINUTE)));
        let other = Scenario { seed: 8, ..SCENARIO };
        assert_ne!(
            first,
            format!(
                "{:?}",
                (0..60).flat_map(|s| other.second(SCENARIO.start_ms + s * SECOND)).collect::<Vec<_>>()
            )
        );
    }

    #[test]
    fn only_the_times_of_events_depend_on_the_clock() {
        let later = Scenario { start_ms: SCENARIO.start_ms + HOUR, ..SCENARIO };
        for second in (0..600).map(|s| s * SECOND) {
            let (now, then) =
                (SCENARIO.second(SCENARIO.start_ms + second), later.second(later.start_ms + second));
            assert_eq!(now.len(), then.len());
            for (a, b) in now.iter().zip(&then) {
                assert_eq!((a.at_ms + HOUR, a.template.message), (b.at_ms, b.template.message));
            }
        }
    }

    #[test]
    fn a_day_of_history_and_half_an_hour_live_contain_every_message() {
        let history = events(-24 * HOUR..0);
        // 2 lines a second at the busiest time, 62.5 % of that on average, and an outage.
        assert!((105_000..115_000).contains(&history.len()), "{} events of history", history.len());
        let errors = history.iter().filter(|event| event.template.level >= Level::Error).count();
        assert!((2_500..7_000).contains(&errors), "{errors} errors");
        let live = events(0..30 * MINUTE);
        let messages: HashSet<_> = history.iter().chain(&live).map(|event| event.template.message).collect();
        assert_eq!(messages.len(), SERVICES.iter().map(|service| service.templates.len()).sum::<usize>());
        let is = |occurrence, event: &&Event| event.template.occurrence == occurrence;
        assert_eq!(history.iter().filter(|event| is(Occurrence::New, event)).count(), 0);
        assert!(live.iter().filter(|event| is(Occurrence::New, event)).count() > 10);
        assert!(history.iter().filter(|event| is(Occurrence::Fixed, event)).count() > 100);
        assert_eq!(live.iter().filter(|event| is(Occurrence::Fixed, event)).count(), 0);
    }

    #[test]
    fn an_outage_is_visible_in_the_history_and_live() {
        let hit = |from: i64, minutes: i64| {
            let events = events(from..from + minutes * MINUTE);
            events.iter().filter(|event| event.template.occurrence == Occurrence::Outage(30.0)).count()
        };
        let (before, during) = (hit(PAST_OUTAGE.start - HOUR, 60), hit(PAST_OUTAGE.start, 10));
        assert!(during > 3 * before, "{during} in ten minutes of outage, {before} in the hour before");
        let (before, during) = (hit(0, 4), hit(LIVE_OUTAGE.start, 1));
        assert!(
            during > 20 && during > 3 * before,
            "{during} in a minute of outage, {before} in the four before"
        );
        assert!(hit(LIVE_OUTAGE.start + LIVE_OUTAGE_EVERY, 1) > 20);
    }

    #[test]
    fn nights_are_quieter() {
        let (night, day) = (events(-12 * HOUR..-11 * HOUR).len(), events(-HOUR..0).len());
        assert!(night * 3 < day && night > 0, "{night} at night, {day} by day");
    }
}
