//! What changed, and how it is written in few bytes.
//!
//! A payload is a list of words: `n17` issue 17 is new, `c17` it changed, `m3:29919360:4:250` 250
//! events of level 4 were counted for that minute (since 1970) of project 3, `+` more changed than
//! the payload lists. An unknown word means `+` as well: it comes from a newer version, and the
//! subscriber should read the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// The largest payload of a NOTIFY is 7,999 bytes.
pub const PAYLOAD_BYTES: usize = 7_900;

/// Payloads of one update; what needs more is sent as "more".
pub const PAYLOADS: usize = 3;

/// Issues collected until they are sent. Three payloads hold about as many.
const ISSUES: usize = 2_000;

/// Counts collected until they are sent. An import of old events has thousands of minutes, which no
/// dashboard shows.
const COUNTS: usize = 400;

/// What a count is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute {
    /// `projects.id`
    pub project_id: i64,
    /// Minutes since 1970.
    pub minute: i64,
    /// The severity, 0 to 5.
    pub level: i16,
}

/// Issues and counts that changed. Bounded: what does not fit makes `more` true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// Issues that are new, by `issues.id`.
    pub new: BTreeSet<i64>,
    /// Issues that changed.
    pub changed: BTreeSet<i64>,
    /// Events counted since the last update.
    pub counts: BTreeMap<Minute, i64>,
    /// Whether more changed than is listed here.
    pub more: bool,
}

impl Update {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.changed.is_empty() && self.counts.is_empty() && !self.more
    }

    /// Adds a new issue.
    pub fn add_new(&mut self, issue_id: i64) {
        self.changed.remove(&issue_id);
        self.add_issue(issue_id, true);
    }

    /// Adds a changed issue; one that is new stays new.
    pub fn add_changed(&mut self, issue_id: i64) {
        if !self.new.contains(&issue_id) {
            self.add_issue(issue_id, false);
        }
    }

    fn add_issue(&mut self, issue_id: i64, is_new: bool) {
        let full = self.new.len() + self.changed.len() >= ISSUES;
        let issues = if is_new { &mut self.new } else { &mut self.changed };
        if !full {
            issues.insert(issue_id);
        } else if !issues.contains(&issue_id) {
            self.more = true;
        }
    }

    /// Adds to a count.
    pub fn add_count(&mut self, minute: Minute, events: i64) {
        if self.counts.len() < COUNTS || self.counts.contains_key(&minute) {
            *self.counts.entry(minute).or_default() += events;
        } else {
            self.more = true;
        }
    }

    /// Adds all of another update.
    pub fn add(&mut self, other: &Self) {
        other.new.iter().for_each(|issue| self.add_new(*issue));
        other.changed.iter().for_each(|issue| self.add_changed(*issue));
        other.counts.iter().for_each(|(minute, events)| self.add_count(*minute, *events));
        self.more |= other.more;
    }

    /// Writes the update as at most [`PAYLOADS`] payloads of at most [`PAYLOAD_BYTES`]; the most
    /// important first.
    pub fn payloads(&self) -> Vec<String> {
        let new = self.new.iter().map(|issue| format!("n{issue}"));
        let counts = self.counts.iter().map(|(Minute { project_id, minute, level }, events)| {
            format!("m{project_id}:{minute}:{level}:{events}")
        });
        let changed = self.changed.iter().map(|issue| format!("c{issue}"));
        let more = self.more.then(|| "+".to_owned());
        let mut payloads = vec![String::new()];
        // The mark of what does not fit must fit itself.
        for word in more.into_iter().chain(new).chain(counts).chain(changed) {
            let current = payloads.len() - 1;
            if payloads[current].len() + " ".len() + word.len() + " +".len() > PAYLOAD_BYTES {
                if payloads.len() == PAYLOADS {
                    payloads[current].push_str(" +");
                    break;
                }
                payloads.push(String::new());
            }
            let current = payloads.len() - 1;
            let blank = if payloads[current].is_empty() { "" } else { " " };
            let _ = write!(payloads[current], "{blank}{word}");
        }
        payloads.retain(|payload| !payload.is_empty());
        payloads
    }

    /// Reads a payload.
    pub fn parse(payload: &str) -> Self {
        let mut update = Self::default();
        for word in payload.split_ascii_whitespace() {
            match Word::parse(word) {
                Some(Word::New(issue)) => update.add_new(issue),
                Some(Word::Changed(issue)) => update.add_changed(issue),
                Some(Word::Count(minute, events)) => update.add_count(minute, events),
                None => update.more = true,
            }
        }
        update
    }
}

