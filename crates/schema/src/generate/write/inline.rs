//! What a new table contains, and what is added to it later.

use super::Sides;
use crate::catalog::{Id, Kind};

/// Whether a default or constraint of a new table can be written inside `create table`: what
/// it needs must not in turn need the table, as a function over its rows does.
pub(in super::super) fn is_inline(sides: Sides<'_>, id: &Id) -> bool {
    let Some(table) = super::table_of(id, sides.declared) else { return false };
    if sides.declared.objects.get(id).is_some_and(|object| object.text("validated") == "false") {
        return false;
    }
    let mut seen = std::collections::BTreeSet::new();
    let family = |id: &Id| *id == table || super::table_of(id, sides.declared).as_ref() == Some(&table);
    let mut left: Vec<&Id> = sides.declared.needs(id).filter(|need| !family(need)).collect();
    while let Some(next) = left.pop() {
        // A serial's sequence names its column as its owner, and waits for nothing.
        if !seen.insert(next) || next.kind == Kind::Sequence {
            continue;
        }
        if family(next) {
            return false;
        }
        left.extend(sides.declared.needs(next));
    }
    true
}
