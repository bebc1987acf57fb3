//! Types: enums, domains, composites; and extensions and collations, which types come from.

use super::{
    super::{
        loss::{Conversion, conversion},
        step::{Placement, Step, literal},
    },
    Refusal, Sides,
};
use crate::catalog::{Kind, Object};

pub(super) fn create_extension(extension: &Object) -> Step {
    let schema = extension.text("schema");
    let place = if schema == "public" { String::new() } else { format!(" with schema {schema}") };
    Step::one(&extension.id, format!("create extension {}{place}", extension.id.name))
}

pub(super) fn alter_extension(after: &Object) -> Vec<Step> {
    vec![Step::one(
        &after.id,
        format!("alter extension {} update to {}", after.id.name, literal(after.text("version"))),
    )]
}

pub(super) fn create_collation(collation: &Object) -> Step {
    let named = ["provider", "locale", "lc_collate", "lc_ctype", "deterministic", "rules"];
    let options = named.into_iter().filter_map(|name| {
        let value = collation.facet(name)?;
        Some(match name {
            "provider" | "deterministic" => format!("{name} = {value}"),
            name => format!("{name} = {}", literal(value)),
        })
    });
    let options = options.collect::<Vec<_>>().join(", ");
    Step::one(&collation.id, format!("create collation {} ({options})", collation.id.name))
}

pub(super) fn create(sides: Sides<'_>, object: &Object) -> Step {
    let name = &object.id.name;
    let statement = match object.id.kind {
        Kind::Enum => {
            let values: Vec<_> = values(object).iter().map(|value| literal(value)).collect();
            format!("create type {name} as enum ({})", values.join(", "))
        }
        Kind::Composite => {
            let attributes: Vec<_> =
                attributes(object).into_iter().map(|(name, kind)| format!("    {name} {kind}")).collect();
            format!("create type {name} as (\n{}\n)", attributes.join(",\n"))
        }
        _ => {
            let default = object.facet("default").map(|text| format!(" default {text}")).unwrap_or_default();
            let filled = if object.facet("not null").is_some() { " not null" } else { "" };
            let checks = sides.declared.children(Kind::DomainCheck, name).into_iter();
            let checks: String = checks
                .filter(|check| !needs_other_routines(sides, check))
                .map(|check| format!("\n    constraint {} {}", check.own_name(), check.text("definition")))
                .collect();
            format!("create domain {name} as {}{default}{filled}{checks}", object.text("base"))
        }
    };
    Step::one(&object.id, statement)
}

/// Whether a check calls a function of the schema, which may come after the domain.
pub(in super::super) fn needs_other_routines(sides: Sides<'_>, check: &Object) -> bool {
    sides.declared.needs(&check.id).any(|id| id.kind == Kind::Function) || check.text("validated") == "false"
}

pub(super) fn add_check(sides: Sides<'_>, check: &Object) -> Vec<Step> {
    let (domain, own) = (check.parent(), check.own_name());
    let add = format!("alter domain {domain} add constraint {own} {}", check.text("definition"));
    if check.text("validated") == "false" {
        return vec![Step::one(&check.id, format!("{add} not valid"))];
    }
    if !sides.exists(Kind::Domain, domain) {
        return vec![Step::one(&check.id, add)];
    }
    let validate = format!("alter domain {domain} validate constraint {own}");
    vec![Step::one(&check.id, format!("{add} not valid")), Step::next(&check.id, validate)]
}

pub(super) fn validate_check(before: &Object, after: &Object) -> Vec<Step> {
    if before.text("validated") == after.text("validated") {
        return Vec::new();
    }
    vec![Step::next(
        &after.id,
        format!("alter domain {} validate constraint {}", after.parent(), after.own_name()),
    )]
}

/// Whether values were removed or reordered, which needs a new type.
pub(in super::super) fn needs_swap(before: &Object, after: &Object) -> bool {
    let (had, has) = (values(before), values(after));
    let kept: Vec<_> = has.iter().filter(|value| had.contains(value)).collect();
    kept.len() != had.len() || kept.into_iter().ne(had.iter())
}

/// Adds values where the declaration has them; no value goes.
pub(super) fn alter_enum(before: &Object, after: &Object) -> Vec<Step> {
    if before.text("values") == after.text("values") {
        return Vec::new();
    }
    let (mut had, has) = (values(before), values(after));
    let mut statements = Vec::new();
    for (at, value) in has.iter().enumerate().filter(|(_, value)| !values(before).contains(value)) {
        let place = match at.checked_sub(1) {
            Some(previous) if at == had.len() && had.last() == Some(&has[previous]) => String::new(),
            Some(previous) => format!(" after {}", literal(&has[previous])),
            None => had.first().map(|first| format!(" before {}", literal(first))).unwrap_or_default(),
        };
        had.insert(at.min(had.len()), value.clone());
        statements.push(format!("alter type {} add value {}{place}", after.id.name, literal(value)));
    }
    let mut step = Step::new(&after.id, Placement::Together, statements);
    step.commits_first = true;
    vec![step]
}

