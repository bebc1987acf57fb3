//! From changes to statements in an order that holds: what must make way, what is made and changed, what goes.
//!
//! Each step gets a **level**. Even levels are transactions, odd ones hold what must be alone in a file. A step's
//! level is the smallest that comes after everything it needs, so that a plan has as few files as it can.

use super::{
    changes::Changes,
    step::{Placement, Step},
    write::{self, Refusal, Sides, index, inline, sequence, types},
};
use crate::catalog::{Catalog, Id, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// Steps by level, each level in its order.
pub(super) type Plan = BTreeMap<usize, Vec<Step>>;

/// Orders all changes.
///
/// # Errors
/// All refusals of those who write the statements.
pub(super) fn order(sides: Sides<'_>, changes: &Changes) -> Result<Plan, Vec<Refusal>> {
    let mut plan = Plan::new();
    for id in leaving(sides.before, &early(sides, changes)) {
        plan.entry(0).or_default().push(Step::one(&id, write::drop(&sides.before.objects[&id])));
    }
    arrive(sides, changes, &mut plan)?;
    let last = plan.keys().max().copied().unwrap_or(0).next_multiple_of(2);
    for id in leaving(sides.before, &late(sides, changes)) {
        plan.entry(last).or_default().push(Step::one(&id, write::drop(&sides.before.objects[&id])));
    }
    for id in &changes.swapped_enums {
        let statement = format!("drop type {}", types::old_name(&id.name));
        plan.entry(last).or_default().push(Step::one(id, statement));
    }
    let indexes =
        changes.dropped.iter().filter(|id| id.kind == Kind::Index && !changes.drops_with_another(sides, id));
    for (place, id) in indexes.enumerate() {
        let step = index::drop(sides, &sides.before.objects[id]);
        let level = if step.placement == Placement::Alone { last + 1 + 2 * place } else { last };
        plan.entry(level).or_default().push(step);
    }
    Ok(plan)
}

/// What is dropped before anything is created: rebuilt objects, and those that only block another change.
fn early(sides: Sides<'_>, changes: &Changes) -> BTreeSet<Id> {
    let made = changes.created.iter().filter(|id| is_relation_or_type(id.kind)).map(|id| id.name.as_str());
    let identities = sides.declared.objects.values().filter_map(|object| object.facet("identity sequence"));
    let names: BTreeSet<&str> = made.chain(identities).collect();
    let light = |id: &&Id| {
        id.kind.is_constraint()
            || matches!(
                id.kind,
                Kind::Default
                    | Kind::View
                    | Kind::MaterializedView
                    | Kind::Trigger
                    | Kind::Policy
                    | Kind::DomainCheck
            )
            || is_relation_or_type(id.kind) && names.contains(id.name.as_str())
    };
    let gone = changes.dropped.iter().filter(light).filter(|id| !changes.drops_with_another(sides, id));
    gone.chain(&changes.rebuilt).cloned().collect()
}

/// What is dropped when nothing needs it any more.
fn late(sides: Sides<'_>, changes: &Changes) -> BTreeSet<Id> {
    let early = early(sides, changes);
    let heavy = changes.dropped.iter().filter(|id| id.kind != Kind::Index && !early.contains(*id));
    heavy.filter(|id| !changes.drops_with_another(sides, id)).cloned().collect()
}

/// Kinds whose names shut each other out.
fn is_relation_or_type(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Table
            | Kind::View
            | Kind::MaterializedView
            | Kind::Sequence
            | Kind::Enum
            | Kind::Domain
            | Kind::Composite
            | Kind::Index
    )
}

/// Dependents first; among equals, the youngest first.
fn leaving(catalog: &Catalog, going: &BTreeSet<Id>) -> Vec<Id> {
    let arriving =
        arrange(catalog, going, |id| write::table_of(id, catalog).filter(|table| going.contains(table)));
    arriving.into_iter().rev().collect()
}

