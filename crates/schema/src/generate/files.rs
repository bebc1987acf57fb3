//! The plan as migration files: one per transaction, one per statement that must be alone.

use super::{
    plan::Plan,
    step::{Placement, Step},
};
use crate::script::Script;
use squall_migrations::NO_TRANSACTION;
use std::collections::BTreeSet;

/// Writes the files' texts, numbered from `first`, with the renames before everything else.
pub(super) fn render(name: &str, first: u32, renames: &[String], plan: &Plan) -> Vec<Script> {
    let mut bodies: Vec<(bool, String, String)> = Vec::new();
    if !renames.is_empty() {
        // A rename holds everything up for a moment; it goes alone, so that the moment is short.
        bodies.push((
            false,
            "rename".into(),
            transaction(renames.iter().map(|statement| format!("{statement};\n")).collect()),
        ));
    }
    for (level, steps) in plan {
        if level.is_multiple_of(2) {
            bodies.push((false, purpose(steps), transaction(paragraphs(steps))));
        } else {
            bodies.extend(steps.iter().map(|step| (true, purpose(std::slice::from_ref(step)), alone(step))));
        }
    }
    let several = bodies.len() > 1;
    let mut taken = BTreeSet::new();
    let numbered = bodies.into_iter().zip(first..);
    numbered
        .map(|((alone, purpose, body), number)| {
            let suffix =
                if several && (number > first || alone) { format!("_{purpose}") } else { String::new() };
            let mut file = format!("{number:04}_{name}{suffix}.sql");
            if !taken.insert(file.clone()) {
                file = format!("{number:04}_{name}{suffix}_{number}.sql");
            }
            let head = if alone { format!("{NO_TRANSACTION}\n") } else { String::new() };
            Script { file, sql: format!("{head}-- {}\n{body}", title(name)) }
        })
        .collect()
}

fn title(name: &str) -> String {
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    format!(
        "{words}. Written by `cargo xtask migrate generate`, replayed and compared; read it before you commit it."
    )
}

/// A lock that does not come in time lets the migration fail instead of holding everybody up behind it.
fn transaction(body: String) -> String {
    format!("set local lock_timeout = '3s';\n\n{body}")
}

fn alone(step: &Step) -> String {
    let notes: String = step.notes.iter().map(|note| format!("-- Note: {note}\n")).collect();
    format!("{notes}{};\n", step.statements.join(";\n"))
}

fn paragraphs(steps: &[Step]) -> String {
    let mut text = String::new();
    let mut said_bodies_unchecked = false;
    for step in steps {
        text.extend(step.notes.iter().map(|note| format!("-- Note: {note}\n")));
        for statement in &step.statements {
            if statement.starts_with("set local check_function_bodies")
                && std::mem::replace(&mut said_bodies_unchecked, true)
            {
                continue;
            }
            text.push_str(&statement_with_end(statement));
        }
    }
    text
}

fn statement_with_end(statement: &str) -> String {
    let multiline = if statement.contains('\n') { "\n" } else { "" };
    format!("{statement};\n{multiline}")
}

/// What a later file of the same change is for, as part of its name.
fn purpose(steps: &[Step]) -> String {
    let Some(first) = steps.iter().find(|step| !step.statements.is_empty()) else { return "finish".into() };
    let object: String = first
        .id
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let statement = &first.statements[0];
    if first.placement == Placement::Alone && statement.starts_with("drop") {
        format!("drop_{object}")
    } else if first.placement == Placement::Alone {
        format!("build_{object}")
    } else if statement.contains(" validate constraint ") {
        "validate".into()
    } else {
        "finish".into()
    }
}
