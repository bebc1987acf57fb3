//! Compose files as Compose itself reads them: `docker compose config` merges, interpolates and
//! checks them.
//!
//! Its JSON holds no lines, so a finding is placed by looking for the service and its key in the
//! files.

use super::{Finding, rules};
use crate::docker::dockerfile::{Command, variables};
use regex_lite::Regex;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env,
    path::Path,
    process::{self, Stdio},
};

#[derive(Debug, Clone)]
pub struct Source {
    /// From the root of the repository.
    pub path: String,
    pub text: String,
}

/// Files that are run together.
#[derive(Debug)]
pub struct Model {
    pub sources: Vec<Source>,
    pub is_production: bool,
    pub json: Value,
    /// What Compose warned of.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    pub name: &'a str,
    pub json: &'a Value,
}

/// The value of variables that have no default; it can be a number, a port and a name.
const PLACEHOLDER: &str = "1";

impl Model {
    /// What Compose makes of these files, or what it has against them.
    pub fn read(root: &Path, sources: Vec<Source>) -> Result<Self, Finding> {
        let refused = |message: &str| {
            let message = message.trim().replace(&format!("{}/", root.display()), "");
            let named = sources.iter().rev().find(|source| message.contains(&source.path));
            let source = named.unwrap_or(&sources[sources.len() - 1]);
            let line = line_of(&message, &source.text);
            Finding::new("SQ-C00", &source.path, line, format!("Compose refuses it: {message}"))
        };
        let mut command = process::Command::new("docker");
        command.arg("compose").current_dir(root).stdin(Stdio::null());
        command.args(sources.iter().flat_map(|source| ["--file", &source.path]));
        command.args(["--env-file", "/dev/null", "--profile", "*", "config", "--format", "json"]);
        // The variables of this machine must not change the result.
        let kept = ["PATH", "HOME", "DOCKER_CONFIG", "XDG_CONFIG_HOME"];
        let kept = env::vars_os().filter(|(name, _)| kept.iter().any(|kept| name == kept));
        let unset = sources.iter().flat_map(|source| asked(&source.text));
        let unset = unset.filter(|(_, operator, _)| !operator.ends_with(['-', '+']));
        let unset: Vec<_> = unset.map(|(name, ..)| (name, PLACEHOLDER)).collect();
        // A run this short ends before collecting garbage pays: a third less CPU time.
        let output = command.env_clear().envs(kept).env("GOGC", "off").envs(unset).output();
        let output = output.map_err(|error| refused(&error.to_string()))?;
        let messages = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(refused(&messages));
        }
        let json = serde_json::from_slice(&output.stdout).map_err(|error| refused(&error.to_string()))?;
        let warnings =
            messages.lines().filter_map(|line| Some(line.split_once("level=warning msg=")?.1.to_owned()));
        let is_production = sources.last().is_some_and(|source| source.path.contains("prod"));
        Ok(Self { warnings: warnings.collect(), is_production, json, sources })
    }

    pub fn services(&self) -> impl Iterator<Item = Service<'_>> {
        entries(&self.json["services"]).map(|(name, json)| Service { name, json })
    }

    pub fn service(&self, name: &str) -> Option<Service<'_>> {
        self.services().find(|service| service.name == name)
    }

    /// Whether it ends on its own and is meant to: others wait for its end, or nothing restarts it.
    pub fn is_job(&self, service: Service<'_>) -> bool {
        let is_awaited = |other: Service<'_>| {
            other.json["depends_on"][service.name]["condition"] == "service_completed_successfully"
        };
        self.services().any(is_awaited)
            || (service.json["restart"] == "no" && service.json["healthcheck"].is_null())
    }

    /// Whether a variable reaches a process only if it is set where the stack is started: `NAME:`
    /// or `${NAME:-}`.
    pub fn is_handed_on(&self, name: &str, value: &str) -> bool {
        let mut all = self.sources.iter().flat_map(|source| asked(&source.text));
        value == PLACEHOLDER && all.any(|(known, operator, _)| known == name && operator.ends_with("-}"))
    }

    /// Whether `x-allow` excuses a service from a rule.
    pub fn allows(&self, service: &str, rule: &str) -> bool {
        self.json["x-allow"][service][rule].as_str().is_some_and(is_reason)
    }

    /// What is wrong with the exceptions themselves; `used` are those that excused something.
    pub fn check_exceptions(&self, used: &BTreeSet<(String, String)>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (service, allowed) in entries(&self.json["x-allow"]) {
            for (rule, reason) in entries(allowed) {
                let (id, why) = if !rules().any(|(known, ..)| known == rule) {
                    ("SQ-E02", format!("{rule} is not a rule"))
                } else if !reason.as_str().is_some_and(is_reason) {
                    ("SQ-E01", format!("the exception of {service} from {rule} has no reason"))
                } else if !used.contains(&(service.to_owned(), rule.to_owned())) {
                    ("SQ-E03", format!("the exception of {service} from {rule} excuses nothing"))
                } else {
                    continue;
                };
                let is_named = |line: &str| line.contains(rule) && !line.starts_with('#');
                let place = |it: &'_ Source| Some((it.path.clone(), it.text.lines().position(is_named)? + 1));
                let (path, line) = self.sources.iter().rev().find_map(place).unwrap_or_default();
                findings.push(Finding::new(id, &path, line, why));
            }
        }
        findings
    }

    /// The file and line of a service, of a key in it, and of the first line below that holds
    /// `detail`.
    pub fn place(&self, service: &str, key: &str, detail: &str) -> (&str, usize) {
        let service = format!("services/{service}");
        let (key, below) = (format!("{service}/{key}"), format!("{service}/{key}/"));
        let places = self.sources.iter().rev().filter_map(|source| {
            let lines = outline(&source.text);
            let find = |wanted: &str| lines.iter().position(|(path, _)| path == wanted);
            let holds_detail = |(path, line): &(String, &str)| {
                (*path == key || path.starts_with(&below)) && line.contains(detail)
            };
            let exact = lines.iter().position(holds_detail).or_else(|| find(&key));
            Some((exact.is_none(), (&*source.path, exact.or_else(|| find(&service))? + 1)))
        });
        places.min_by_key(|(is_vague, _)| *is_vague).map_or((&self.sources[0].path, 1), |(_, place)| place)
    }
}

