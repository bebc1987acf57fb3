//! Columns and their defaults: inside a new table, added to one that holds rows, and changed in place.

use super::{
    super::{
        loss::{Conversion, conversion},
        step::{Placement, Step},
    },
    Refusal, Sides, grants, inline, sequence,
};
use crate::catalog::{Id, Kind, Object};

/// The line of a column inside `create table`, or after `add column`.
pub(super) fn definition(sides: Sides<'_>, column: &Object) -> String {
    let mut line = format!("{} {}", column.own_name(), column.text("type"));
    line.push_str(column.facet("collation").unwrap_or_default());
    if let Some(name) = column.facet("not null").filter(|_| column.facet("identity").is_none()) {
        let usual = format!("{}_{}_not_null", unquoted(column.parent()), unquoted(column.own_name()));
        if name != "unnamed" && unquoted(name) != usual && is_declared_not_null(sides, column) {
            line.push_str(&format!(" constraint {name}"));
        }
        line.push_str(" not null");
    }
    if let Some(default) = sides.declared.get(Kind::Default, &column.id.name)
        && inline::is_inline(sides, &default.id)
    {
        line.push_str(&format!(" default {}", default.text("expression")));
    }
    line.push_str(&generation(column));
    line
}

/// A primary key makes its columns not null under a name of its own.
fn is_declared_not_null(sides: Sides<'_>, column: &Object) -> bool {
    let keys = sides.declared.children(Kind::PrimaryKey, column.parent());
    !keys.iter().any(|key| sides.declared.needs(&key.id).any(|need| *need == column.id))
}

fn generation(column: &Object) -> String {
    if let Some(expression) = column.facet("generated") {
        return format!(" generated always as ({expression}) {}", column.text("generation"));
    }
    column.facet("identity").map(|how| format!(" {}", identity(column, how))).unwrap_or_default()
}

fn identity(column: &Object, how: &str) -> String {
    let options = column.text("identity options");
    let mut inside = Vec::new();
    let usual = format!("{}_{}_seq", unquoted(column.parent()), unquoted(column.own_name()));
    if column.facet("identity sequence").is_some_and(|name| unquoted(name) != usual) {
        inside.push(format!("sequence name {}", column.text("identity sequence")));
    }
    let changed = sequence::identity_options(options);
    inside.extend((!changed.is_empty()).then_some(changed));
    let inside = if inside.is_empty() { String::new() } else { format!(" ({})", inside.join(" ")) };
    format!("generated {how} as identity{inside}")
}

/// What `create table` and `add column` have no words for, or not in every version.
pub(super) fn afterwards(column: &Object) -> Vec<String> {
    let alter = format!("alter table {} alter column {}", column.parent(), column.own_name());
    let mut statements = settings(None, column, &alter);
    statements.extend(
        column
            .facet("comment")
            .map(|text| format!("comment on column {} is {}", column.id.name, super::literal(text))),
    );
    statements.extend(grants(column, "[]", column.facet("grants").unwrap_or("[]")));
    statements
}

/// A column of a table that may hold rows.
pub(super) fn add(sides: Sides<'_>, column: &Object) -> Result<Vec<Step>, Refusal> {
    let (table, name) = (column.parent(), &column.id.name);
    let default = sides.declared.get(Kind::Default, name);
    let filled =
        default.is_some() || column.facet("identity").is_some() || column.facet("generated").is_some();
    let mut notes = Vec::new();
    if column.facet("generation") == Some("stored")
        || column.facet("identity").is_some()
        || default.is_some_and(|default| default.facet("volatile").is_some())
    {
        notes.push(format!("Rewrites {table} to give each row a value, and locks it meanwhile."));
    }
    let mut steps = Vec::new();
    if column.facet("not null").is_some() && !filled {
        let Some(expression) = sides.request.backfill(name) else {
            return Err(format!(
                "The column {name} is new, not null and without a default: rows that are there would have no value. Declare a \
                 default, or say what they get: --backfill '{name}=EXPRESSION'"
            ));
        };
        let nullable = Object { facets: without(column, "not null"), ..column.clone() };
        steps.push(Step::one(
            &column.id,
            format!("alter table {table} add column {}", definition(sides, &nullable)),
        ));
        steps.push(
            Step::next(
                &column.id,
                format!(
                    "update {table} set {} = {expression} where {} is null",
                    column.own_name(),
                    column.own_name()
                ),
            )
            .note(
                "All rows are written once. On a large table, fill them in portions before this migration.",
            ),
        );
        steps.extend(not_null(column));
    } else {
        steps.push(Step::one(
            &column.id,
            format!("alter table {table} add column {}", definition(sides, column)),
        ));
    }
    if let Some(first) = steps.first_mut() {
        first.notes.extend(notes);
        first.statements.extend(settings(
            None,
            column,
            &format!("alter table {table} alter column {}", column.own_name()),
        ));
    }
    Ok(steps)
}

