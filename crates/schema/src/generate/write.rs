//! The SQL of each change, with one file per family of objects. Every function is pure; what cannot be written is a
//! [`Refusal`] with the reason and an alternative.

pub(super) mod column;
pub(super) mod constraint;
pub(super) mod index;
pub(super) mod inline;
pub(super) mod routine;
pub(super) mod sequence;
pub(super) mod table;
pub(super) mod types;
pub(super) mod view;

use super::{
    request::Request,
    step::{Placement, Step, literal},
};
use crate::catalog::{Catalog, Id, Kind, Object};

/// Why a change cannot be written, and what to do instead.
pub(super) type Refusal = String;

/// Both sides of a comparison, and the flags.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    /// The schema the migrations lead to.
    pub before: &'a Catalog,
    /// The schema `schema.sql` declares.
    pub declared: &'a Catalog,
    pub request: &'a Request,
}

impl Sides<'_> {
    /// Whether it exists before the migration, and may hold rows.
    pub fn exists(&self, kind: Kind, name: &str) -> bool {
        self.before.get(kind, name).is_some()
    }

    pub fn is_partitioned(&self, table: &str) -> bool {
        self.before.get(Kind::Table, table).is_some_and(|table| table.facet("partitioned by").is_some())
    }
}

/// The steps that create an object.
pub(super) fn create(sides: Sides<'_>, object: &Object) -> Result<Vec<Step>, Refusal> {
    let mut steps = match object.id.kind {
        Kind::Schema => vec![Step::one(&object.id, format!("create schema {}", object.id.name))],
        Kind::Extension => vec![types::create_extension(object)],
        Kind::Collation => vec![types::create_collation(object)],
        Kind::Enum | Kind::Domain | Kind::Composite => vec![types::create(sides, object)],
        Kind::DomainCheck => types::add_check(sides, object),
        Kind::Sequence => vec![sequence::create(object)],
        Kind::Function | Kind::Procedure => vec![routine::create(object)],
        Kind::Table => vec![table::create(sides, object)],
        Kind::Column => column::add(sides, object)?,
        Kind::Default => vec![column::set_default(sides, object)],
        Kind::Check | Kind::ForeignKey | Kind::Exclude | Kind::PrimaryKey | Kind::Unique => {
            constraint::add(sides, object)
        }
        Kind::Index => vec![index::create(sides, object)],
        Kind::View | Kind::MaterializedView => vec![view::create(object, false)],
        Kind::Trigger => vec![routine::create_trigger(object)],
        Kind::Policy => vec![table::create_policy(object)],
    };
    let after = comment_and_grants(object);
    if let Some(last) = steps.last_mut().filter(|last| last.placement != Placement::Alone) {
        last.statements.extend(after);
    } else if !after.is_empty() {
        steps.push(Step::new(&object.id, Placement::Together, after));
    }
    Ok(steps)
}

/// The comment and the grants of a new object.
pub(super) fn comment_and_grants(object: &Object) -> Vec<String> {
    let text = object.facet("comment").filter(|_| object.id.kind != Kind::Extension);
    let comment = text.map(|text| comment(object, Some(text)));
    comment.into_iter().chain(grants(object, default_grants(object.id.kind), object.text("grants"))).collect()
}

/// The statement that drops an object.
pub(super) fn drop(object: &Object) -> String {
    let (name, own, parent) = (&object.id.name, object.own_name(), object.parent());
    match object.id.kind {
        Kind::Enum | Kind::Composite => format!("drop type {name}"),
        Kind::DomainCheck => format!("alter domain {parent} drop constraint {own}"),
        Kind::Column => format!("alter table {parent} drop column {own}"),
        Kind::Default => {
            format!(
                "alter table {} alter column {} drop default",
                object.text("table"),
                object.text("column")
            )
        }
        kind if kind.is_constraint() => format!("alter table {parent} drop constraint {own}"),
        Kind::Trigger | Kind::Policy => format!("drop {} {own} on {parent}", object.id.kind.word()),
        kind => format!("drop {} {name}", kind.word()),
    }
}

