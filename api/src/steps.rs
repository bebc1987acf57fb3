//! A time window cut into equal steps, for charts.

use crate::error::ApiError;
use chrono::{DateTime, TimeDelta, Utc};

/// More points than this are hard to tell apart in a chart.
const MAX_STEPS: i64 = 120;

const DEFAULT_HOURS: i64 = 24;

/// 90 days.
const MAX_HOURS: i64 = 2160;

/// Step lengths that people read easily, in seconds: from a minute to a day.
const LENGTHS: [i64; 12] = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

/// A window of at most [`MAX_STEPS`] steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// Length of a step.
    pub seconds: i64,
}

impl Steps {
    /// The last `hours`, up to the end of the step that contains `now`.
    ///
    /// # Errors
    /// If the hours are out of range.
    pub fn last(hours: Option<i64>, now: DateTime<Utc>) -> Result<Self, ApiError> {
        let hours = hours.unwrap_or(DEFAULT_HOURS);
        if !(1..=MAX_HOURS).contains(&hours) {
            return Err(ApiError::invalid(format!("hours is {hours}. It must be from 1 to {MAX_HOURS}.")));
        }
        let seconds = LENGTHS.into_iter().find(|step| hours * 3600 <= step * MAX_STEPS).unwrap_or(86_400);
        let until = (now.timestamp().div_euclid(seconds) + 1) * seconds;
        let until = DateTime::from_timestamp(until, 0).unwrap_or(now);
        let count = (hours * 3600 + seconds - 1) / seconds;
        Ok(Self { from: until - TimeDelta::seconds(count * seconds), until, seconds })
    }

    /// The window of the same length before this one.
    pub fn previous(self) -> Self {
        Self { from: self.from - (self.until - self.from), until: self.from, ..self }
    }

    #[expect(clippy::cast_precision_loss, reason = "a step has at most 86,400 seconds")]
    pub fn seconds_f64(self) -> f64 {
        self.seconds as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_into_readable_steps_that_end_with_now() {
        let now = DateTime::from_timestamp(1_795_178_096, 0).unwrap();
        for (hours, seconds, count) in
            [(1, 60, 60), (6, 300, 72), (24, 900, 96), (168, 7200, 84), (2160, 86_400, 90)]
        {
            let steps = Steps::last(Some(hours), now).unwrap();
            assert_eq!(steps.seconds, seconds, "{hours} hours");
            assert_eq!((steps.until - steps.from).num_seconds() / seconds, count, "{hours} hours");
            assert!(steps.until > now && steps.until - TimeDelta::seconds(seconds) <= now);
        }
        assert!(Steps::last(Some(0), now).is_err());
    }
}
