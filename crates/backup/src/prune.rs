//! `prune`: decides which backups to keep, and removes the others.
//!
//! The seal of a backup is removed first: a killed prune leaves an unfinished backup, which is
//! never listed and is removed by a later prune.

use crate::{
    list::{Listing, list},
    manifest::{BackupId, BackupState, Manifest, SEAL},
    proof,
    store::{Entry, Store},
};
use anyhow::Result;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// A backup without a seal is abandoned after this time; a younger one may still be written.
const UNFINISHED_FOR: TimeDelta = TimeDelta::hours(24);

/// For how many days, weeks and months the newest backup is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Calendar days, in UTC.
    pub daily: usize,
    /// ISO weeks.
    pub weekly: usize,
    /// Calendar months, in UTC.
    pub monthly: usize,
}

/// A backup that may be removed.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its id.
    pub id: BackupId,
    /// Whether it is usable.
    pub state: State,
    /// Whether a drill has restored it.
    pub proven: bool,
}

/// The states that matter to prune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Sealed, and all files exist with the right size.
    Good,
    /// Sealed, but something is wrong; with the reason.
    Doubtful(String),
    /// Without a seal; with the time of the last write.
    Unfinished(DateTime<Utc>),
}

/// What happens to a backup, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its id.
    pub id: BackupId,
    /// Whether it is kept.
    pub keep: bool,
    /// For the table.
    pub reason: String,
}

