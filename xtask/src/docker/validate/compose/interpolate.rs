//! `${NAME:-default}` in values.

use super::{
    super::stages::{Variable, pieces},
    yaml::{Node, Place, Value},
};

/// One place that asks for a variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub name: String,
    pub place: Place,
}

/// Puts defaults in; a variable without one stays as `${NAME}`, which says that somebody has to set it.
pub fn all(node: &mut Node, uses: &mut Vec<Use>) {
    match &mut node.value {
        Value::Scalar(text) => {
            if text.contains('$') {
                *text = one(text, &node.place, uses);
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| all(item, uses)),
        Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| all(node, uses)),
        Value::Null => {}
    }
}

fn one(text: &str, place: &Place, uses: &mut Vec<Use>) -> String {
    let mut settled = String::new();
    // A backslash means nothing to Compose; two dollars are one that a shell sees later.
    for piece in pieces(&text.replace('\\', "\u{1}")) {
        match piece {
            Err(plain) => settled += &plain.replace("$$", "$").replace('\u{1}', "\\"),
            Ok(Variable { name, operator }) => {
                uses.push(Use { name: name.clone(), place: place.clone() });
                let operator = operator.replace('\u{1}', "\\");
                match operator.trim_start_matches(':').strip_prefix('-') {
                    Some(default) => settled += &one(default, place, uses),
                    None if operator.trim_start_matches(':').starts_with('+') => {}
                    None => settled += &format!("${{{name}}}"),
                }
            }
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn defaults_are_put_in_and_names_are_kept_with_their_line() {
        let mut root = yaml::parse("f", "a: ${A:-x${B-y}}\nb: ${C:?set C}$$D\nc: '${E:+z}\\d'\n").unwrap();
        let mut uses = Vec::new();
        all(&mut root, &mut uses);
        let value = |key: &str| root.get(key).unwrap().text().unwrap();
        assert_eq!((value("a"), value("b"), value("c")), ("xy", "${C}$D", "\\d"));
        let names: Vec<_> = uses.iter().map(|used| (used.name.as_str(), used.place.line)).collect();
        assert_eq!(names, [("A", 1), ("B", 1), ("C", 2), ("E", 3)]);
    }
}
