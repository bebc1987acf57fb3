//! The variables that the user set: those of this shell and of `.env`, then those remembered from
//! the shell that started the stack.
//!
//! The second `up` of a stack may come from a shell with fewer variables than the first one, and
//! must decide as the first one did. So every decision asks [`Variables`], never the environment.

use crate::{docker::validate, env_file};
use anyhow::Result;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::Path,
};

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
    pub fn to_remember(&self, files: &[String]) -> (BTreeMap<String, String>, Vec<String>) {
        let required: BTreeSet<_> = files.iter().flat_map(|file| required(file)).collect();
        let asked = files.iter().flat_map(|file| names(file)).chain([PROFILES.to_owned()]);
        let set = asked.filter_map(|name| Some((name.clone(), self.get(&name)?.to_owned())));
        let is_in_dotenv = |name: &String, value: &String| self.dotenv.get(name) == Some(value);
        let (secret, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            set.partition(|(name, value)| is_secret(name, value));
        let kept = open
            .into_iter()
            .filter(|(name, value)| required.contains(name) || !is_in_dotenv(name, value))
            .collect();
        let not_kept = secret.into_iter().filter(|(name, value)| !is_in_dotenv(name, value));
        (kept, not_kept.map(|(name, _)| name).collect())
    }

    #[cfg(test)]
    pub fn of(shell: &[(&str, &str)], remembered: &BTreeMap<String, String>) -> Self {
        Self::with_dotenv(shell, &[], remembered)
    }

    #[cfg(test)]
    pub fn with_dotenv(
        shell: &[(&str, &str)],
        dotenv: &[(&str, &str)],
        remembered: &BTreeMap<String, String>,
    ) -> Self {
        let owned = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let dotenv = owned(dotenv);
        let now = dotenv.clone().into_iter().chain(owned(shell)).collect();
        Self { now, dotenv, remembered: remembered.clone() }
    }
}

/// A secret by its name, or an address with a password in it. The name of a file or folder of
/// secrets is not.
fn is_secret(name: &str, value: &str) -> bool {
    let names_a_path = name.ends_with("_FILE") || name == "SQUALL_SECRETS";
    !names_a_path
        && (validate::is_secret(name) || name.ends_with("_HEADERS") || validate::holds_password(value))
}

/// The names that a file cannot be read without: `${NAME:?why}`.
fn required(compose: &str) -> BTreeSet<String> {
    let is_required =
        |name: &String| ["?", ":?"].iter().any(|sign| compose.contains(&format!("${{{name}{sign}")));
    names(compose).into_iter().filter(is_required).collect()
}

/// The names of `${NAME…}`, and those that are handed on unchanged: `NAME:` alone on a line.
fn names(compose: &str) -> BTreeSet<String> {
    let starts = compose.match_indices("${").map(|(start, _)| &compose[start + 2..]);
    let name =
        |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let is_name =
        |text: &&str| text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let bare = compose.lines().filter_map(|line| line.trim().strip_suffix(':')).filter(is_name);
    starts.map(name).chain(bare.map(str::to_owned)).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(variables: &Variables, file: &str) -> BTreeMap<String, String> {
        variables.to_remember(&[file.to_owned()]).0
    }

    #[test]
    fn the_variables_of_a_file_are_found_inside_of_defaults_and_without_a_value_too() {
        let text = "a: ${SQUALL_PUBLIC_URL:-http://127.0.0.1:${SQUALL_PORT:-8642}}\nb: ${A_1:?why}\n  AWS_REGION:\n  api:\n";
        let found = ["AWS_REGION", "A_1", "SQUALL_PORT", "SQUALL_PUBLIC_URL"];
        assert_eq!(names(text).into_iter().collect::<Vec<_>>(), found);
        assert_eq!(required(text).into_iter().collect::<Vec<_>>(), ["A_1"]);
    }

    #[test]
    fn the_shell_wins_and_the_rest_is_remembered() {
        let first = Variables::of(&[("A", "1"), ("B", "2"), ("OTHER", "3")], &BTreeMap::new());
        let remembered = kept(&first, "${A}${B:-x}${C:-y}");
        assert_eq!(remembered.len(), 2, "{remembered:?}");
        let second = Variables::of(&[("B", "new")], &remembered);
        assert_eq!([second.get("A"), second.get("B"), second.now("A")], [Some("1"), Some("new"), None]);
        assert_eq!(second.added().map(|(name, _)| name).collect::<Vec<_>>(), ["A"]);
        assert_eq!(kept(&second, "${A}${B}")["B"], "new");
    }

    #[test]
    fn a_variable_can_be_taken_back() {
        let file = "${VOLUME:-postgres} ${CPUS:-1} ${URL:?which}";
        let names = |variables: &Variables| kept(variables, file).into_keys().collect::<Vec<_>>();
        let dotenv = [("VOLUME", "recovered"), ("URL", "https://a"), ("CPUS", "4")];
        let first = Variables::with_dotenv(&[("CPUS", "2")], &dotenv, &BTreeMap::new());
        assert_eq!(names(&first), ["CPUS", "URL"], "the next command finds the others in .env");
        // Removed from .env, or empty in the shell.
        let remembered = kept(&first, file);
        let second = Variables::of(&[("CPUS", "")], &remembered);
        assert_eq!([second.get("VOLUME"), second.get("CPUS")], [None, None]);
        assert_eq!(names(&second), ["URL"], "the files cannot be read without it");
        // Added to .env since: no need to remember it any more.
        let third = Variables::with_dotenv(&[], &[("CPUS", "3")], &remembered);
        assert_eq!((third.get("CPUS"), names(&third)), (Some("3"), vec!["URL".to_owned()]));
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
            assert_eq!(is_secret(name, value), expected, "{name}");
        }
        let file = ["  AWS_SECRET_ACCESS_KEY:\n  AWS_REGION:\n".to_owned()];
        let pair = [("AWS_SECRET_ACCESS_KEY", "hidden"), ("AWS_REGION", "here")];
        let (remembered, not_kept) = Variables::of(&pair, &BTreeMap::new()).to_remember(&file);
        assert_eq!(remembered.into_keys().collect::<Vec<_>>(), ["AWS_REGION"]);
        assert_eq!(not_kept, ["AWS_SECRET_ACCESS_KEY"]);
        // The next command finds this one in .env.
        assert!(Variables::with_dotenv(&[], &pair, &BTreeMap::new()).to_remember(&file).1.is_empty());
    }
}
