//! Functions, procedures and triggers.

use super::super::step::{Placement, Step};
use crate::catalog::Object;

/// `create or replace`, as PostgreSQL prints it. Bodies may name what is made later in the same file.
pub(super) fn create(routine: &Object) -> Step {
    let definition = routine.text("definition").trim_end().to_owned();
    Step::new(
        &routine.id,
        Placement::Together,
        vec!["set local check_function_bodies = off".into(), definition],
    )
}

pub(super) fn create_trigger(trigger: &Object) -> Step {
    let mut step = Step::one(&trigger.id, trigger.text("definition"));
    step.statements.extend(trigger.facet("enabled").map(|state| switch(trigger, state)));
    step
}

pub(super) fn alter_trigger(before: &Object, after: &Object) -> Vec<Step> {
    if before.facet("enabled") == after.facet("enabled") {
        return Vec::new();
    }
    vec![Step::one(&after.id, switch(after, after.facet("enabled").unwrap_or("enable")))]
}

fn switch(trigger: &Object, state: &str) -> String {
    format!("alter table {} {state} trigger {}", trigger.parent(), trigger.own_name())
}
