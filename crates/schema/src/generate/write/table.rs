//! Tables with what is written inside `create table`, partitions, row security and policies.

use super::{
    super::step::{Placement, Step},
    Refusal, Sides, alter_options, column, constraint, inline, options, options_list,
};
use crate::catalog::{Kind, Object};

/// `create table` with its columns, their defaults and the constraints that need nothing made later.
pub(super) fn create(sides: Sides<'_>, table: &Object) -> Step {
    let name = &table.id.name;
    let unlogged = if table.facet("unlogged").is_some() { "unlogged " } else { "" };
    let body = match table.facet("partition of") {
        Some(parent) => {
            format!("create {unlogged}table {name} partition of {parent} {}", table.text("bound"))
        }
        None => {
            let columns = sides
                .declared
                .children(Kind::Column, name)
                .into_iter()
                .map(|column| column::definition(sides, column));
            let inside = [Kind::PrimaryKey, Kind::Unique, Kind::Check, Kind::Exclude].into_iter();
            let constraints = inside
                .flat_map(|kind| sides.declared.children(kind, name))
                .filter(|constraint| inline::is_inline(sides, &constraint.id))
                .map(constraint::clause);
            let lines: Vec<_> = columns.chain(constraints).map(|line| format!("    {line}")).collect();
            format!("create {unlogged}table {name} (\n{}\n)", lines.join(",\n"))
        }
    };
    let partitioned =
        table.facet("partitioned by").map(|key| format!(" partition by {key}")).unwrap_or_default();
    let method = table.facet("access method").map(|method| format!(" using {method}")).unwrap_or_default();
    let options = options(table.facet("options"));
    let with = if options.is_empty() { String::new() } else { format!(" with ({})", options_list(&options)) };
    let mut step = Step::one(&table.id, format!("{body}{partitioned}{method}{with}"));
    for column in sides.declared.children(Kind::Column, name) {
        step.statements.extend(column::afterwards(column));
    }
    step.statements.extend(security(None, table));
    if let Some(identity) = table.facet("replica identity").filter(|identity| !identity.starts_with("using"))
    {
        step.statements.push(format!("alter table {name} replica identity {identity}"));
    }
    step
}

pub(super) fn alter(sides: Sides<'_>, before: &Object, after: &Object) -> Result<Vec<Step>, Refusal> {
    let name = &after.id.name;
    if before.facet("partitioned by") != after.facet("partitioned by") {
        return Err(format!(
            "The table {name} changes how it is partitioned, which PostgreSQL cannot do in place. Declare a new table, copy \
             the rows, and rename the tables in a release of its own."
        ));
    }
    let mut step = Step::new(&after.id, Placement::Together, Vec::new());
    if (before.facet("partition of"), before.facet("bound"))
        != (after.facet("partition of"), after.facet("bound"))
    {
        if let Some(parent) = before.facet("partition of") {
            step.statements.push(format!("alter table {parent} detach partition {name}"));
        }
        if let Some(parent) = after.facet("partition of") {
            step.statements
                .push(format!("alter table {parent} attach partition {name} {}", after.text("bound")));
            step = step.note(
                "Attaching reads the whole table, unless a check constraint already says that its rows fit.",
            );
        }
    }
    if before.facet("unlogged") != after.facet("unlogged") {
        let state = if after.facet("unlogged").is_some() { "unlogged" } else { "logged" };
        step.statements.push(format!("alter table {name} set {state}"));
        step = step.note(format!("Rewrites {name}, and blocks reads and writes meanwhile."));
    }
    if before.facet("access method") != after.facet("access method") {
        let method = after.facet("access method").unwrap_or("heap");
        step.statements.push(format!("alter table {name} set access method {method}"));
        step = step.note(format!("Rewrites {name}, and blocks reads and writes meanwhile."));
    }
    step.statements.extend(alter_options(
        &format!("alter table {name}"),
        before.facet("options"),
        after.facet("options"),
    ));
    if before.facet("replica identity") != after.facet("replica identity") {
        let identity = after.facet("replica identity").unwrap_or("default");
        step.statements.push(format!("alter table {name} replica identity {identity}"));
    }
    step.statements.extend(security(Some(before), after));
    if sides.is_partitioned(name) && !step.statements.is_empty() {
        step = step.note("On a partitioned table this holds for partitions that are there as far as PostgreSQL hands it down.");
    }
    Ok(if step.statements.is_empty() { Vec::new() } else { vec![step] })
}

fn security(before: Option<&Object>, after: &Object) -> Vec<String> {
    let mut statements = Vec::new();
    let changed = |facet: &str| before.and_then(|table| table.facet(facet)) != after.facet(facet);
    if changed("row security") {
        let state = if after.facet("row security").is_some() { "enable" } else { "disable" };
        statements.push(format!("alter table {} {state} row level security", after.id.name));
    }
    if changed("forced row security") {
        let state = if after.facet("forced row security").is_some() { "force" } else { "no force" };
        statements.push(format!("alter table {} {state} row level security", after.id.name));
    }
    statements
}

pub(super) fn create_policy(policy: &Object) -> Step {
    let using = policy.facet("using").map(|text| format!(" using ({text})")).unwrap_or_default();
    let check = policy.facet("check").map(|text| format!(" with check ({text})")).unwrap_or_default();
    Step::one(
        &policy.id,
        format!(
            "create policy {} on {} as {} for {} to {}{using}{check}",
            policy.own_name(),
            policy.parent(),
            policy.text("permissive"),
            policy.text("command"),
            policy.text("roles"),
        ),
    )
}
