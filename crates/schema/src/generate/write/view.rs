//! Views and materialized views.

use super::{
    super::step::{Placement, Step, literal},
    alter_options, options, options_list,
};
use crate::catalog::{Kind, Object};

pub(super) fn create(view: &Object, replace: bool) -> Step {
    let options = options(view.facet("options"));
    let with = if options.is_empty() { String::new() } else { format!(" with ({})", options_list(&options)) };
    let replace = if replace { "or replace " } else { "" };
    let empty = if view.facet("unfilled").is_some() { "\nwith no data" } else { "" };
    let mut step = Step::one(
        &view.id,
        format!(
            "create {replace}{} {}{with} as\n{}{empty}",
            view.id.kind.word(),
            view.id.name,
            view.text("definition")
        ),
    );
    step.statements.extend(column_comments(None, view));
    if view.id.kind == Kind::MaterializedView && empty.is_empty() {
        step = step.note("The query runs once while the migration waits for it.");
    }
    step
}

/// Whether `create or replace` can make `after` of `before`: it keeps all columns and may add some at the end.
pub(in super::super) fn is_replaceable(before: &Object, after: &Object) -> bool {
    let columns =
        |view: &Object| -> Vec<String> { serde_json::from_str(view.text("columns")).unwrap_or_default() };
    after.id.kind == Kind::View && columns(after).starts_with(&columns(before))
}

pub(super) fn alter(before: &Object, after: &Object) -> Vec<Step> {
    if before.facet("definition") != after.facet("definition") {
        return vec![create(after, true)];
    }
    let prefix = format!("alter {} {}", after.id.kind.word(), after.id.name);
    let mut statements = alter_options(&prefix, before.facet("options"), after.facet("options"));
    statements.extend(column_comments(Some(before), after));
    if before.facet("unfilled") != after.facet("unfilled") {
        let data = if after.facet("unfilled").is_some() { "with no data" } else { "with data" };
        statements.push(format!("refresh materialized view {} {data}", after.id.name));
    }
    if statements.is_empty() {
        Vec::new()
    } else {
        vec![Step::new(&after.id, Placement::Together, statements)]
    }
}

fn column_comments(before: Option<&Object>, after: &Object) -> Vec<String> {
    let had = options(before.and_then(|view| view.facet("column comments")));
    let has = options(after.facet("column comments"));
    let on = |column: &str, text: &str| format!("comment on column {}.{column} is {text}", after.id.name);
    let set =
        has.iter().filter(|comment| !had.contains(comment)).map(|(column, text)| on(column, &literal(text)));
    let gone = had.iter().filter(|(column, _)| !has.iter().any(|(kept, _)| kept == column));
    set.chain(gone.map(|(column, _)| on(column, "null"))).collect()
}