fn without(column: &Object, facet: &str) -> std::collections::BTreeMap<String, String> {
    let mut facets = column.facets.clone();
    facets.remove(facet);
    facets
}

/// Sets `not null` in steps: the rows are read under a lock that lets others write.
fn not_null(column: &Object) -> Vec<Step> {
    let (id, table, own) = (&column.id, column.parent(), column.own_name());
    let check = quoted(&format!("{}_{}_is_set", unquoted(table), unquoted(own)));
    let mut last = vec![
        format!("alter table {table} alter column {own} set not null"),
        format!("alter table {table} drop constraint {check}"),
    ];
    let usual = format!("{}_{}_not_null", unquoted(table), unquoted(own));
    if let Some(name) = column.facet("not null").filter(|name| *name != "unnamed" && unquoted(name) != usual)
    {
        last.push(format!("alter table {table} rename constraint {} to {name}", quoted(&usual)));
    }
    vec![
        Step::one(
            id,
            format!("alter table {table} add constraint {check} check ({own} is not null) not valid"),
        ),
        Step::next(id, format!("alter table {table} validate constraint {check}")),
        Step::new(id, Placement::NextTransaction, last),
    ]
}

pub(super) fn alter(sides: Sides<'_>, before: &Object, after: &Object) -> Result<Vec<Step>, Refusal> {
    let (table, own, name) = (after.parent(), after.own_name(), &after.id.name);
    let alter = format!("alter table {table} alter column {own}");
    let mut steps = Vec::new();
    let mut first = Step::new(&after.id, Placement::Together, Vec::new());
    if before.facet("generated").is_some() && after.facet("generated").is_none() {
        first.statements.push(format!("{alter} drop expression"));
    }
    if before.facet("identity").is_some() && after.facet("identity").is_none() {
        first.statements.push(format!("{alter} drop identity"));
    }
    let retyped =
        (before.text("type"), before.facet("collation")) != (after.text("type"), after.facet("collation"));
    if retyped {
        let (from, to) = (before.text("type"), after.text("type"));
        if conversion(from, to) == Conversion::Loses && !sides.request.allows(name) {
            return Err(format!(
                "The column {name} changes from {from} to {to}, which may round, cut or change values. If that is meant: \
                 --allow-loss '{name}'"
            ));
        }
        let collation = after.facet("collation").unwrap_or_default();
        first.statements.push(format!("{alter} type {to}{collation}{}", using(own, from, to)));
        if !keeps_rows(from, to) {
            first = first.note(format!("Rewrites {table}, and blocks reads and writes meanwhile."));
        }
        if [from, to].iter().any(|kind| kind.contains("without time zone"))
            && [from, to].iter().any(|kind| kind.contains("with time zone"))
        {
            first = first.note("Times are read in the time zone of the session that migrates; set it first if that is not UTC.");
        }
    }
    first.statements.extend(settings(Some(before), after, &alter));
    if !first.statements.is_empty() {
        steps.push(first);
    }
    match (before.facet("not null"), after.facet("not null")) {
        (None, Some(_)) => {
            if let Some(expression) = sides.request.backfill(name) {
                steps.push(
                    Step::one(
                        &after.id,
                        format!("update {table} set {own} = {expression} where {own} is null"),
                    )
                    .note("All rows without a value are written once."),
                );
            }
            steps.extend(not_null(after));
        }
        (Some(_), None) => steps.push(Step::one(&after.id, format!("{alter} drop not null"))),
        (Some(had), Some(has)) if had != has => {
            steps.push(Step::one(&after.id, format!("alter table {table} rename constraint {had} to {has}")));
        }
        _ => {}
    }
    steps.extend(identity_steps(before, after, &alter));
    Ok(steps)
}

