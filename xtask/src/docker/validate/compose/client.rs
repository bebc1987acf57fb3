//! What a Compose client makes of the files, where one answers. It needs no daemon for that.

use super::{
    Model,
    yaml::{Key, Node, Place, Value},
};
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

#[derive(Debug)]
pub enum Answer {
    /// There is no client that reads files.
    Absent,
    Read(serde_json::Value),
    /// Compose would not run these files; its own words.
    Refused(String),
}

/// What is asked about one model. Nodes are shared within a thread, so only names go to another.
pub struct Question {
    files: Vec<String>,
    /// Variables that somebody has to set.
    wanted: Vec<String>,
}

impl Question {
    pub fn of(model: &Model) -> Self {
        // A variable with a default must keep it: to set one, even to nothing, is not the same.
        let wanted = model.uses.iter().filter(|used| model.wants(&used.name)).map(|used| used.name.clone());
        Self { files: model.files.clone(), wanted: wanted.collect() }
    }

    /// Asks while the caller does something else.
    pub fn start(self, root: PathBuf) -> JoinHandle<Answer> {
        thread::spawn(move || self.ask(&root))
    }

    fn ask(&self, root: &Path) -> Answer {
        // The client starts a plugin twice, once to hear its name: asked itself it answers in half the time.
        let alone = folders().iter().map(|folder| folder.join("docker-compose")).find(|path| path.is_file());
        alone.and_then(|path| self.ask_of(Command::new(path), root)).unwrap_or_else(|| {
            let mut docker = Command::new("docker");
            docker.arg("compose");
            self.ask_of(docker, root).unwrap_or(Answer::Absent)
        })
    }

    /// Nothing when it cannot be started. What a person set on this machine must not change the answer, so the environment is empty but
    /// for what Compose itself needs.
    fn ask_of(&self, mut command: Command, root: &Path) -> Option<Answer> {
        command.current_dir(root).stdin(Stdio::null());
        for file in &self.files {
            command.args(["-f", file]);
        }
        command.args(["--env-file", "/dev/null", "--profile", "*", "config", "--format", "json"]);
        let kept = std::env::vars_os().filter(|(name, _)| {
            matches!(name.to_str(), Some("PATH" | "HOME" | "DOCKER_CONFIG" | "XDG_CONFIG_HOME"))
        });
        command.env_clear().envs(kept).envs(self.wanted.iter().map(|name| (name, PLACEHOLDER)));
        let output = command.output().ok()?;
        if !output.status.success() {
            return Some(refusal(&String::from_utf8_lossy(&output.stderr)));
        }
        Some(match serde_json::from_slice(&output.stdout) {
            Ok(read) => Answer::Read(read),
            Err(error) => Answer::Refused(format!("its answer is no JSON: {error}")),
        })
    }
}

/// Where the docker client looks for plugins, in its order.
fn folders() -> Vec<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let own = set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")));
    let of_all = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"];
    own.map(|own| own.join("cli-plugins"))
        .into_iter()
        .chain(of_all.map(|folder| Path::new(folder).join("docker/cli-plugins")))
        .collect()
}

/// A docker without Compose refuses its words, which says nothing of the files. To ask it first would cost a second start.
fn refusal(said: &str) -> Answer {
    const WITHOUT: [&str; 3] =
        ["is not a docker command", "unknown command: docker compose", "unknown shorthand flag"];
    match WITHOUT.iter().any(|words| said.contains(words)) {
        true => Answer::Absent,
        false => Answer::Refused(said.trim().to_owned()),
    }
}

/// It can be a number, a port and a name.
const PLACEHOLDER: &str = "1";

impl Model {
    /// Somebody has to set this variable.
    fn wants(&self, name: &str) -> bool {
        fn holds(node: &Node, wanted: &str) -> bool {
            match &node.value {
                Value::Scalar(text) => text.contains(wanted),
                Value::List(items) => items.iter().any(|item| holds(item, wanted)),
                Value::Map(entries) => entries.iter().any(|(_, node)| holds(node, wanted)),
                Value::Null => false,
            }
        }
        holds(&self.root, &format!("${{{name}}}"))
    }
}

/// Gives values without places the places of the same values in our own reading; what is only there, that of what is around it.
pub fn dress(read: &serde_json::Value, own: Option<&Node>, around: &Place) -> Node {
    let place = own.map_or(around, |own| &own.place).clone();
    let value = match read {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Scalar(value.to_string()),
        serde_json::Value::Number(value) => Value::Scalar(value.to_string()),
        serde_json::Value::String(value) => Value::Scalar(value.clone()),
        serde_json::Value::Array(items) => {
            let known = own.map(Node::items).unwrap_or_default();
            let same = known.len() == items.len();
            let dressed = items
                .iter()
                .enumerate()
                .map(|(at, item)| dress(item, known.get(at).filter(|_| same), &place));
            Value::List(dressed.collect())
        }
        serde_json::Value::Object(entries) => {
            let dressed = entries.iter().map(|(name, read)| {
                let pair = own.into_iter().flat_map(Node::items).find(|item| {
                    item.text().is_some_and(|text| {
                        text == name
                            || text.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('='))
                    })
                });
                let found = own.and_then(|own| own.get(name));
                let key =
                    own.and_then(|own| own.place_of(name)).or(pair.map(|pair| &pair.place)).unwrap_or(&place);
                (Key { text: name.clone(), place: key.clone() }, dress(read, found.or(pair), key))
            });
            Value::Map(dressed.collect())
        }
    };
    Node { place, tag: None, value }
}

#[cfg(test)]
mod tests {
    use super::super::{Source, yaml};
    use super::*;

    #[test]
    fn what_compose_reads_gets_the_lines_of_what_was_written() {
        let own = yaml::parse(
            "f",
            "services:\n  a:\n    image: x\n    environment:\n      - P=1\n    ports:\n      - '1:2'\n",
        )
        .unwrap();
        let read = serde_json::json!({ "services": { "a": {
            "image": "x", "environment": { "P": "1" }, "ports": [{ "target": 2, "published": "1" }], "networks": { "default": null },
        }}});
        let root = dress(&read, Some(&own), &own.place);
        let a = root.at("services.a").unwrap();
        assert_eq!(a.place_of("environment").unwrap().line, 4);
        assert_eq!(a.get("environment").unwrap().place_of("P").unwrap().line, 5);
        assert_eq!(a.get("ports").unwrap().items()[0].place.line, 7);
        // It stands nowhere, so it is told at its service.
        assert_eq!(a.place_of("networks").unwrap().line, a.place.line);
    }

    #[test]
    fn a_docker_without_compose_is_no_answer() {
        let absent = |said: &str| matches!(refusal(said), Answer::Absent);
        assert!(absent("docker: 'compose' is not a docker command.\nSee 'docker --help'"));
        assert!(absent(
            "docker: unknown command: docker compose\n\nRun 'docker --help' for more information"
        ));
        assert!(absent("unknown shorthand flag: 'f' in -f\nSee 'docker --help'."));
        assert!(!absent("services.api.ports must be a list"));
    }

    #[test]
    fn a_variable_is_wanted_when_it_has_no_default() {
        let source = Source { path: "f".into(), text: "services:\n  a:\n    image: ${X:?x}${Y:-y}\n".into() };
        let model = Model::read(&[source], false).unwrap();
        assert!(model.wants("X") && !model.wants("Y"));
    }
}
