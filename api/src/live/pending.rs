//! Changes that wait to be sent: each issue once, however often it changed, in the order of its
//! first change.

use squall_live::{Minute, Update};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Issues sent in a turn, which is a second. A page shows fifty.
const TURN_ISSUES: usize = 100;

/// Projects whose counts are sent in a turn.
const TURN_PROJECTS: usize = 100;

/// Issues that may wait, ten seconds of them. Beyond, every subscriber resyncs instead.
const MAX_ISSUES: usize = 1_000;

/// Counted minutes that may wait.
const MAX_MINUTES: usize = 2_000;

#[derive(Debug, Default)]
pub struct Pending {
    order: VecDeque<i64>,
    is_new: HashMap<i64, bool>,
    counts: BTreeMap<i64, BTreeMap<Minute, i64>>,
    minutes: usize,
    /// More changed than can be sent one by one.
    overflow: bool,
}

/// What is sent at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Issues, and whether each is new.
    pub issues: Vec<(i64, bool)>,
    /// Counts by project.
    pub counts: Vec<(i64, BTreeMap<Minute, i64>)>,
    /// Whether every subscriber should resync instead.
    pub overflow: bool,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.order.is_empty() && self.counts.is_empty() && !self.overflow
    }

    pub fn add(&mut self, update: &Update) {
        let new = update.new.iter().map(|issue| (*issue, true));
        for (issue, is_new) in new.chain(update.changed.iter().map(|issue| (*issue, false))) {
            self.is_new.entry(issue).and_modify(|known| *known |= is_new).or_insert_with(|| {
                self.order.push_back(issue);
                is_new
            });
        }
        for (minute, events) in &update.counts {
            let project = self.counts.entry(minute.project_id).or_default();
            self.minutes += usize::from(!project.contains_key(minute));
            *project.entry(*minute).or_default() += events;
        }
        if update.more || self.order.len() > MAX_ISSUES || self.minutes > MAX_MINUTES {
            self.overflow();
        }
    }

    /// Replace everything that waits by one resync.
    pub fn overflow(&mut self) {
        *self = Self { overflow: true, ..Self::default() };
    }

    /// Take what is sent next. A resync waits until `may_overflow`.
    pub fn take(&mut self, may_overflow: bool) -> Turn {
        let ids = self.order.drain(..self.order.len().min(TURN_ISSUES));
        let issues = ids.map(|id| (id, self.is_new.remove(&id).unwrap_or_default())).collect();
        let mut counts = Vec::new();
        while counts.len() < TURN_PROJECTS
            && let Some((project_id, minutes)) = self.counts.pop_first()
        {
            self.minutes -= minutes.len();
            counts.push((project_id, minutes));
        }
        let overflow = may_overflow && std::mem::take(&mut self.overflow);
        Turn { issues, counts, overflow }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(ids: impl IntoIterator<Item = i64>) -> Update {
        let mut update = Update::default();
        ids.into_iter().for_each(|id| update.add_changed(id));
        update
    }

    #[test]
    fn an_issue_is_sent_once_and_as_new_if_it_is() {
        let mut pending = Pending::default();
        pending.add(&changed([5, 7]));
        let mut new = changed([5]);
        new.add_new(7);
        pending.add(&new);
        assert_eq!(pending.take(true).issues, [(5, false), (7, true)]);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_turn_is_bounded_and_every_issue_gets_one() {
        let mut pending = Pending::default();
        pending.add(&changed(0..250));
        let first = pending.take(true);
        assert_eq!(first.issues.len(), TURN_ISSUES);
        pending.add(&changed(0..50));
        let (second, third) = (pending.take(true), pending.take(true));
        assert_eq!(second.issues[0].0, 100);
        assert_eq!(
            third.issues.last(),
            Some(&(49, false)),
            "an issue that had a turn waits behind those that had none"
        );
        assert!(pending.is_empty());
    }

    #[test]
    fn too_many_changes_become_one_resync() {
        let mut pending = Pending::default();
        (0..10_000).step_by(500).for_each(|from| pending.add(&changed(from..from + 500)));
        let turn = pending.take(true);
        assert!(turn.overflow);
        assert!(turn.issues.len() <= TURN_ISSUES);
        let mut old = Update::default();
        (0..300).for_each(|minute| old.add_count(Minute { project_id: 1, minute, level: 4 }, 1));
        let mut pending = Pending::default();
        pending.add(&old);
        assert_eq!(pending.take(true).counts[0].1.len(), 300);
        pending.add(&Update { more: true, ..Update::default() });
        assert_eq!(pending.take(false), Turn::default());
        assert!(!pending.is_empty(), "a resync that must wait is not forgotten");
        assert_eq!(pending.take(true), Turn { overflow: true, ..Turn::default() });
    }
}