/// Everything that is made or changed, in the order of the declaration.
fn arrive(sides: Sides<'_>, changes: &Changes, plan: &mut Plan) -> Result<(), Vec<Refusal>> {
    let new_tables: BTreeSet<&Id> = changes.created.iter().filter(|id| id.kind == Kind::Table).collect();
    let folded = |id: &Id| -> Option<Id> {
        let table = match id.kind {
            Kind::DomainCheck => {
                let check = sides.declared.objects.get(id)?;
                let domain = Id { kind: Kind::Domain, name: check.parent().to_owned() };
                return (changes.created.contains(&domain) && !types::needs_other_routines(sides, check))
                    .then_some(domain);
            }
            _ => write::table_of(id, sides.declared)?,
        };
        let column = Id { kind: Kind::Column, name: id.name.clone() };
        let host = match id.kind {
            _ if new_tables.contains(&table) => table,
            Kind::Default if changes.created.contains(&column) => column,
            _ => return None,
        };
        let inline = id.kind == Kind::Column || id.kind != Kind::ForeignKey && inline::is_inline(sides, id);
        inline.then_some(host)
    };
    let made = changes.created.iter().chain(&changes.altered).chain(&changes.rebuilt);
    let all: BTreeSet<Id> =
        made.chain(&changes.swapped_indexes).chain(&changes.swapped_enums).cloned().collect();
    let (mut refusals, mut levels) = (Vec::new(), BTreeMap::<Id, usize>::new());
    let mut owned = Vec::new();
    for id in arrange(sides.declared, &all, folded) {
        if folded(&id).is_some() && changes.created.contains(&id) {
            // It is written with its table, but its comment is not.
            let object = &sides.declared.objects[&id];
            let facts = if id.kind == Kind::Column { Vec::new() } else { write::comment_and_grants(object) };
            let level = folded(&id).and_then(|host| levels.get(&host).copied()).unwrap_or(0);
            if !facts.is_empty() {
                plan.entry(level).or_default().push(Step::new(&id, Placement::Together, facts));
            }
            continue;
        }
        match steps(sides, changes, &id) {
            Err(refusal) => refusals.push(refusal),
            Ok(steps) => {
                let needs = direct_needs(sides.declared, &id, &all, &folded);
                let from = needs.iter().filter_map(|need| levels.get(need)).max().copied().unwrap_or(0);
                let level = place(steps, from, plan);
                levels.insert(id.clone(), level);
                let created =
                    changes.created.contains(&id).then(|| sides.declared.objects.get(&id)).flatten();
                let sequence = created.filter(|object| object.id.kind == Kind::Sequence);
                owned.extend(sequence.and_then(sequence::own).map(|step| (id.clone(), step)));
            }
        }
    }
    for (sequence, step) in owned {
        let owners = sides
            .declared
            .needs(&sequence)
            .filter_map(|need| write::table_of(need, sides.declared).or_else(|| Some(need.clone())));
        let level =
            owners.chain([sequence.clone()]).filter_map(|id| levels.get(&id).copied()).max().unwrap_or(0);
        plan.entry(level.next_multiple_of(2)).or_default().push(step);
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn steps(sides: Sides<'_>, changes: &Changes, id: &Id) -> Result<Vec<Step>, Refusal> {
    let (before, after) = (sides.before.objects.get(id), &sides.declared.objects[id]);
    match before {
        Some(before) if changes.swapped_enums.contains(id) => {
            Ok(vec![types::swap_enum(sides, before, after)])
        }
        Some(_) if changes.swapped_indexes.contains(id) => Ok(index::swap(sides, after)),
        Some(before) if changes.altered.contains(id) => write::alter(sides, before, after),
        _ => write::create(sides, after),
    }
}

/// Appends steps to the plan, none before `from`, and returns the earliest level for a step that needs them:
/// two later if the last one must be committed first.
fn place(steps: Vec<Step>, from: usize, plan: &mut Plan) -> usize {
    let mut level = from;
    for (number, step) in steps.into_iter().enumerate() {
        level = match step.placement {
            Placement::Together => level.next_multiple_of(2),
            Placement::NextTransaction if number == 0 => level.next_multiple_of(2),
            Placement::NextTransaction => (level + 1).next_multiple_of(2),
            Placement::Alone if level.is_multiple_of(2) => level + 1,
            Placement::Alone => level + 2,
        };
        let waits = step.commits_first;
        plan.entry(level).or_default().push(step);
        level += if waits { 2 } else { 0 };
    }
    level
}

/// What of `all` an object needs, with its table, and with what is written inside it.
fn direct_needs(
    catalog: &Catalog,
    id: &Id,
    all: &BTreeSet<Id>,
    folded: &dyn Fn(&Id) -> Option<Id>,
) -> BTreeSet<Id> {
    let inside = all.iter().filter(|other| folded(other).as_ref() == Some(id));
    let family: Vec<&Id> = std::iter::once(id).chain(inside).collect();
    let mut needs = BTreeSet::new();
    for member in &family {
        let object = catalog.objects.get(*member);
        let owner = object.and_then(|object| object.facet("owned by")).is_some();
        for need in catalog.needs(member) {
            // A serial's sequence is made before its column, whatever its owner says.
            if owner && member.kind == Kind::Sequence && matches!(need.kind, Kind::Column | Kind::Table) {
                continue;
            }
            needs.insert(folded(need).unwrap_or_else(|| need.clone()));
            needs.extend(write::table_of(need, catalog));
        }
        if let Some(parent) = object.and_then(|object| object.parent.as_ref()) {
            let owners = [Kind::Table, Kind::Column, Kind::Domain, Kind::View, Kind::MaterializedView];
            needs.extend(owners.map(|kind| Id { kind, name: parent.clone() }));
        }
    }
    needs.retain(|need| all.contains(need) && need != id && !family.contains(&need));
    needs
}

/// A topological order; among those that are free, the one that was made first.
fn arrange(catalog: &Catalog, all: &BTreeSet<Id>, folded: impl Fn(&Id) -> Option<Id>) -> Vec<Id> {
    let mut waiting: BTreeMap<&Id, BTreeSet<Id>> =
        all.iter().map(|id| (id, direct_needs(catalog, id, all, &folded))).collect();
    let rank = |id: &Id| catalog.objects.get(id).map(|object| (object.creation_order, object.position));
    let mut order = Vec::with_capacity(all.len());
    while !waiting.is_empty() {
        let free = waiting
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(id, _)| *id)
            .min_by_key(|id| (rank(id), *id));
        // A circle can only be cut; the proof shows whether the cut held.
        let Some(next) = free.or_else(|| waiting.keys().copied().min_by_key(|id| rank(id))) else { break };
        waiting.remove(next);
        for needs in waiting.values_mut() {
            needs.remove(next);
        }
        order.push(next.clone());
    }
    order
}
