//! The variables of a stack: those of this shell and of `.env`, and those remembered from the last
//! `up`.
//!
//! The second `up` may come from a shell with fewer variables than the first one, and must decide as
//! the first one did. So every decision asks [`Variables`], never the environment.

use crate::docker::validate;
use regex_lite::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

/// Read by Compose itself, without a file asking for it.
pub const PROFILES: &str = "COMPOSE_PROFILES";

#[derive(Debug, Clone)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// For `up`: what the shell sets replaces what is remembered, and an empty value takes it back.
    pub fn for_up(remembered: &BTreeMap<String, String>) -> Self {
        Self(remembered.clone().into_iter().chain(environment()).collect())
    }

    /// For the commands that follow an `up`: they call Compose as it did.
    pub fn after_up(remembered: &BTreeMap<String, String>) -> Self {
        Self(environment().chain(remembered.clone()).collect())
    }

    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub fn set_default(&mut self, name: &str, value: String) {
        if self.get(name).is_none() {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// What these Compose files ask for and the next command would not find in `.env`, and the
    /// names of secrets among it, which are not written down.
    ///
    /// What a file cannot be read without is kept in any case: `down` has to read it.
    pub fn to_remember(
        &self,
        dotenv: &BTreeMap<String, String>,
        files: &str,
    ) -> (BTreeMap<String, String>, Vec<String>) {
        let (mut kept, mut secrets) = (BTreeMap::new(), Vec::new());
        for name in asked(files) {
            let Some(value) = self.get(&name) else { continue };
            let is_in_dotenv = dotenv.get(&name).is_some_and(|found| found == value);
            let is_required = files.contains(&format!("${{{name}:?"));
            match is_secret(&name, value) {
                true if !is_in_dotenv => secrets.push(name),
                false if !is_in_dotenv || is_required => drop(kept.insert(name, value.to_owned())),
                _ => {}
            }
        }
        (kept, secrets)
    }
}

/// Of this process, which has read `.env`.
fn environment() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// A secret by its name, or an address with a password in it. The name of a file or folder of
/// secrets is not.
fn is_secret(name: &str, value: &str) -> bool {
    let names_a_path = name.ends_with("_FILE") || name == "SQUALL_SECRETS";
    !names_a_path
        && (validate::is_secret(name) || name.ends_with("_HEADERS") || validate::holds_password(value))
}

/// The names of `${NAME…}` and those that are handed on unchanged (`NAME:` alone on a line).
fn asked(files: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::from([PROFILES.to_owned()]);
    if let Ok(pattern) = Regex::new(r"\$\{(\w+)|(?m:^\s*([A-Z0-9_]+):\s*$)") {
        let found = pattern.captures_iter(files).filter_map(|found| found.get(1).or(found.get(2)));
        names.extend(found.map(|name| name.as_str().to_owned()));
    }
    names
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn map(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Variables as if the shell had only these.
    pub fn variables(shell: &[(&str, &str)], remembered: &BTreeMap<String, String>) -> Variables {
        Variables(remembered.clone().into_iter().chain(map(shell)).collect())
    }

    #[test]
    fn the_variables_of_a_file_are_found_inside_of_defaults_and_without_a_value_too() {
        let text = "a: ${URL:-http://127.0.0.1:${PORT:-8642}}\nb: ${A_1:?why}\n  AWS_REGION:\n  api:\n";
        assert_eq!(
            asked(text).into_iter().collect::<Vec<_>>(),
            ["AWS_REGION", "A_1", PROFILES, "PORT", "URL"]
        );
    }

    #[test]
    fn the_shell_wins_the_rest_is_remembered_and_each_can_be_taken_back() {
        const URL: (&str, &str) = ("URL", "https://a");
        let file = "${VOLUME:-postgres} ${CPUS:-1} ${URL:?which}";
        let dotenv = [("VOLUME", "recovered"), URL];
        for (shell, dotenv, remembered, expected) in [
            (&[("CPUS", "1"), ("OTHER", "3")][..], &[][..], &[][..], &[("CPUS", "1")][..]),
            (&[("CPUS", "2")], &[], &[("CPUS", "1"), ("VOLUME", "v")], &[("CPUS", "2"), ("VOLUME", "v")]),
            // The next command finds the volume in .env.
            (&[("CPUS", "2")], &dotenv, &[], &[("CPUS", "2"), URL]),
            // Removed from .env, or empty in the shell; the files cannot be read without the URL.
            (&[("CPUS", "")], &[], &[("CPUS", "2"), URL], &[URL]),
            // Added to .env since: no need to remember it any more.
            (&[], &[("CPUS", "3")], &[("CPUS", "2"), URL], &[URL]),
        ] {
            // The process has read .env.
            let variables = variables(&[dotenv, shell].concat(), &map(remembered));
            let (kept, _) = variables.to_remember(&map(dotenv), file);
            assert_eq!(kept, map(expected), "{shell:?} {dotenv:?} {remembered:?}");
        }
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
            let (file, set) = (format!("  {name}:\n"), map(&[(name, value)]));
            let (kept, not_kept) = Variables(set.clone()).to_remember(&BTreeMap::new(), &file);
            assert_eq!((not_kept == [name], kept.is_empty()), (expected, expected), "{name}");
            // The next command finds it in .env.
            assert!(Variables(set.clone()).to_remember(&set, &file).1.is_empty());
        }
    }
}