enum Word {
    New(i64),
    Changed(i64),
    Count(Minute, i64),
}

impl Word {
    fn parse(word: &str) -> Option<Self> {
        let (kind, rest) = word.split_at_checked(1)?;
        match kind {
            "n" => Some(Self::New(rest.parse().ok()?)),
            "c" => Some(Self::Changed(rest.parse().ok()?)),
            "m" => {
                let mut numbers = rest.split(':');
                let mut next = || numbers.next()?.parse::<i64>().ok();
                let (project_id, minute, level, events) = (next()?, next()?, next()?, next()?);
                let level = i16::try_from(level).ok()?;
                numbers.next().is_none().then_some(Self::Count(Minute { project_id, minute, level }, events))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(payloads: &[String]) -> Update {
        let mut all = Update::default();
        payloads.iter().for_each(|payload| all.add(&Update::parse(payload)));
        all
    }

    proptest! {
        #[test]
        fn an_update_arrives_as_it_was_sent_or_says_that_it_is_incomplete(
            new in proptest::collection::btree_set(any::<i64>(), 0..900),
            changed in proptest::collection::btree_set(any::<i64>(), 0..900),
            counts in proptest::collection::btree_map((any::<i64>(), any::<i64>(), 0i16..6), any::<i32>(), 0..300),
        ) {
            let mut sent = Update::default();
            new.iter().for_each(|issue| sent.add_new(*issue));
            changed.iter().for_each(|issue| sent.add_changed(*issue));
            for ((project_id, minute, level), events) in counts {
                sent.add_count(Minute { project_id, minute, level }, events.into());
            }
            let payloads = sent.payloads();
            prop_assert!(payloads.len() <= PAYLOADS);
            prop_assert!(payloads.iter().all(|payload| payload.len() <= PAYLOAD_BYTES));
            let received = read(&payloads);
            if received.more {
                prop_assert!(received.new.is_subset(&sent.new) && received.changed.is_subset(&sent.changed));
            } else {
                prop_assert_eq!(received, sent);
            }
        }

        #[test]
        fn no_payload_is_a_panic(payload in ".{0,200}") {
            Update::parse(&payload);
        }
    }

    #[test]
    fn an_ordinary_turn_is_one_short_payload() {
        let mut update = Update::default();
        (4_000..4_300).for_each(|issue| update.add_changed(issue));
        update.add_new(4_301);
        update.add_count(Minute { project_id: 3, minute: 29_919_360, level: 4 }, 250);
        let payloads = update.payloads();
        assert_eq!(payloads.len(), 1);
        assert!(payloads[0].starts_with("n4301 m3:29919360:4:250 c4000 "));
        assert!(payloads[0].len() < 2_000);
    }

    #[test]
    fn beyond_its_bounds_an_update_says_that_there_is_more() {
        let mut update = Update::default();
        (0..10_000).for_each(|issue| update.add_changed(issue));
        assert!(update.more && update.changed.len() == ISSUES);
        let mut old = Update::default();
        (0..100_000).for_each(|minute| old.add_count(Minute { project_id: 1, minute, level: 4 }, 1));
        assert!(old.more && old.counts.len() == COUNTS);
    }

    #[test]
    fn an_unknown_word_means_that_more_changed() {
        for payload in ["x9", "n", "m1:2:3", "m1:2:3:4:5", "c1e9", "ü"] {
            assert!(Update::parse(payload).more, "{payload}");
        }
        assert!(Update::parse("").is_empty());
    }

    #[test]
    fn a_new_issue_is_not_sent_as_changed_as_well() {
        let mut update = Update::default();
        update.add_changed(1);
        update.add_new(1);
        update.add_changed(1);
        assert_eq!(update.payloads(), ["n1"]);
    }
}
