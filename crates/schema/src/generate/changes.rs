//! What differs, and which other objects a change affects.
//!
//! PostgreSQL refuses to change an object that others depend on: a view blocks its column's new type, a dependent
//! blocks a function's new signature. Such dependents are **rebuilt**: dropped before and created again after. This
//! file finds all of them, by walking `pg_depend` outwards from each change. The SQL is written elsewhere.

use super::write::{self, Refusal, Sides, column, types, view};
use crate::catalog::{Id, Kind, Object};
use std::collections::BTreeSet;

/// The changes, by how they are made.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Only declared.
    pub created: BTreeSet<Id>,
    /// No longer declared.
    pub dropped: BTreeSet<Id>,
    /// Changed in place.
    pub altered: BTreeSet<Id>,
    /// Dropped before and created again after.
    pub rebuilt: BTreeSet<Id>,
    /// Indexes whose replacement is built beside them.
    pub swapped_indexes: BTreeSet<Id>,
    /// Enums that are replaced by a new type.
    pub swapped_enums: BTreeSet<Id>,
}

/// Compares both sides.
///
/// # Errors
/// All refusals, when something would be lost or cannot be rebuilt.
pub(super) fn find(sides: Sides<'_>) -> Result<Changes, Vec<Refusal>> {
    let (before, declared) = (&sides.before.objects, &sides.declared.objects);
    let mut changes = Changes {
        created: declared.keys().filter(|id| !before.contains_key(*id)).cloned().collect(),
        dropped: before.keys().filter(|id| !declared.contains_key(*id)).cloned().collect(),
        ..Changes::default()
    };
    let mut retyped = BTreeSet::new();
    for (id, after) in declared {
        let Some(was) = before.get(id).filter(|was| differs(was, after)) else { continue };
        match way(was, after) {
            Way::Alter => changes.altered.insert(id.clone()),
            Way::Rebuild => changes.rebuilt.insert(id.clone()),
            Way::SwapIndex => changes.swapped_indexes.insert(id.clone()),
            Way::SwapEnum => changes.swapped_enums.insert(id.clone()),
        };
        if id.kind == Kind::Column && column::is_retyped(was, after) {
            retyped.insert(id.clone());
        }
    }
    let mut refusals = unsupported(sides);
    refusals.extend(spread(sides, &mut changes, &retyped));
    refusals.extend(losses(sides, &changes));
    if refusals.is_empty() { Ok(changes) } else { Err(refusals) }
}

enum Way {
    Alter,
    Rebuild,
    SwapIndex,
    SwapEnum,
}

/// Ignores facets that other statements change, or that cannot be changed.
fn differs(before: &Object, after: &Object) -> bool {
    let ignored = |name: &str| matches!(name, "volatile" | "plain index");
    let facets = |object: &Object| -> Vec<(String, String)> {
        object.facets.iter().filter(|(name, _)| !ignored(name)).map(|(n, t)| (n.clone(), t.clone())).collect()
    };
    facets(before) != facets(after)
}

fn way(before: &Object, after: &Object) -> Way {
    let changed = |facet: &str| before.facet(facet) != after.facet(facet);
    let rebuild = |needed: bool| if needed { Way::Rebuild } else { Way::Alter };
    match after.id.kind {
        Kind::Collation => rebuild(
            ["provider", "locale", "lc_collate", "lc_ctype", "deterministic", "rules"]
                .iter()
                .any(|f| changed(f)),
        ),
        Kind::Extension => rebuild(changed("schema")),
        Kind::Enum if types::needs_swap(before, after) => Way::SwapEnum,
        Kind::Function | Kind::Procedure => {
            rebuild(changed("result") || changed("arguments") || changed("window"))
        }
        Kind::Column => rebuild(column::needs_rebuild(before, after)),
        Kind::DomainCheck => {
            rebuild(changed("definition") || after.text("validated") == "false" && changed("validated"))
        }
        kind if kind.is_constraint() => {
            rebuild(changed("definition") || after.text("validated") == "false" && changed("validated"))
        }
        Kind::Index if changed("definition") => Way::SwapIndex,
        Kind::View if changed("definition") => rebuild(!view::is_replaceable(before, after)),
        Kind::MaterializedView => rebuild(changed("definition")),
        Kind::Trigger => rebuild(changed("definition")),
        Kind::Policy => {
            rebuild(["command", "permissive", "roles", "using", "check"].iter().any(|facet| changed(facet)))
        }
        _ => Way::Alter,
    }
}

