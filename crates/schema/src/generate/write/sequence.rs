//! Sequences, and the options they share with identity columns.

use super::super::step::{Placement, Step};
use crate::catalog::Object;

pub(in super::super) fn create(sequence: &Object) -> Step {
    let options = sequence.text("options");
    let unlogged = if sequence.facet("unlogged").is_some() { "unlogged " } else { "" };
    let changed = changed_options(&default_options(options), options);
    let space = if changed.is_empty() { "" } else { " " };
    Step::one(&sequence.id, format!("create {unlogged}sequence {}{space}{changed}", sequence.id.name))
}

/// `owned by` comes when the table is there.
pub(in super::super) fn own(sequence: &Object) -> Option<Step> {
    let owner = sequence.facet("owned by")?;
    Some(Step::one(&sequence.id, format!("alter sequence {} owned by {owner}", sequence.id.name)))
}

pub(super) fn alter(before: &Object, after: &Object) -> Vec<Step> {
    let mut statements = Vec::new();
    let name = &after.id.name;
    if before.text("options") != after.text("options") {
        let changed = changed_options(before.text("options"), after.text("options"));
        statements.push(format!("alter sequence {name} {changed}"));
    }
    if before.facet("unlogged") != after.facet("unlogged") {
        let state = if after.facet("unlogged").is_some() { "unlogged" } else { "logged" };
        statements.push(format!("alter sequence {name} set {state}"));
    }
    if before.facet("owned by") != after.facet("owned by") {
        statements
            .push(format!("alter sequence {name} owned by {}", after.facet("owned by").unwrap_or("none")));
    }
    if statements.is_empty() {
        Vec::new()
    } else {
        vec![Step::new(&after.id, Placement::Together, statements)]
    }
}

/// The options of `after` that differ from those of `before`.
pub(super) fn changed_options(before: &str, after: &str) -> String {
    let (before, after) = (parts(before), parts(after));
    let changed = after.into_iter().filter(|part| !before.contains(part));
    changed.collect::<Vec<_>>().join(" ")
}

/// What PostgreSQL takes for a sequence of the same type when nothing else is said; without a word it is a bigint.
pub(super) fn default_options(options: &str) -> String {
    let kind = parts(options).into_iter().find_map(|part| part.strip_prefix("as ").map(str::to_owned));
    let maximum = match kind.as_deref() {
        Some("smallint") => i64::from(i16::MAX),
        Some("integer") => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    format!("as bigint increment by 1 minvalue 1 maxvalue {maximum} start with 1 cache 1 no cycle")
}

/// The options of an identity column that are not the usual ones. Its type is the column's.
pub(super) fn identity_options(options: &str) -> String {
    let changed = changed_options(&default_options(options), options);
    match changed.strip_prefix("as ") {
        Some(typed) => typed.split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default(),
        None => changed,
    }
}

/// `as bigint increment by 2 … no cycle`: all but the last part are a keyword and a value.
fn parts(options: &str) -> Vec<String> {
    let (rest, cycle) = match options.strip_suffix(" no cycle") {
        Some(rest) => (rest, "no cycle"),
        None => (options.strip_suffix(" cycle").unwrap_or(options), "cycle"),
    };
    let mut parts: Vec<String> = Vec::new();
    for word in rest.split(' ') {
        let starts = matches!(word, "as" | "increment" | "minvalue" | "maxvalue" | "start" | "cache");
        match parts.last_mut().filter(|_| !starts) {
            Some(last) => last.push_str(&format!(" {word}")),
            None => parts.push(word.to_owned()),
        }
    }
    parts.push(cycle.to_owned());
    parts
}

#[cfg(test)]
mod tests {
    use super::{changed_options, default_options};

    #[test]
    fn only_options_that_differ_are_written() {
        let plain =
            "as bigint increment by 1 minvalue 1 maxvalue 9223372036854775807 start with 1 cache 1 no cycle";
        assert_eq!(changed_options(&default_options(plain), plain), "");
        let odd = "as integer increment by -2 minvalue -10 maxvalue 2147483647 start with 7 cache 1 cycle";
        assert_eq!(
            changed_options(&default_options(odd), odd),
            "as integer increment by -2 minvalue -10 start with 7 cycle"
        );
    }
}
