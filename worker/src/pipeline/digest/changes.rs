//! What a turn changed, for live updates.

use super::store::{Counts, MINUTE};
use squall_live::{Minute, Update};

/// The issues that are new or have more events, and the counts by project.
pub(super) fn of(new_issues: &[i64], counts: &Counts) -> Update {
    let mut update = Update::default();
    new_issues.iter().for_each(|issue| update.add_new(*issue));
    counts.issues.keys().for_each(|issue| update.add_changed(*issue));
    for ((_, minute, level), (project_id, events)) in &counts.source_minutes {
        let minute = Minute { project_id: *project_id, minute: minute.div_euclid(MINUTE), level: *level };
        update.add_count(minute, i64::from(*events));
    }
    update
}
