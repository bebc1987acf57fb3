//! YAML with the place of every value.

use saphyr_parser::{Event, Parser, ScalarStyle};
use std::{collections::BTreeMap, rc::Rc};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: Rc<str>,
    pub line: usize,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub place: Place,
    /// `!reset` and `!override`.
    pub tag: Option<String>,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub struct Key {
    pub text: String,
    pub place: Place,
}

impl Node {
    pub fn null(place: Place) -> Self {
        Self { place, tag: None, value: Value::Null }
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// The place of a key, rather than of its value.
    pub fn place_of(&self, key: &str) -> Option<&Place> {
        self.entries().iter().find(|(known, _)| known.text == key).map(|(known, _)| &known.place)
    }

    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_true(&self) -> bool {
        self.text().is_some_and(|text| matches!(text, "true" | "True" | "TRUE" | "yes" | "on"))
    }

    /// `a.b.c`, step by step.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    /// A text, or the texts of a list.
    pub fn texts(&self) -> Vec<&Self> {
        match &self.value {
            Value::List(items) => items.iter().collect(),
            Value::Scalar(_) => vec![self],
            _ => Vec::new(),
        }
    }

    /// Pairs written as a mapping, or as a list of `NAME=value`; a value may be missing.
    pub fn pairs(&self) -> Vec<(String, Option<String>, Place)> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.text().map(str::to_owned), key.place.clone()))
                .collect(),
            Value::List(items) => items
                .iter()
                .filter_map(|item| {
                    let text = item.text()?;
                    let (name, value) = match text.split_once('=') {
                        Some((name, value)) => (name, Some(value.to_owned())),
                        None => (text, None),
                    };
                    Some((name.to_owned(), value, item.place.clone()))
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The first document of a file, or the line and the words of what is wrong.
pub fn parse(file: &str, text: &str) -> Result<Node, (usize, String)> {
    let file: Rc<str> = file.into();
    let mut builder = Builder { file: file.clone(), open: Vec::new(), anchors: BTreeMap::new(), root: None };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| (error.marker().line(), error.info().to_owned()))?;
        builder.take(event, span.start.line())?;
        if builder.root.is_some() {
            break;
        }
    }
    Ok(builder.root.unwrap_or_else(|| Node::null(Place { file, line: 1 })))
}

struct Builder {
    file: Rc<str>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
}

/// A collection whose end has not come.
struct Open {
    anchor: usize,
    node: Node,
    key: Option<Key>,
    /// What `<<` brings in; a key of the mapping itself goes before it.
    spread: Vec<(Key, Node)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), (usize, String)> {
        let place = Place { file: self.file.clone(), line };
        match event {
            Event::Alias(id) => {
                let mut node =
                    self.anchors.get(&id).cloned().ok_or((line, "an alias of nothing".to_owned()))?;
                // What is said through an alias is said here.
                if self.open.last().is_some_and(|open| open.key.is_none()) {
                    node.place = place;
                }
                self.put(0, node)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let value = if is_null { Value::Null } else { Value::Scalar(text.into_owned()) };
                let tag = tag.map(|tag| tag.suffix.clone());
                self.put(anchor, Node { place, tag, value })?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(anchor, tag.map(|tag| tag.suffix.clone()), Value::List(Vec::new()), place)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(anchor, tag.map(|tag| tag.suffix.clone()), Value::Map(Vec::new()), place)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut open) = self.open.pop() {
                    if let Value::Map(entries) = &mut open.node.value {
                        for (key, node) in open.spread {
                            if !entries.iter().any(|(known, _)| known.text == key.text) {
                                entries.push((key, node));
                            }
                        }
                    }
                    self.put(open.anchor, open.node)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn open(
        &mut self,
        anchor: usize,
        tag: Option<String>,
        value: Value,
        place: Place,
    ) -> Result<(), (usize, String)> {
        const DEEPEST: usize = 100; // A Compose file has six levels; dropping a tree of thousands would cost the stack.
        if self.open.len() >= DEEPEST {
            return Err((place.line, format!("more than {DEEPEST} levels")));
        }
        self.open.push(Open { anchor, node: Node { place, tag, value }, key: None, spread: Vec::new() });
        Ok(())
    }

    fn put(&mut self, anchor: usize, node: Node) -> Result<(), (usize, String)> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match open.key.take() {
                None => {
                    let text = match &node.value {
                        Value::Scalar(text) => text.clone(),
                        Value::Null => String::new(),
                        _ => return Err((node.place.line, "a key is a list or a mapping".to_owned())),
                    };
                    open.key = Some(Key { text, place: node.place });
                }
                Some(key) if key.text == "<<" => {
                    let brought =
                        if matches!(node.value, Value::List(_)) { node.items().to_vec() } else { vec![node] };
                    open.spread.extend(brought.into_iter().flat_map(|node| node.entries().to_vec()));
                }
                Some(key) if entries.iter().any(|(known, _)| known.text == key.text) => {
                    return Err((key.place.line, format!("{} is there twice", key.text)));
                }
                Some(key) => entries.push((key, node)),
            },
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(root: &Node, path: &str) -> usize {
        root.at(path).unwrap().place.line
    }

    #[test]
    fn every_value_knows_its_line() {
        let text = "a: 1\nb:\n  - x\n  - y: \"2\"\n# c\nc: {d: e,\n  f: ~}\n";
        let root = parse("f", text).unwrap();
        assert_eq!((line(&root, "a"), line(&root, "c.d"), line(&root, "c.f")), (1, 6, 7));
        assert_eq!(root.get("b").unwrap().items()[1].place.line, 4);
        assert_eq!(root.place_of("c").unwrap().line, 6);
    }

    #[test]
    fn anchors_and_merged_mappings_are_followed() {
        let text = "x: &x\n  a: 1\n  b: 2\ny:\n  <<: *x\n  b: 3\nz: *x\nw:\n  b: 4\n  <<: [*x]\n";
        let root = parse("f", text).unwrap();
        let value = |path: &str| root.at(path).unwrap().text().unwrap();
        assert_eq!(
            (value("y.a"), value("y.b"), value("z.b"), value("w.a"), value("w.b")),
            ("1", "3", "2", "1", "4")
        );
        assert_eq!(line(&root, "y.a"), 2);
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        assert_eq!(parse("f", "a: 1\na: 2\n").unwrap_err(), (2, "a is there twice".to_owned()));
        assert_eq!(parse("f", "a: [1,\nb: {").unwrap_err().0, 2);
        assert!(parse("f", &"[".repeat(100_000)).is_err());
    }
}