fn identity_steps(before: &Object, after: &Object, alter: &str) -> Vec<Step> {
    let (table, own, id) = (after.parent(), after.own_name(), &after.id);
    match (before.facet("identity"), after.facet("identity")) {
        (None, Some(how)) => vec![Step::new(
            id,
            Placement::Together,
            vec![
                format!("{alter} add {}", identity(after, how)),
                format!(
                    "select setval(pg_get_serial_sequence({}, {}), coalesce(max({own}), 0) + 1, false) from {table}",
                    super::literal(table),
                    super::literal(&unquoted(own))
                ),
            ],
        )
        .note("New rows are numbered after those that are there.")],
        (Some(had), Some(has)) => {
            let mut step = Step::new(id, Placement::Together, Vec::new());
            if had != has {
                step.statements.push(format!("{alter} set generated {has}"));
            }
            let (old, new) = (before.text("identity sequence"), after.text("identity sequence"));
            if old != new {
                step.statements.push(format!("alter sequence {old} rename to {}", new.rsplit('.').next().unwrap_or(new)));
            }
            let (was, is) = (before.text("identity options"), after.text("identity options"));
            if was != is {
                step.statements.push(format!("alter sequence {new} {}", sequence::changed_options(was, is)));
            }
            if step.statements.is_empty() { Vec::new() } else { vec![step] }
        }
        _ => Vec::new(),
    }
}

pub(super) fn set_default(sides: Sides<'_>, default: &Object) -> Step {
    let (table, column, expression) =
        (default.text("table"), default.text("column"), default.text("expression"));
    let step =
        Step::one(&default.id, format!("alter table {table} alter column {column} set default {expression}"));
    if sides.exists(Kind::Table, table) {
        step.note("Rows that are there keep what they have.")
    } else {
        step
    }
}

fn settings(before: Option<&Object>, after: &Object, alter: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let changed = |facet: &str| before.and_then(|column| column.facet(facet)) != after.facet(facet);
    if changed("storage") {
        statements.push(format!("{alter} set storage {}", after.facet("storage").unwrap_or("default")));
    }
    if changed("compression") {
        statements
            .push(format!("{alter} set compression {}", after.facet("compression").unwrap_or("default")));
    }
    if changed("statistics") {
        statements.push(format!("{alter} set statistics {}", after.facet("statistics").unwrap_or("-1")));
    }
    if changed("options") {
        statements.extend(before.and_then(|column| column.facet("options")).map(|had| {
            let names: Vec<_> = had
                .trim_matches(['{', '}'])
                .split(',')
                .map(|option| option.split('=').next().unwrap_or(option))
                .collect();
            format!("{alter} reset ({})", names.join(", "))
        }));
        statements.extend(
            after.facet("options").map(|has| format!("{alter} set ({})", has.trim_matches(['{', '}']))),
        );
    }
    statements
}

/// How values become the new type. Text of limited length takes what fits and refuses the rest only when it is
/// assigned; a cast would cut without a word.
fn using(own: &str, from: &str, to: &str) -> String {
    let base = |name: &str| name.split('(').next().unwrap_or(name).to_owned();
    let takes_anything = to.starts_with("character") || to == "text";
    if base(from) == base(to) || takes_anything && !to.ends_with("[]") {
        String::new()
    } else {
        format!(" using {own}::{to}")
    }
}

/// Whether only the catalog changes.
fn keeps_rows(from: &str, to: &str) -> bool {
    conversion(from, to) == Conversion::Keeps
        && (to == "text" || to.starts_with("character varying"))
        && (from == "text" || from.starts_with("character varying"))
}

/// A name without its quotes and its schema, as in the names PostgreSQL derives from it.
fn unquoted(name: &str) -> String {
    match name.strip_suffix('"') {
        Some(rest) => rest
            .rsplit_once(".\"")
            .map_or(rest.trim_start_matches('"'), |(_, last)| last)
            .replace("\"\"", "\""),
        None => name.rsplit('.').next().unwrap_or(name).to_owned(),
    }
}

fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether the column has to be dropped and created again, which recomputes its values.
pub(in super::super) fn needs_rebuild(before: &Object, after: &Object) -> bool {
    let (had, has) = (before.facet("generated"), after.facet("generated"));
    match (had, has) {
        (None, None) => false,
        (Some(_), None) => before.facet("generation") == Some("virtual"),
        _ => {
            (had, before.facet("generation"), before.text("type"))
                != (has, after.facet("generation"), after.text("type"))
        }
    }
}

/// Whether the values of a column are its own, and lost when it goes.
pub(in super::super) fn holds_values(column: &Object) -> bool {
    column.facet("generated").is_none()
}

/// Whether the type of a column changes in place.
pub(in super::super) fn is_retyped(before: &Object, after: &Object) -> bool {
    (before.text("type"), before.facet("collation")) != (after.text("type"), after.facet("collation"))
}

/// The column that a default belongs to.
pub(in super::super) fn of_default(default: &Id) -> Id {
    Id { kind: Kind::Column, name: default.name.clone() }
}
