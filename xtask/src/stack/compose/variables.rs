//! The variables that the user set: those of this shell and of `.env`, then those remembered from
//! the shell that started the stack.
//!
//! The second `up` of a stack may come from a shell with fewer variables than the first one, and
//! must decide as the first one did. So every decision asks [`Variables`], never the environment.

use crate::{docker::validate, env_file};
use anyhow::Result;
use regex_lite::Regex;
use std::{collections::BTreeMap, env, path::Path};

/// Read by Compose itself, without a file asking for it.
pub const PROFILES: &str = "COMPOSE_PROFILES";

#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// Of this process, which has read `.env`. An empty one takes back what is remembered.
    now: BTreeMap<String, String>,
    /// Of `.env`, where the next command finds them again.
    dotenv: BTreeMap<String, String>,
    remembered: BTreeMap<String, String>,
}

impl Variables {
    pub fn here(root: &Path, remembered: BTreeMap<String, String>) -> Result<Self> {
        let utf8 = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Ok(Self { now: utf8.collect(), dotenv: env_file::read(&root.join(".env"))?, remembered })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.now.get(name).or_else(|| self.remembered.get(name));
        value.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Only if it is set now.
    pub fn now(&self, name: &str) -> Option<&str> {
        self.now.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The remembered ones that are not set now, not even empty.
    pub fn added(&self) -> impl Iterator<Item = (&String, &String)> {
        self.remembered.iter().filter(|(name, _)| !self.now.contains_key(*name))
    }

    /// What these Compose files ask for and the next command would not find in `.env`, and the
    /// names of secrets among it, which are not written down.
    ///
    /// What a file cannot be read without is kept in any case: `down` has to read it.
    pub fn to_remember(&self, files: &str) -> (BTreeMap<String, String>, Vec<String>) {
        let (mut kept, mut secrets) = (BTreeMap::new(), Vec::new());
        for (name, is_required) in asked(files) {
            let Some(value) = self.get(&name).map(str::to_owned) else { continue };
            match (is_secret(&name, &value), self.dotenv.get(&name) == Some(&value)) {
                (true, false) => secrets.push(name),
                (false, is_in_dotenv) if is_required || !is_in_dotenv => drop(kept.insert(name, value)),
                _ => {}
            }
        }
        (kept, secrets)
    }

    #[cfg(test)]
    pub fn of(shell: &[(&str, &str)], dotenv: &[(&str, &str)], remembered: &[(&str, &str)]) -> Self {
        let owned = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let now = owned(&[dotenv, shell].concat());
        Self { now, dotenv: owned(dotenv), remembered: owned(remembered) }
    }
}

/// A secret by its name, or an address with a password in it. The name of a file or folder of
/// secrets is not.
fn is_secret(name: &str, value: &str) -> bool {
    let names_a_path = name.ends_with("_FILE") || name == "SQUALL_SECRETS";
    !names_a_path
        && (validate::is_secret(name) || name.ends_with("_HEADERS") || validate::holds_password(value))
}

/// The names of `${NAME…}` and those that are handed on unchanged (`NAME:` alone on a line), and
/// whether a file cannot be read without them: `${NAME:?why}`.
fn asked(files: &str) -> BTreeMap<String, bool> {
    let mut names = BTreeMap::from([(PROFILES.to_owned(), false)]);
    let Ok(pattern) = Regex::new(r"\$\{(\w+)(:?\?)?|(?m:^\s*([A-Z0-9_]+):\s*$)") else { return names };
    for found in pattern.captures_iter(files) {
        let name = found.get(1).or(found.get(3)).map_or("", |name| name.as_str());
        *names.entry(name.to_owned()).or_default() |= found.get(2).is_some();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: (&str, &str) = ("URL", "https://a");

    #[test]
    fn the_variables_of_a_file_are_found_inside_of_defaults_and_without_a_value_too() {
        let text = "a: ${URL:-http://127.0.0.1:${PORT:-8642}}\nb: ${A_1:?why}\n  AWS_REGION:\n  api:\n";
        let found: Vec<_> = asked(text).into_iter().collect();
        let expected =
            [("AWS_REGION", false), ("A_1", true), (PROFILES, false), ("PORT", false), ("URL", false)];
        assert_eq!(found, expected.map(|(name, is_required)| (name.to_owned(), is_required)));
    }

    #[test]
    fn the_shell_wins_the_rest_is_remembered_and_each_can_be_taken_back() {
        let file = "${VOLUME:-postgres} ${CPUS:-1} ${URL:?which}";
        let dotenv = [("VOLUME", "recovered"), URL, ("CPUS", "4")];
        for (shell, dotenv, remembered, expected) in [
            (&[("CPUS", "1"), ("OTHER", "3")][..], &[][..], &[][..], &[("CPUS", "1")][..]),
            (&[("CPUS", "2")], &[], &[("CPUS", "1"), ("VOLUME", "v")], &[("CPUS", "2"), ("VOLUME", "v")]),
            // The next command finds the others in .env.
            (&[("CPUS", "2")], &dotenv, &[], &[("CPUS", "2"), URL]),
            // Removed from .env, or empty in the shell; the files cannot be read without the URL.
            (&[("CPUS", "")], &[], &[("CPUS", "2"), URL], &[URL]),
            // Added to .env since: no need to remember it any more.
            (&[], &[("CPUS", "3")], &[("CPUS", "2"), URL], &[URL]),
        ] {
            let (kept, _) = Variables::of(shell, dotenv, remembered).to_remember(file);
            let kept: Vec<_> = kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(kept, expected, "{shell:?} {dotenv:?} {remembered:?}");
        }
        let second = Variables::of(&[("CPUS", "")], &[], &[("CPUS", "2"), URL]);
        assert_eq!([second.get("CPUS"), second.get("URL"), second.now("URL")], [None, Some(URL.1), None]);
        assert_eq!(second.added().map(|(name, _)| name).collect::<Vec<_>>(), ["URL"]);
    }

    #[test]
    fn secrets_are_not_written_down() {
        for (name, value, expected) in [
            ("AWS_ACCESS_KEY_ID", "a", true),
            ("AWS_SECRET_ACCESS_KEY", "a", true),
            ("AWS_SESSION_TOKEN", "a", true),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a", true),
            ("REDIS_URL", "redis://:word@redis:6379", true),
            ("REDIS_URL", "redis://redis:6379", false),
            ("AWS_SECRET_ACCESS_KEY_FILE", "/etc/key", false),
            ("SQUALL_TLS_KEY", "/etc/tls.key", false),
            ("SQUALL_EDGE_KEY_RATE", "10", false),
            ("SQUALL_SECRETS", "/etc/squall", false),
        ] {
            let file = format!("  {name}:\n");
            let (kept, not_kept) = Variables::of(&[(name, value)], &[], &[]).to_remember(&file);
            assert_eq!((not_kept == [name], kept.is_empty()), (expected, expected), "{name}");
            // The next command finds it in .env.
            assert!(Variables::of(&[], &[(name, value)], &[]).to_remember(&file).1.is_empty());
        }
    }
}