/// Creates the enum under a new name with its declared values, moves every column over, and drops the old type last.
pub(in super::super) fn swap_enum(sides: Sides<'_>, before: &Object, after: &Object) -> Step {
    let name = &after.id.name;
    let new: Vec<_> = values(after).iter().map(|value| literal(value)).collect();
    let mut statements = vec![
        format!("alter type {name} rename to {}", old_name(name)),
        format!("create type {name} as enum ({})", new.join(", ")),
    ];
    for column in sides.declared.objects.values().filter(|object| object.id.kind == Kind::Column) {
        let (kind, own) = (column.text("type"), column.own_name());
        let had = sides.before.objects.get(&column.id).map(|column| column.text("type"));
        let array = kind == format!("{name}[]");
        if had == Some(kind) && (kind == name || array) && column.facet("generated").is_none() {
            let through = if array { "text[]" } else { "text" };
            statements.push(format!(
                "alter table {} alter column {own} type {kind} using {own}::{through}::{kind}",
                column.parent()
            ));
        }
    }
    statements.extend(super::comment_and_grants(after));
    let gone: Vec<_> = values(before).into_iter().filter(|value| !values(after).contains(value)).collect();
    let what = if gone.is_empty() {
        "The values change their order: the tables that hold them are rewritten.".to_owned()
    } else {
        format!(
            "A row that still holds {} stops the migration, and nothing is changed then. The tables are rewritten.",
            gone.join(" or ")
        )
    };
    Step::new(&after.id, Placement::Together, statements).note(what)
}

/// Where the old enum waits until nothing uses it.
pub(in super::super) fn old_name(name: &str) -> String {
    match name.strip_suffix('"') {
        Some(quoted) => format!("{quoted}_old\""),
        None => format!("{name}_old"),
    }
}

pub(super) fn alter_domain(before: &Object, after: &Object) -> Result<Vec<Step>, Refusal> {
    let name = &after.id.name;
    if before.text("base") != after.text("base") {
        return Err(format!(
            "The domain {name} changes its type from {} to {}, which PostgreSQL cannot do in place. Declare a new domain, \
             move the columns to it, and drop the old one.",
            before.text("base"),
            after.text("base")
        ));
    }
    let mut step = Step::new(&after.id, Placement::Together, Vec::new());
    if before.facet("default") != after.facet("default") {
        step.statements.push(match after.facet("default") {
            Some(text) => format!("alter domain {name} set default {text}"),
            None => format!("alter domain {name} drop default"),
        });
    }
    if before.facet("not null") != after.facet("not null") {
        let (word, is_set) = if after.facet("not null").is_some() { ("set", true) } else { ("drop", false) };
        step.statements.push(format!("alter domain {name} {word} not null"));
        if is_set {
            step = step.note(
                "Every column of this domain is read at once; a null in one of them stops the migration.",
            );
        }
    }
    Ok(if step.statements.is_empty() { Vec::new() } else { vec![step] })
}

pub(super) fn alter_composite(
    sides: Sides<'_>,
    before: &Object,
    after: &Object,
) -> Result<Vec<Step>, Refusal> {
    let name = &after.id.name;
    let (had, has) = (attributes(before), attributes(after));
    let mut statements = Vec::new();
    for (attribute, kind) in &has {
        match had.iter().find(|(known, _)| known == attribute) {
            None => statements.push(format!("alter type {name} add attribute {attribute} {kind} cascade")),
            Some((_, was)) if was != kind => {
                let whole = format!("{name}.{attribute}");
                if let Some(column) =
                    sides.before.dependents(&after.id).into_iter().find(|id| id.kind == Kind::Column)
                {
                    return Err(format!(
                        "The attribute {whole} changes from {was} to {kind}, which PostgreSQL refuses while the {column} holds \
                         values of it. Declare a new type, and a new column beside the old one."
                    ));
                }
                if conversion(was, kind) == Conversion::Loses && !sides.request.allows(&whole) {
                    return Err(format!(
                        "The attribute {whole} changes from {was} to {kind}, which may change values. If that is meant: --allow-loss '{whole}'"
                    ));
                }
                statements.push(format!("alter type {name} alter attribute {attribute} type {kind} cascade"));
            }
            Some(_) => {}
        }
    }
    for (attribute, _) in had.iter().filter(|(attribute, _)| !has.iter().any(|(kept, _)| kept == attribute)) {
        let whole = format!("{name}.{attribute}");
        if !sides.request.allows(&whole) {
            return Err(format!(
                "The attribute {whole} is gone from the declaration; dropping it would lose what it holds. If that is meant: \
                 --allow-loss '{whole}'. If it was renamed: --rename '{whole}=NEW_NAME'"
            ));
        }
        statements.push(format!("alter type {name} drop attribute {attribute} cascade"));
    }
    Ok(if statements.is_empty() {
        Vec::new()
    } else {
        vec![Step::new(&after.id, Placement::Together, statements)]
    })
}

pub(in super::super) fn values(object: &Object) -> Vec<String> {
    serde_json::from_str(object.text("values")).unwrap_or_default()
}

pub(in super::super) fn attributes(object: &Object) -> Vec<(String, String)> {
    serde_json::from_str(object.text("attributes")).unwrap_or_default()
}
