//! One service, in whichever of Compose's forms it is written.

use super::yaml::{Node, Place, Value};
use crate::docker::validate::dockerfile::Form;

#[derive(Debug)]
pub struct Service {
    pub name: String,
    pub place: Place,
    pub node: Node,
    pub image: Option<(String, Place)>,
    pub build: Option<Build>,
    pub healthcheck: Option<Healthcheck>,
    pub dependencies: Vec<Dependency>,
    pub ports: Vec<Port>,
    pub mounts: Vec<Mount>,
    pub networks: Vec<(String, Place)>,
    pub environment: Vec<(String, Option<String>, Place)>,
    pub secrets: Vec<(String, Place)>,
    pub restart: Option<(String, Place)>,
    pub profiles: Vec<String>,
}

#[derive(Debug)]
pub struct Build {
    pub place: Place,
    /// What relative paths count from: the folder of the first Compose file.
    pub folder: String,
    pub context: String,
    pub dockerfile: Option<String>,
    pub target: Option<(String, Place)>,
    pub arguments: Vec<(String, Option<String>, Place)>,
}

#[derive(Debug)]
pub struct Healthcheck {
    pub place: Place,
    pub disabled: bool,
    pub command: Option<Form>,
}

#[derive(Debug)]
pub struct Dependency {
    pub on: String,
    pub condition: Option<String>,
    pub place: Place,
}

#[derive(Debug)]
pub struct Port {
    pub place: Place,
    /// Only this machine reaches it.
    pub is_local: bool,
    /// The port in the container.
    pub target: String,
}

#[derive(Debug)]
pub struct Mount {
    pub place: Place,
    /// Nothing for an anonymous volume or a tmpfs.
    pub source: Option<String>,
    pub target: String,
    pub is_bind: bool,
}

pub fn all(root: &Node, folder: &str) -> Vec<Service> {
    let services = root.get("services").map(Node::entries).unwrap_or_default();
    services.iter().map(|(key, node)| one(&key.text, &key.place, node, folder)).collect()
}

fn one(name: &str, place: &Place, node: &Node, folder: &str) -> Service {
    let text =
        |key: &str| node.get(key).and_then(|found| Some((found.text()?.to_owned(), found.place.clone())));
    let list = |key: &str| node.get(key).map(Node::items).unwrap_or_default();
    Service {
        name: name.to_owned(),
        place: place.clone(),
        node: node.clone(),
        image: text("image"),
        build: node
            .get("build")
            .filter(|node| !matches!(node.value, Value::Null))
            .map(|node| build(node, folder)),
        healthcheck: node.get("healthcheck").map(healthcheck),
        dependencies: node.get("depends_on").map(dependencies).unwrap_or_default(),
        ports: list("ports").iter().filter_map(port).collect(),
        mounts: list("volumes").iter().filter_map(mount).collect(),
        networks: node.get("networks").map(names).unwrap_or_default(),
        environment: node.get("environment").map(Node::pairs).unwrap_or_default(),
        secrets: node.get("secrets").map(names).unwrap_or_default(),
        restart: text("restart"),
        profiles: list("profiles").iter().filter_map(|node| node.text().map(str::to_owned)).collect(),
    }
}

fn build(node: &Node, folder: &str) -> Build {
    let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    Build {
        place: node.place.clone(),
        folder: folder.to_owned(),
        context: node.text().map(str::to_owned).or_else(|| text("context")).unwrap_or_else(|| ".".to_owned()),
        dockerfile: text("dockerfile"),
        target: node.get("target").and_then(|target| Some((target.text()?.to_owned(), target.place.clone()))),
        arguments: node.get("args").map(Node::pairs).unwrap_or_default(),
    }
}