impl<'a> Service<'a> {
    /// The texts of a list.
    pub fn list(self, key: &str) -> impl Iterator<Item = &'a str> {
        items(&self.json[key]).filter_map(Value::as_str)
    }

    pub fn has(self, key: &str) -> bool {
        !self.json[key].is_null()
    }

    pub fn environment(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        entries(&self.json["environment"]).map(|(name, value)| (name, value.as_str()))
    }

    pub fn has_health_check_disabled(self) -> bool {
        let check = &self.json["healthcheck"];
        check["disable"] == true || check["test"][0] == "NONE"
    }

    pub fn health_check(self) -> Option<Command> {
        let mut words = items(&self.json["healthcheck"]["test"]).filter_map(Value::as_str);
        match words.next()? {
            "CMD" => Some(Command::Exec(words.map(str::to_owned).collect())),
            "CMD-SHELL" => Some(Command::Shell),
            _ => None,
        }
    }
}

/// Each line with the keys that it is below and its own: `services/api/ports`. A line without a
/// key is below the one before it.
pub fn outline(text: &str) -> Vec<(String, &str)> {
    let mut keys: Vec<(usize, &str)> = Vec::new();
    let path = |line| {
        let content = str::trim_start(line);
        let indent = line.len() - content.len();
        let key = content.split_once(':').filter(|_| !content.starts_with(['#', '-']));
        if let Some((key, _)) = key {
            keys.retain(|(above, _)| *above < indent);
            keys.push((indent, key));
        }
        let path = keys.iter().map(|(_, key)| *key).collect::<Vec<_>>().join("/");
        (if key.is_some() { path } else { path + "/" }, line)
    };
    text.lines().map(path).collect()
}

fn is_reason(text: &str) -> bool {
    text.split_whitespace().count() > 1
}

/// The line that a message of Compose means: its number, else that of the last key or item that it
/// names.
fn line_of(message: &str, text: &str) -> usize {
    let number = message.split("line ").nth(1).and_then(|rest| rest.split([':', ' ']).next()?.parse().ok());
    let mut words = message.rsplit(|letter: char| !(letter.is_alphanumeric() || "_-".contains(letter)));
    let named = || {
        words.find_map(|word| {
            let key_or_item = Regex::new(&format!(r"(?m)^\s*(- {word}|{word}:)")).ok()?;
            let found = key_or_item.find(text).filter(|_| word.len() > 1)?;
            Some(text[..found.end()].matches('\n').count() + 1)
        })
    };
    number.or_else(named).unwrap_or(1)
}

pub fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Name, operator and line of each `${NAME}` in a file.
pub fn asked(text: &str) -> impl Iterator<Item = (&str, &str, usize)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
    lines.flat_map(|(at, line)| {
        variables(line).into_iter().map(move |(name, operator)| (name, operator, at + 1))
    })
}
