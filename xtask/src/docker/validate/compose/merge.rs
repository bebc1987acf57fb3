//! One Compose file laid over another, as the Compose specification says it.

use super::yaml::{Key, Node, Value};

/// Lists that are replaced as a whole.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Lists of pairs, which are mappings in another form.
const PAIRS: [&str; 8] =
    ["environment", "labels", "args", "extra_hosts", "sysctls", "annotations", "depends_on", "networks"];

pub fn over(below: Node, above: Node) -> Node {
    node("", below, above)
}

/// A file on its own: only its `!reset` mean something.
pub fn settled(mut node: Node) -> Node {
    match &mut node.value {
        Value::Map(entries) => {
            let kept = std::mem::take(entries).into_iter().filter(|(_, node)| !is(node, "reset"));
            *entries = kept.map(|(key, node)| (key, settled(node))).collect();
        }
        Value::List(items) => *items = std::mem::take(items).into_iter().map(settled).collect(),
        _ => {}
    }
    node
}

fn is(node: &Node, tag: &str) -> bool {
    node.tag.as_deref() == Some(tag)
}

fn node(name: &str, below: Node, above: Node) -> Node {
    if is(&above, "override") || REPLACED.contains(&name) {
        return settled(above);
    }
    let pairs = PAIRS.contains(&name)
        && (matches!(below.value, Value::Map(_)) || matches!(above.value, Value::Map(_)));
    let (below, above) = if pairs { (as_map(name, below), as_map(name, above)) } else { (below, above) };
    let place = above.place.clone();
    let value = match (below.value, above.value) {
        (Value::Map(below), Value::Map(above)) => Value::Map(maps(below, above)),
        (Value::List(below), Value::List(above)) => Value::List(lists(name, below, above)),
        // Nothing said above leaves what is below.
        (below, Value::Null) => return Node { place: below_place(&place, &below), tag: None, value: below },
        (_, above) => above,
    };
    settled(Node { place, tag: None, value })
}

fn below_place(above: &super::yaml::Place, below: &Value) -> super::yaml::Place {
    match below {
        Value::Map(entries) => entries.first().map_or_else(|| above.clone(), |(key, _)| key.place.clone()),
        Value::List(items) => items.first().map_or_else(|| above.clone(), |node| node.place.clone()),
        _ => above.clone(),
    }
}

fn maps(mut below: Vec<(Key, Node)>, above: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    for (key, over) in above {
        let known = below.iter().position(|(known, _)| known.text == key.text);
        match known {
            Some(at) if is(&over, "reset") => drop(below.remove(at)),
            Some(at) => {
                let (_, under) = below.remove(at);
                let merged = node(&key.text, under, over);
                below.insert(at, (key, merged));
            }
            None if is(&over, "reset") => {}
            None => below.push((key, settled(over))),
        }
    }
    below
}

fn lists(name: &str, below: Vec<Node>, above: Vec<Node>) -> Vec<Node> {
    // A volume at the same place, or the same variable, is the one above; else both lists hold.
    let identity = |node: &Node| -> Option<String> {
        let text = node.text();
        match name {
            "volumes" => {
                let target = text.map(|text| text.split(':').nth(1).unwrap_or(text).to_owned());
                target.or_else(|| node.get("target")?.text().map(str::to_owned))
            }
            _ if PAIRS.contains(&name) => text.map(|text| text.split('=').next().unwrap_or(text).to_owned()),
            _ => text.map(str::to_owned),
        }
    };
    let mut merged = below;
    for over in above {
        let same = identity(&over)
            .and_then(|id| merged.iter().position(|under| identity(under).as_ref() == Some(&id)));
        match same {
            Some(at) => merged[at] = over,
            None => merged.push(over),
        }
    }
    merged
}

fn as_map(name: &str, node: Node) -> Node {
    let Value::List(items) = node.value else { return node };
    let entries = items.into_iter().filter_map(|item| {
        let text = item.text()?.to_owned();
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key.to_owned(), Value::Scalar(value.to_owned())),
            None => (text, Value::Null),
        };
        let value = match (name, value) {
            ("depends_on", _) => Value::Map(Vec::new()),
            (_, value) => value,
        };
        let place = item.place.clone();
        Some((Key { text: key, place: place.clone() }, Node { place, tag: None, value }))
    });
    Node { place: node.place, tag: node.tag, value: Value::Map(entries.collect()) }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn one_file_lies_over_another_as_compose_does_it() {
        let below = "services:\n  a:\n    command: [x, y]\n    environment: [P=1, Q=2]\n    ports: ['1:1']\n    volumes: [v:/d, w:/e]\n";
        let above = "services:\n  a:\n    command: [z]\n    environment:\n      Q: 3\n    ports: !reset []\n    volumes: [u:/d:ro]\n    read_only: true\n";
        let root = over(yaml::parse("b", below).unwrap(), yaml::parse("a", above).unwrap());
        let a = root.at("services.a").unwrap();
        assert_eq!(a.get("command").unwrap().items().len(), 1);
        assert_eq!(a.at("environment.P").unwrap().text(), Some("1"));
        assert_eq!(a.at("environment.Q").unwrap().text(), Some("3"));
        assert!(a.get("ports").is_none());
        let volumes: Vec<_> = a.get("volumes").unwrap().items().iter().filter_map(Node::text).collect();
        assert_eq!(volumes, ["u:/d:ro", "w:/e"]);
        assert_eq!(
            (&*a.at("environment.P").unwrap().place.file, a.at("read_only").unwrap().place.line),
            ("b", 8)
        );
    }
}
