//! Constraints of tables: added without a long lock where the table may hold rows.

use super::{
    super::step::{Placement, Step},
    Sides,
};
use crate::catalog::{Kind, Object};

pub(super) fn add(sides: Sides<'_>, constraint: &Object) -> Vec<Step> {
    let (id, table, own) = (&constraint.id, constraint.parent(), constraint.own_name());
    let whole = format!("alter table {table} add {}", clause(constraint));
    let unvalidated = constraint.text("validated") == "false";
    if !sides.exists(Kind::Table, table) || unvalidated {
        return vec![Step::one(id, whole)];
    }
    match id.kind {
        Kind::ForeignKey if sides.is_partitioned(table) => {
            vec![Step::one(id, whole).note(format!(
                "A foreign key of a partitioned table is checked at once: {table} takes no writes meanwhile."
            ))]
        }
        Kind::Check | Kind::ForeignKey => {
            vec![Step::one(id, format!("{whole} not valid")), validation(constraint)]
        }
        Kind::PrimaryKey | Kind::Unique
            if !sides.is_partitioned(table) && constraint.text("plain index").starts_with("using btree ") =>
        {
            let index = constraint.text("plain index");
            let word = constraint.id.kind.word();
            let timing = timing(constraint.text("definition"));
            vec![
                Step::alone(
                    id,
                    format!("create unique index concurrently if not exists {own} on {table} {index}"),
                ),
                Step::new(
                    id,
                    Placement::Together,
                    vec![format!(
                        "alter table {table} add constraint {own} {word} using index {own}{timing}"
                    )],
                ),
            ]
        }
        _ => vec![Step::one(id, whole).note(format!(
            "The rows are checked at once: {table} takes no writes until the constraint is built."
        ))],
    }
}

/// `constraint name CHECK (…)`, as in a table's definition.
pub(super) fn clause(constraint: &Object) -> String {
    let unvalidated = if constraint.text("validated") == "false" { " not valid" } else { "" };
    format!("constraint {} {}{unvalidated}", constraint.own_name(), constraint.text("definition"))
}

/// A constraint that is declared as before, but validated now.
pub(super) fn validate(before: &Object, after: &Object) -> Vec<Step> {
    let newly = before.text("validated") == "false" && after.text("validated") == "true";
    if newly { vec![validation(after)] } else { Vec::new() }
}

fn validation(constraint: &Object) -> Step {
    Step::next(
        &constraint.id,
        format!("alter table {} validate constraint {}", constraint.parent(), constraint.own_name()),
    )
}

fn timing(definition: &str) -> &'static str {
    if definition.ends_with("DEFERRABLE INITIALLY DEFERRED") {
        " deferrable initially deferred"
    } else if definition.ends_with(" DEFERRABLE") {
        " deferrable"
    } else {
        ""
    }
}