/// How many periods count, the name of a period, and the label of the period that contains a time.
type Rule = (usize, &'static str, fn(DateTime<Utc>) -> String);

/// Decides about all backups of a store. Independently of the policy it keeps the newest good
/// backup, the newest proven one, and every backup that a person should check.
pub fn decide(candidates: &[Candidate], policy: Policy, now: DateTime<Utc>) -> Vec<Decision> {
    let mut good: Vec<&BackupId> =
        candidates.iter().filter(|one| one.state == State::Good).map(|one| &one.id).collect();
    good.sort();
    good.reverse();
    let mut reasons: BTreeMap<&BackupId, Vec<String>> = BTreeMap::new();
    if let Some(newest) = good.first() {
        reasons.entry(newest).or_default().push("the newest good one".to_owned());
    }
    let is_proven = |id: &BackupId| candidates.iter().any(|one| one.proven && one.id == *id);
    if let Some(proven) = good.iter().find(|id| is_proven(id)) {
        reasons.entry(proven).or_default().push("the newest proven one".to_owned());
    }
    let rules: [Rule; 3] = [
        (policy.daily, "day", |at| at.format("%Y-%m-%d").to_string()),
        (policy.weekly, "week", |at| format!("{}-W{:02}", at.iso_week().year(), at.iso_week().week())),
        (policy.monthly, "month", |at| at.format("%Y-%m").to_string()),
    ];
    for (count, span, label) in rules {
        let mut seen = BTreeSet::new();
        for &id in &good {
            let label = label(id.started_at());
            if seen.len() < count && seen.insert(label.clone()) {
                reasons.entry(id).or_default().push(format!("{span} {label}"));
            }
        }
    }
    let decide_one = |Candidate { id, state, .. }: &Candidate| {
        let (keep, reason) = match state {
            State::Good => match reasons.get(id) {
                Some(reasons) => (true, reasons.join(", ")),
                None => (false, "no rule keeps it".to_owned()),
            },
            State::Doubtful(why) => (true, format!("{why}; check it and remove it by hand")),
            State::Unfinished(at) if now - *at < UNFINISHED_FOR => {
                (true, "unfinished, but may still be in progress".to_owned())
            }
            State::Unfinished(_) => (false, "unfinished for more than a day".to_owned()),
        };
        Decision { id: id.clone(), keep, reason }
    };
    candidates.iter().map(decide_one).collect()
}

/// Decides, and removes unless `dry_run`; abandoned uploads are removed as well.
///
/// # Errors
/// When the store cannot be read or refuses a removal. Backups that were not removed are intact.
pub async fn prune(
    store: &Store,
    policy: Policy,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<Vec<Decision>> {
    let decisions = decide(&candidates(store).await?, policy, now);
    if !dry_run {
        for decision in decisions.iter().filter(|decision| !decision.keep) {
            store.delete_prefix(decision.id.as_str(), SEAL).await?;
            proof::remove(store, &decision.id).await?;
        }
        store.abandon_uploads(now - UNFINISHED_FOR).await?;
    }
    Ok(decisions)
}

/// The decisions as a table.
pub fn table(decisions: &[Decision], dry_run: bool) -> String {
    let mut lines = vec![format!("{:<22} {:<7} REASON", "BACKUP", "")];
    for Decision { id, keep, reason } in decisions {
        let what = if *keep { "keep" } else { "remove" };
        lines.push(format!("{id:<22} {what:<7} {reason}"));
    }
    let removed = decisions.iter().filter(|decision| !decision.keep).count();
    lines.push(match dry_run {
        true => {
            format!("Dry run: {removed} of {} backups would be removed.", decisions.len())
        }
        false => format!("Removed {removed} of {} backups.", decisions.len()),
    });
    lines.join("\n")
}

async fn candidates(store: &Store) -> Result<Vec<Candidate>> {
    let Listing(found) = list(store).await?;
    let proven = proof::proven(store).await?;
    let mut candidates = Vec::with_capacity(found.len());
    for (id, found) in found {
        let entries = store.list(id.as_str()).await?;
        let state = match found {
            BackupState::Sealed(manifest) => whole(&manifest, &entries),
            BackupState::Damaged(why) => State::Doubtful(format!("damaged: {why}")),
            BackupState::Newer(why) => State::Doubtful(why),
            BackupState::Unfinished => {
                let written = entries.iter().map(|entry| entry.written_at).max();
                State::Unfinished(written.unwrap_or_else(|| id.started_at()))
            }
        };
        let proven = proven.contains(&id);
        candidates.push(Candidate { id, state, proven });
    }
    Ok(candidates)
}

fn whole(manifest: &Manifest, entries: &[Entry]) -> State {
    for file in &manifest.files {
        let path = manifest.id.file(&file.name);
        match entries.iter().find(|entry| entry.path == path) {
            None => return State::Doubtful(format!("damaged: {} is missing", file.name)),
            Some(entry) if entry.bytes != file.stored_bytes => {
                return State::Doubtful(format!("damaged: {} has another size", file.name));
            }
            Some(_) => {}
        }
    }
    State::Good
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEFAULT: Policy = Policy { daily: 7, weekly: 5, monthly: 12 };

    fn id(seconds: i64) -> BackupId {
        let at = DateTime::<Utc>::from_timestamp(1_700_000_000 + seconds, 0).unwrap();
        BackupId::parse(&format!("{}-{:04x}", at.format("%Y%m%dT%H%M%SZ"), seconds % 65_536)).unwrap()
    }

    fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let state = prop_oneof![
            4 => Just(State::Good),
            1 => Just(State::Doubtful("damaged".to_owned())),
            1 => (0..90_000_000_i64).prop_map(|seconds| State::Unfinished(id(seconds).started_at())),
        ];
        let seconds = prop::collection::btree_set(0..90_000_000_i64, 0..60);
        let states = prop::collection::vec((state, prop::bool::weighted(0.2)), 60);
        (seconds, states).prop_map(|(seconds, states)| {
            let all = seconds.into_iter().zip(states);
            all.map(|(at, (state, proven))| Candidate { id: id(at), state, proven }).collect()
        })
    }

    fn policies() -> impl Strategy<Value = Policy> {
        (0..10_usize, 0..10_usize, 0..20_usize).prop_map(|(daily, weekly, monthly)| Policy {
            daily,
            weekly,
            monthly,
        })
    }

    proptest! {
        #[test]
        fn the_newest_good_one_the_newest_proven_one_and_the_last_one_always_stay(all in candidates(), policy in policies()) {
            let now = id(90_000_000).started_at();
            let decisions = decide(&all, policy, now);
            prop_assert_eq!(decisions.len(), all.len());
            let kept = |id: &BackupId| decisions.iter().any(|decision| decision.id == *id && decision.keep);
            let sealed = all.iter().filter(|one| !matches!(one.state, State::Unfinished(_)));
            if let Some(newest) = all.iter().filter(|one| one.state == State::Good).map(|one| &one.id).max() {
                prop_assert!(kept(newest));
            }
            let proven = all.iter().filter(|one| one.state == State::Good && one.proven);
            if let Some(newest) = proven.map(|one| &one.id).max() {
                prop_assert!(kept(newest));
            }
            for one in sealed.filter(|one| one.state != State::Good) {
                prop_assert!(kept(&one.id));
            }
            if all.iter().any(|one| !matches!(one.state, State::Unfinished(_))) {
                prop_assert!(decisions.iter().any(|decision| decision.keep));
            }
            for (one, decision) in all.iter().zip(&decisions) {
                prop_assert!(!decision.reason.is_empty());
                if let State::Unfinished(at) = one.state {
                    prop_assert_eq!(decision.keep, now - at < UNFINISHED_FOR);
                }
            }
        }

        #[test]
        fn a_second_prune_right_after_the_first_removes_nothing(all in candidates(), policy in policies()) {
            let now = id(90_000_000).started_at();
            let kept: Vec<_> = all.iter().zip(decide(&all, policy, now)).filter(|(_, decision)| decision.keep)
                .map(|(one, _)| one.clone()).collect();
            prop_assert!(decide(&kept, policy, now).iter().all(|decision| decision.keep));
        }

        #[test]
        fn no_rule_keeps_more_than_its_number(all in candidates(), policy in policies()) {
            let good: Vec<_> = all.into_iter().filter(|one| one.state == State::Good).collect();
            let kept = decide(&good, policy, Utc::now()).iter().filter(|decision| decision.keep).count();
            prop_assert!(kept <= (policy.daily + policy.weekly + policy.monthly).max(1) + 1, "one more because it is proven");
        }
    }

    #[test]
    fn hourly_backups_of_a_year_leave_seven_days_five_weeks_and_twelve_months() {
        let all: Vec<_> = (0..24 * 400)
            .map(|hour| Candidate { id: id(hour * 3_600), state: State::Good, proven: false })
            .collect();
        let kept: Vec<_> =
            decide(&all, DEFAULT, Utc::now()).into_iter().filter(|decision| decision.keep).collect();
        let count = |word: &str| kept.iter().filter(|decision| decision.reason.contains(word)).count();
        assert_eq!((count("day "), count("week "), count("month ")), (7, 5, 12));
    }
}