/// Adds everything that blocks a change to the rebuilt objects.
fn spread(sides: Sides<'_>, changes: &mut Changes, retyped: &BTreeSet<Id>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut queue: Vec<(Id, Cause)> = changes.rebuilt.iter().map(|id| (id.clone(), Cause::Gone)).collect();
    queue.extend(retyped.iter().map(|id| (id.clone(), Cause::Retyped)));
    queue.extend(changes.swapped_enums.iter().map(|id| (id.clone(), Cause::Swapped)));
    // A unique index that goes takes the foreign keys along that point at its columns.
    queue.extend(changes.swapped_indexes.iter().map(|id| (id.clone(), Cause::Gone)));
    let leaves_others_behind = |id: &&Id| {
        matches!(id.kind, Kind::Function | Kind::Procedure | Kind::View | Kind::MaterializedView)
            || matches!(id.kind, Kind::Enum | Kind::Domain | Kind::Composite | Kind::Collation)
            || matches!(id.kind, Kind::PrimaryKey | Kind::Unique | Kind::Index)
    };
    queue.extend(changes.dropped.iter().filter(leaves_others_behind).map(|id| (id.clone(), Cause::Dropped)));
    let mut seen = BTreeSet::new();
    while let Some((id, cause)) = queue.pop() {
        if !seen.insert((id.clone(), cause)) {
            continue;
        }
        for dependent in sides.before.dependents(&id) {
            let Some(object) = sides.declared.objects.get(dependent) else { continue };
            match effect(&id, cause, object) {
                Effect::None => {}
                Effect::Retyped => queue.push((dependent.clone(), Cause::Retyped)),
                Effect::Rebuild => {
                    changes.altered.remove(dependent);
                    changes.swapped_indexes.remove(dependent);
                    changes.rebuilt.insert(dependent.clone());
                    queue.push((dependent.clone(), Cause::Gone));
                }
                Effect::Refuse => refusals.push(format!(
                    "The {id} has to be dropped and created again, but the {dependent} uses it and holds data. Declare a new {} \
                     beside it and move the data over in a separate release.",
                    id.kind.word()
                )),
            }
        }
    }
    refusals
}

/// Why dependents may block the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// It is dropped and created again.
    Gone,
    /// It is dropped for good.
    Dropped,
    /// A column whose type changes: PostgreSQL adapts its constraints and indexes.
    Retyped,
    /// An enum that is replaced: its columns are moved to the new type.
    Swapped,
}

enum Effect {
    None,
    Retyped,
    Rebuild,
    Refuse,
}

fn effect(of: &Id, cause: Cause, dependent: &Object) -> Effect {
    let generated = dependent.facet("generated").is_some();
    match (cause, dependent.id.kind) {
        (_, Kind::Column) if generated && of.kind != Kind::Table => Effect::Rebuild,
        (Cause::Swapped, Kind::Column) => Effect::Retyped,
        (
            Cause::Retyped,
            Kind::Default
            | Kind::View
            | Kind::MaterializedView
            | Kind::Trigger
            | Kind::Policy
            | Kind::Function
            | Kind::Procedure,
        ) => Effect::Rebuild,
        (Cause::Retyped, _) | (Cause::Dropped, Kind::Column | Kind::Table | Kind::Sequence) => Effect::None,
        (
            _,
            Kind::Table
            | Kind::Column
            | Kind::Sequence
            | Kind::Domain
            | Kind::Composite
            | Kind::Enum
            | Kind::Schema
            | Kind::Extension,
        ) => {
            if cause == Cause::Dropped {
                Effect::None
            } else {
                Effect::Refuse
            }
        }
        _ => Effect::Rebuild,
    }
}

fn unsupported(sides: Sides<'_>) -> Vec<Refusal> {
    let different = sides.before.unsupported.symmetric_difference(&sides.declared.unsupported);
    different
        .map(|(kind, name)| {
            format!(
                "The {kind} {name} is on one side only, and changes of a {kind} cannot be generated. Write this part by hand: \
                 cargo xtask migrate new {}",
                sides.request.name
            )
        })
        .collect()
}