fn healthcheck(node: &Node) -> Healthcheck {
    let test = node.get("test");
    let words: Vec<String> = test
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|word| word.text().map(str::to_owned))
        .collect();
    let command = match (words.split_first(), test.and_then(Node::text)) {
        (Some((first, rest)), _) if first == "CMD" => Some(Form::Exec(rest.to_vec())),
        (Some((first, rest)), _) if first == "CMD-SHELL" => Some(Form::Shell(rest.join(" "))),
        (None, Some(text)) if text != "NONE" => Some(Form::Shell(text.to_owned())),
        _ => None,
    };
    let none = words.first().map(String::as_str) == Some("NONE") || test.and_then(Node::text) == Some("NONE");
    Healthcheck {
        place: node.place.clone(),
        disabled: none || node.get("disable").is_some_and(Node::is_true),
        command,
    }
}

fn dependencies(node: &Node) -> Vec<Dependency> {
    let long = node.entries().iter().map(|(key, node)| Dependency {
        on: key.text.clone(),
        condition: node.get("condition").and_then(Node::text).map(str::to_owned),
        place: key.place.clone(),
    });
    let short = node.items().iter().filter_map(|item| {
        Some(Dependency { on: item.text()?.to_owned(), condition: None, place: item.place.clone() })
    });
    long.chain(short).collect()
}

/// Names in a list, in a mapping, or in a list of mappings with `source`.
fn names(node: &Node) -> Vec<(String, Place)> {
    let keys = node.entries().iter().map(|(key, _)| (key.text.clone(), key.place.clone()));
    let items = node.items().iter().filter_map(|item| {
        let name = item.text().or_else(|| item.get("source")?.text())?;
        Some((name.to_owned(), item.place.clone()))
    });
    keys.chain(items).collect()
}

fn port(node: &Node) -> Option<Port> {
    let place = node.place.clone();
    if let Some(target) = node.get("target") {
        let is_local = node.get("host_ip").and_then(Node::text).is_some_and(is_loopback);
        return Some(Port { place, is_local, target: target.text()?.to_owned() });
    }
    let text = node.text()?;
    let target = text.split('/').next().unwrap_or(text).rsplit(':').next()?;
    Some(Port { place, is_local: is_loopback(text), target: target.to_owned() })
}

/// An address, or a mapping that begins with one.
fn is_loopback(text: &str) -> bool {
    ["127.", "[::1]", "::1", "localhost"].iter().any(|address| text.starts_with(address))
}

fn mount(node: &Node) -> Option<Mount> {
    let place = node.place.clone();
    if let Some(kind) = node.get("type").and_then(Node::text) {
        return Some(Mount {
            place,
            source: node.get("source").and_then(Node::text).map(str::to_owned),
            target: node.get("target")?.text()?.to_owned(),
            is_bind: kind == "bind",
        });
    }
    let text = node.text()?;
    let mut parts = text.split(':');
    let (first, second) = (parts.next()?, parts.next());
    let (source, target) = match second {
        Some(target) => (Some(first.to_owned()), target),
        None => (None, first),
    };
    let is_bind = source.as_deref().is_some_and(|source| source.starts_with(['.', '/', '~', '$']));
    Some(Mount { place, source, target: target.to_owned(), is_bind })
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn short_and_long_forms_say_the_same() {
        let short = "services:\n  a:\n    build: .\n    depends_on: [b]\n    ports: ['127.0.0.1:80:8080/tcp', '[::1]:1:2', '9']\n    volumes: [v:/d, ./x:/y:ro, /z]\n    healthcheck:\n      test: [CMD, /a, b]\n";
        let root = yaml::parse("f", short).unwrap();
        let a = &all(&root, "")[0];
        assert_eq!(a.build.as_ref().unwrap().context, ".");
        assert_eq!((a.dependencies[0].on.as_str(), a.dependencies[0].condition.as_deref()), ("b", None));
        let ports: Vec<_> = a.ports.iter().map(|port| port.target.as_str()).collect();
        assert_eq!(ports, ["8080", "2", "9"]);
        let mounts: Vec<_> = a.mounts.iter().map(|mount| (mount.source.as_deref(), mount.is_bind)).collect();
        assert_eq!(mounts, [(Some("v"), false), (Some("./x"), true), (None, false)]);
        assert_eq!(a.healthcheck.as_ref().unwrap().command, Some(Form::Exec(vec!["/a".into(), "b".into()])));
    }
}
