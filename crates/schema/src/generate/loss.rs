//! What a change of a column's type does to values: keeps them, refuses some of them, or changes them.

/// How safe a conversion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conversion {
    /// Every value keeps all it says.
    Keeps,
    /// A value that does not fit stops the migration; nothing is changed then.
    Checks,
    /// A value may be rounded, cut or changed without a word.
    Loses,
}

/// Judges a conversion by the types' names as `format_type` prints them. What is not known to be safe loses.
pub(super) fn conversion(from: &str, to: &str) -> Conversion {
    use Conversion::{Checks, Keeps, Loses};
    if let (Some(from), Some(to)) = (from.strip_suffix("[]"), to.strip_suffix("[]")) {
        return conversion(from, to);
    }
    let ((from, from_limits), (to, to_limits)) = (parts(from), parts(to));
    let integer = |name: &str| ["smallint", "integer", "bigint"].iter().position(|known| *known == name);
    let unlimited_text = matches!(to.as_str(), "text" | "character varying") && to_limits.is_empty();
    match (from.as_str(), to.as_str()) {
        (a, b) if a == b => same_type(a, &from_limits, &to_limits),
        ("json", "jsonb") => Loses,
        ("jsonb", "json") => Keeps,
        _ if unlimited_text => Keeps,
        ("text" | "character varying", "character varying") => Checks,
        (a, b) if integer(a).is_some() && integer(b).is_some() => {
            if integer(a) < integer(b) {
                Keeps
            } else {
                Checks
            }
        }
        (a, "numeric") if integer(a).is_some() => {
            if to_limits.is_empty() {
                Keeps
            } else {
                Checks
            }
        }
        ("smallint" | "integer", "double precision")
        | ("smallint", "real")
        | ("real", "double precision") => Keeps,
        ("boolean", "integer") | ("date", "timestamp without time zone" | "timestamp with time zone") => {
            Keeps
        }
        ("timestamp without time zone", "timestamp with time zone")
        | ("timestamp with time zone", "timestamp without time zone") => Keeps,
        ("text" | "character varying", b)
            if integer(b).is_some() || matches!(b, "boolean" | "uuid" | "inet" | "cidr" | "json") =>
        {
            Checks
        }
        _ => Loses,
    }
}

fn same_type(name: &str, from: &[i64], to: &[i64]) -> Conversion {
    use Conversion::{Checks, Keeps, Loses};
    match (name, from, to) {
        (_, a, b) if a == b => Keeps,
        (_, _, []) => Keeps,
        ("numeric", [p, s], [q, t]) if t >= s && q - t >= p - s => Keeps,
        ("numeric", [_, s], [_, t]) if t >= s => Checks,
        ("character varying" | "bit varying", [a], [b]) if b >= a => Keeps,
        ("character varying" | "bit varying", ..) => Checks,
        ("character", [a], [b]) if b >= a => Keeps,
        (
            "timestamp without time zone"
            | "timestamp with time zone"
            | "time without time zone"
            | "time with time zone",
            [a],
            [b],
        ) if b >= a => Keeps,
        ("vector" | "halfvec" | "sparsevec", ..) => Checks,
        _ => Loses,
    }
}

/// `character varying(10)` is `character varying` with the limits `[10]`; `timestamp(3) with time zone` likewise.
fn parts(name: &str) -> (String, Vec<i64>) {
    let Some((head, rest)) = name.split_once('(') else { return (name.to_owned(), Vec::new()) };
    let Some((limits, tail)) = rest.split_once(')') else { return (name.to_owned(), Vec::new()) };
    let limits = limits.split(',').filter_map(|limit| limit.trim().parse().ok()).collect();
    let mut limits: Vec<i64> = limits;
    if head == "numeric" && limits.len() == 1 {
        limits.push(0);
    }
    (format!("{head}{tail}"), limits)
}

#[cfg(test)]
mod tests {
    use super::{
        Conversion::{Checks, Keeps, Loses},
        conversion,
    };

    #[test]
    fn a_conversion_is_judged_by_what_it_does_to_values() {
        for (from, to, expected) in [
            ("integer", "bigint", Keeps),
            ("bigint", "integer", Checks),
            ("character varying(20)", "text", Keeps),
            ("character varying(20)", "character varying(10)", Checks),
            ("character varying(10)", "character varying(20)", Keeps),
            ("text", "integer", Checks),
            ("text", "date", Loses),
            ("integer[]", "bigint[]", Keeps),
            ("numeric(10,2)", "numeric(12,2)", Keeps),
            ("numeric(10,2)", "numeric(8,2)", Checks),
            ("numeric(10,2)", "numeric(10,0)", Loses),
            ("numeric(10)", "numeric(12)", Keeps),
            ("double precision", "integer", Loses),
            ("bigint", "double precision", Loses),
            ("timestamp with time zone", "date", Loses),
            ("timestamp(6) with time zone", "timestamp(3) with time zone", Loses),
            ("timestamp(3) with time zone", "timestamp with time zone", Keeps),
            ("json", "jsonb", Loses),
            ("my_enum", "text", Keeps),
        ] {
            assert_eq!(conversion(from, to), expected, "{from} to {to}");
        }
    }
}
