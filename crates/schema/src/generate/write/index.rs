//! Indexes: on a table that may hold rows they are built without a lock, in a file of their own.

use super::{
    super::step::{Placement, Step},
    Sides,
};
use crate::catalog::{Kind, Object};

pub(super) fn create(sides: Sides<'_>, index: &Object) -> Step {
    let statistics =
        index.facet("statistics").map(|text| statistics(&index.id.name, "{}", text)).unwrap_or_default();
    if !sides.exists(Kind::Table, index.parent()) && !sides.exists(Kind::MaterializedView, index.parent()) {
        let mut step =
            Step::one(&index.id, statement(index, "", index.own_name()).replacen(" on only ", " on ", 1));
        step.statements.extend(statistics);
        return step;
    }
    if sides.is_partitioned(index.parent()) {
        // The definition of an index on a partitioned table reads `on only` already.
        return Step::one(&index.id, statement(index, "", index.own_name()))
            .note("`squall-migrate run` then builds it on each partition concurrently, and attaches it.");
    }
    Step::alone(&index.id, statement(index, " concurrently if not exists", index.own_name()))
}

/// Builds the new index beside the old one, then takes its place: a query always has one of them.
pub(in super::super) fn swap(sides: Sides<'_>, index: &Object) -> Vec<Step> {
    let (name, own) = (&index.id.name, index.own_name());
    if sides.is_partitioned(index.parent()) {
        return vec![Step::one(&index.id, format!("drop index {name}")), create(sides, index)];
    }
    let aside = aside(own);
    let mut exchange =
        vec![format!("drop index {name}"), format!("alter index {} rename to {own}", beside(name, &aside))];
    exchange.extend(super::comment_and_grants(index));
    vec![
        Step::alone(&index.id, statement(index, " concurrently if not exists", &aside)),
        Step::new(&index.id, Placement::Together, exchange),
    ]
}

pub(super) fn alter(before: &Object, after: &Object) -> Vec<Step> {
    if before.facet("statistics") == after.facet("statistics") {
        return Vec::new();
    }
    let changes = statistics(
        &after.id.name,
        before.facet("statistics").unwrap_or("{}"),
        after.facet("statistics").unwrap_or("{}"),
    );
    vec![Step::new(&after.id, Placement::Together, changes)]
}

/// The statement that drops an index nobody declares any more.
pub(in super::super) fn drop(sides: Sides<'_>, index: &Object) -> Step {
    if sides.is_partitioned(index.parent()) {
        return Step::one(&index.id, format!("drop index {}", index.id.name))
            .note("An index of a partitioned table cannot be dropped concurrently; the lock is short.");
    }
    Step::alone(&index.id, format!("drop index concurrently if exists {}", index.id.name))
}

fn statement(index: &Object, how: &str, name: &str) -> String {
    let definition = index.text("definition");
    let (unique, rest) = match definition.strip_prefix("CREATE UNIQUE INDEX ON ") {
        Some(rest) => ("unique ", rest),
        None => ("", definition.strip_prefix("CREATE INDEX ON ").unwrap_or(definition)),
    };
    let (only, rest) = rest.strip_prefix("ONLY ").map_or(("", rest), |rest| ("only ", rest));
    format!("create {unique}index{how} {name} on {only}{rest}")
}

fn statistics(index: &str, before: &str, after: &str) -> Vec<String> {
    let read = |text: &str| -> std::collections::BTreeMap<u16, i32> {
        serde_json::from_str(text).unwrap_or_default()
    };
    let (before, after) = (read(before), read(after));
    let gone = before.keys().filter(|column| !after.contains_key(column)).map(|column| (*column, -1));
    let set =
        after.iter().filter(|(column, target)| before.get(column) != Some(target)).map(|(c, t)| (*c, *t));
    gone.chain(set)
        .map(|(column, target)| format!("alter index {index} alter column {column} set statistics {target}"))
        .collect()
}

fn aside(own: &str) -> String {
    match own.strip_suffix('"') {
        Some(quoted) => format!("{quoted}_new\""),
        None => format!("{own}_new"),
    }
}

/// The name of the index `aside` in the schema of `name`.
fn beside(name: &str, aside: &str) -> String {
    match name.rfind('.').filter(|_| !name.ends_with('"')) {
        Some(dot) => format!("{}.{aside}", &name[..dot]),
        None => aside.to_owned(),
    }
}