/// Data that would be lost without permission.
fn losses(sides: Sides<'_>, changes: &Changes) -> Vec<Refusal> {
    let is_gone = |kind: Kind, name: &str| changes.dropped.contains(&Id { kind, name: name.to_owned() });
    let mut refusals = Vec::new();
    for id in &changes.dropped {
        let object = &sides.before.objects[id];
        let lost = match id.kind {
            Kind::Table => object.facet("partition of").is_none_or(|parent| !is_gone(Kind::Table, parent)),
            Kind::Column => column::holds_values(object) && !is_gone(Kind::Table, object.parent()),
            Kind::Sequence => object.facet("owned by").is_none(),
            _ => false,
        };
        if lost && !sides.request.allows(&id.name) {
            refusals.push(format!(
                "The {id} is no longer declared; dropping it would lose its data. To allow that: --allow-loss '{}'.{}",
                id.name,
                rename_hint(sides, changes, object)
            ));
        }
    }
    for id in changes.rebuilt.iter().filter(|id| id.kind == Kind::Column) {
        let (before, after) = (&sides.before.objects[id], &sides.declared.objects[id]);
        let plain = before.facet("generated").is_none() || after.facet("generated").is_none();
        if plain && !sides.request.allows(&id.name) {
            refusals.push(format!(
                "The {id} becomes {}; it is dropped and created again, and loses its values. To allow that: --allow-loss '{}'",
                if after.facet("generated").is_some() { "generated" } else { "an ordinary column" },
                id.name
            ));
        }
    }
    refusals
}

fn rename_hint(sides: Sides<'_>, changes: &Changes, gone: &Object) -> String {
    let alike = |id: &&Id| {
        let new = &sides.declared.objects[*id];
        id.kind == gone.id.kind
            && (id.kind != Kind::Column
                || new.parent == gone.parent && new.facet("type") == gone.facet("type"))
    };
    let names: Vec<_> = changes
        .created
        .iter()
        .filter(alike)
        .map(|id| format!("--rename '{}={}'", gone.id.name, id.name))
        .collect();
    if names.is_empty() { String::new() } else { format!(" If it was renamed: {}", names.join(" or ")) }
}

impl Changes {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        [
            &self.created,
            &self.dropped,
            &self.altered,
            &self.rebuilt,
            &self.swapped_indexes,
            &self.swapped_enums,
        ]
        .iter()
        .all(|set| set.is_empty())
    }

    /// Whether the object is dropped together with another one.
    pub fn drops_with_another(&self, sides: Sides<'_>, id: &Id) -> bool {
        let object = &sides.before.objects[id];
        let gone = |id: Id| self.dropped.contains(&id);
        let parent_gone = object.parent.as_ref().is_some_and(|parent| {
            [Kind::Table, Kind::MaterializedView, Kind::View, Kind::Domain]
                .into_iter()
                .any(|kind| gone(Id { kind, name: parent.clone() }))
        });
        match id.kind {
            Kind::Default => {
                gone(column::of_default(id))
                    || gone(Id { kind: Kind::Table, name: object.text("table").into() })
            }
            Kind::Index => {
                parent_gone
                    || sides
                        .before
                        .needs(id)
                        .any(|need| need.kind == Kind::Column && self.dropped.contains(need))
            }
            Kind::Sequence if object.facet("owned by").is_some() => {
                sides.before.needs(id).any(|need| match need.kind {
                    Kind::Column => {
                        self.dropped.contains(need)
                            || write::table_of(need, sides.before)
                                .is_some_and(|table| self.dropped.contains(&table))
                    }
                    Kind::Table => self.dropped.contains(need),
                    _ => false,
                })
            }
            Kind::Table => object
                .facet("partition of")
                .is_some_and(|parent| gone(Id { kind: Kind::Table, name: parent.into() })),
            Kind::ForeignKey => parent_gone && !self.blocks_a_dropped_table(sides, id),
            _ => parent_gone,
        }
    }

    /// Whether a foreign key of a dropped table prevents dropping another table first.
    fn blocks_a_dropped_table(&self, sides: Sides<'_>, foreign_key: &Id) -> bool {
        let own = write::table_of(foreign_key, sides.before);
        let mut tables = sides
            .before
            .needs(foreign_key)
            .filter(|need| need.kind == Kind::Table || write::table_of(need, sides.before).is_some());
        tables.any(|need| {
            let table = write::table_of(need, sides.before).unwrap_or_else(|| need.clone());
            Some(&table) != own.as_ref() && self.dropped.contains(&table)
        })
    }
}