/// The steps from one state of an object to another.
pub(super) fn alter(sides: Sides<'_>, before: &Object, after: &Object) -> Result<Vec<Step>, Refusal> {
    let mut steps = match after.id.kind {
        Kind::Extension => types::alter_extension(after),
        Kind::Enum => types::alter_enum(before, after),
        Kind::Domain => types::alter_domain(before, after)?,
        Kind::Composite => types::alter_composite(sides, before, after)?,
        Kind::DomainCheck => types::validate_check(before, after),
        Kind::Sequence => sequence::alter(before, after),
        Kind::Function | Kind::Procedure if before.facet("definition") != after.facet("definition") => {
            vec![routine::create(after)]
        }
        Kind::Table => table::alter(sides, before, after)?,
        Kind::Column => column::alter(sides, before, after)?,
        Kind::Default => vec![column::set_default(sides, after)],
        kind if kind.is_constraint() => constraint::validate(before, after),
        Kind::Index => index::alter(before, after),
        Kind::View | Kind::MaterializedView => view::alter(before, after),
        Kind::Trigger => routine::alter_trigger(before, after),
        _ => Vec::new(),
    };
    let mut facts = Vec::new();
    if before.facet("comment") != after.facet("comment") && after.id.kind != Kind::Extension {
        facts.push(comment(after, after.facet("comment")));
    }
    if before.text("grants") != after.text("grants") {
        facts.extend(grants(after, before.text("grants"), after.text("grants")));
    }
    if !facts.is_empty() {
        steps.push(Step::new(&after.id, Placement::Together, facts));
    }
    Ok(steps)
}

fn comment(object: &Object, text: Option<&str>) -> String {
    let target = match object.id.kind {
        Kind::Enum | Kind::Composite => format!("type {}", object.id.name),
        Kind::DomainCheck => format!("constraint {} on domain {}", object.own_name(), object.parent()),
        kind if kind.is_constraint() => format!("constraint {} on {}", object.own_name(), object.parent()),
        Kind::Trigger | Kind::Policy => {
            format!("{} {} on {}", object.id.kind.word(), object.own_name(), object.parent())
        }
        kind => format!("{} {}", kind.word(), object.id.name),
    };
    format!("comment on {target} is {}", text.map_or("null".to_owned(), literal))
}

/// The grants that PostgreSQL gives to a new object of this kind.
fn default_grants(kind: Kind) -> &'static str {
    match kind {
        Kind::Function | Kind::Procedure => r#"[["execute", "public", false]]"#,
        Kind::Enum | Kind::Domain | Kind::Composite => r#"[["usage", "public", false]]"#,
        _ => "[]",
    }
}

fn grants(object: &Object, before: &str, after: &str) -> Vec<String> {
    let read = |text: &str| -> Vec<(String, String, bool)> { serde_json::from_str(text).unwrap_or_default() };
    let (before, after) = (read(before), read(after));
    let (columns, target) = match object.id.kind {
        Kind::Column => (format!(" ({})", object.own_name()), object.parent().to_owned()),
        Kind::Table | Kind::View | Kind::MaterializedView => (String::new(), object.id.name.clone()),
        Kind::Enum | Kind::Composite => (String::new(), format!("type {}", object.id.name)),
        kind => (String::new(), format!("{} {}", kind.word(), object.id.name)),
    };
    let gone = before.iter().filter(|right| !after.contains(right));
    let new = after.iter().filter(|right| !before.contains(right));
    let revoked = gone.map(|(right, role, _)| format!("revoke {right}{columns} on {target} from {role}"));
    let granted = new.map(|(right, role, option)| {
        format!(
            "grant {right}{columns} on {target} to {role}{}",
            if *option { " with grant option" } else { "" }
        )
    });
    revoked.chain(granted).collect()
}

/// Parses the facet that holds storage options.
fn options(text: Option<&str>) -> Vec<(String, String)> {
    let read: std::collections::BTreeMap<String, String> =
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    read.into_iter().collect()
}

fn options_list(options: &[(String, String)]) -> String {
    options.iter().map(|(name, value)| format!("{name} = {}", literal(value))).collect::<Vec<_>>().join(", ")
}

/// `set (…)` and `reset (…)` that lead from one list of options to another, after `prefix`.
fn alter_options(prefix: &str, before: Option<&str>, after: Option<&str>) -> Vec<String> {
    let (before, after) = (options(before), options(after));
    let set: Vec<_> = after.iter().filter(|option| !before.contains(option)).cloned().collect();
    let gone = before.iter().filter(|(name, _)| !after.iter().any(|(kept, _)| kept == name));
    let reset: Vec<_> = gone.map(|(name, _)| name.as_str()).collect();
    let set = (!set.is_empty()).then(|| format!("{prefix} set ({})", options_list(&set)));
    let reset = (!reset.is_empty()).then(|| format!("{prefix} reset ({})", reset.join(", ")));
    set.into_iter().chain(reset).collect()
}

/// The table that an object is part of: a child of a new table is written with it.
pub(super) fn table_of(id: &Id, catalog: &Catalog) -> Option<Id> {
    let object = catalog.objects.get(id)?;
    let name = match id.kind {
        Kind::Column => object.parent(),
        Kind::Default => object.text("table"),
        kind if kind.is_constraint() => object.parent(),
        _ => return None,
    };
    Some(Id { kind: Kind::Table, name: name.to_owned() })
}
