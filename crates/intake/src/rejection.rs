//! Pieces of a body that are not events, and why.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a piece of a body was rejected. Its name is the same in the table `rejections`, the metric
/// `squall_events_rejected_total`, the API and the dashboard, so a reason is renamed in none of
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RejectionReason {
    /// It is not JSON, or neither an object nor a string.
    NotJson,
    /// It has neither a message nor an exception.
    NoMessage,
}

impl RejectionReason {
    /// All reasons.
    pub const ALL: [Self; 2] = [Self::NotJson, Self::NoMessage];

    /// Its name, as JSON spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NoMessage => "no_message",
        }
    }
}

/// One rejected piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The number of the line, or of the item in an array, from 1.
    pub line: usize,
    /// Why it was rejected.
    pub reason: RejectionReason,
    /// A clause for the sender: what is wrong with this piece, and how it has to look.
    pub message: String,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The rejections of a batch: the first pieces one by one, and for each reason a count and an
/// example.
#[derive(Debug, Default)]
pub struct Rejections {
    first: Vec<Rejection>,
    counts: [usize; RejectionReason::ALL.len()],
    examples: [Option<Rejection>; RejectionReason::ALL.len()],
}

impl Rejections {
    /// Pieces reported to the sender one by one; beyond these only counts are kept.
    const MAX_LISTED: usize = 100;

    pub(crate) fn add(&mut self, rejection: Rejection) {
        let reason = rejection.reason as usize;
        self.counts[reason] += 1;
        self.examples[reason].get_or_insert_with(|| rejection.clone());
        if self.first.len() < Self::MAX_LISTED {
            self.first.push(rejection);
        }
    }

    /// How many pieces were rejected.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }

    /// The reasons that occurred, each with its count and its first piece.
    pub fn by_reason(&self) -> impl Iterator<Item = (RejectionReason, usize, &Rejection)> {
        RejectionReason::ALL.into_iter().filter_map(|reason| {
            let example = self.examples[reason as usize].as_ref()?;
            Some((reason, self.counts[reason as usize], example))
        })
    }

    /// The first hundred pieces, for the sender.
    pub fn first(&self) -> &[Rejection] {
        &self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_spelt_as_in_json() {
        for reason in RejectionReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.name());
        }
    }

    #[test]
    fn each_reason_has_its_own_count_and_example_however_many_come_before_it() {
        let mut rejections = Rejections::default();
        let rejection = |line, reason| Rejection { line, reason, message: "odd".into() };
        (1..=150).for_each(|line| rejections.add(rejection(line, RejectionReason::NotJson)));
        rejections.add(rejection(151, RejectionReason::NoMessage));
        let by_reason: Vec<_> =
            rejections.by_reason().map(|(reason, count, example)| (reason, count, example.line)).collect();
        assert_eq!(by_reason, [(RejectionReason::NotJson, 150, 1), (RejectionReason::NoMessage, 1, 151)]);
        assert_eq!(rejections.total(), 151);
        assert_eq!(rejections.first().len(), 100);
    }
}
