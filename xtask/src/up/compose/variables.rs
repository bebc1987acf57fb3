//! What a person said: the variables of this shell and of `.env`, and, for a stack that runs, those of the shell that started it.
//!
//! The second `up` of a stack may come from a shell that lacks what the first one had. Both what we decide and what Compose is handed
//! must then be what the stack was started with, so every decision asks [`Said`] and none the environment.

use crate::{docker::validate, world::env_file};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::Path,
};

/// Compose reads it itself, and no file asks for it.
pub const PROFILES: &str = "COMPOSE_PROFILES";

#[derive(Debug, Default)]
pub struct Said {
    /// This process's variables, those of `.env` among them. An empty one takes back what is remembered.
    now: BTreeMap<String, String>,
    /// What `.env` says, which the next command reads there again.
    file: BTreeMap<String, String>,
    remembered: BTreeMap<String, String>,
}

impl Said {
    /// This process's variables, and behind them those of a stack that runs.
    pub fn here(root: &Path, remembered: BTreeMap<String, String>) -> Self {
        let utf8 = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { now: utf8.collect(), file: env_file(root), remembered }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let said = self.now.get(name).or_else(|| self.remembered.get(name));
        said.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Only what is said now.
    pub fn now(&self, name: &str) -> Option<&str> {
        self.now.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Those of all that these Compose files ask for which the next command would not find in `.env`.
    fn of_shell<'a>(&self, texts: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
        let asked: BTreeSet<_> = texts.flat_map(names).chain([PROFILES.to_owned()]).collect();
        let said = asked.into_iter().filter_map(|name| Some((name.clone(), self.get(&name)?.to_owned())));
        said.filter(|(name, value)| self.file.get(name) != Some(value)).collect()
    }

    /// What the next command has to remember, and the names of what it may not: secrets are not written down.
    pub fn of_files<'a>(
        &self,
        texts: impl Iterator<Item = &'a str>,
    ) -> (BTreeMap<String, String>, Vec<String>) {
        let (secret, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.of_shell(texts).into_iter().partition(|(name, value)| is_secret(name, value));
        (open, secret.into_keys().collect())
    }

    /// What these files refuse to be read without, wherever it was said: `down` has to read them when nobody says it any more.
    pub fn required<'a>(&self, texts: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
        let asked: BTreeSet<_> = texts.flat_map(required).collect();
        let said = asked.into_iter().filter_map(|name| Some((name.clone(), self.get(&name)?.to_owned())));
        said.filter(|(name, value)| !is_secret(name, value)).collect()
    }

    #[cfg(test)]
    pub fn of(shell: &[(&str, &str)], remembered: &BTreeMap<String, String>) -> Self {
        Self::with_file(shell, &[], remembered)
    }

    /// A shell, and an `.env` as it is read into the process.
    #[cfg(test)]
    pub fn with_file(
        shell: &[(&str, &str)],
        file: &[(&str, &str)],
        remembered: &BTreeMap<String, String>,
    ) -> Self {
        let owned = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let file = owned(file);
        let now = file.clone().into_iter().chain(owned(shell)).collect();
        Self { now, file, remembered: remembered.clone() }
    }
}

/// A secret by its name, or an address with a password in it. The name of a file or of a folder with secrets is none.
fn is_secret(name: &str, value: &str) -> bool {
    let names_a_place = name.ends_with("_FILE") || name == "SQUALL_SECRETS";
    !names_a_place
        && (validate::is_secret(name) || name.ends_with("_HEADERS") || validate::holds_password(value))
}

/// Whether this process has it, be it empty.
pub fn is_said(name: &str) -> bool {
    env::var_os(name).is_some()
}

/// The names that a file gives no way to do without: `${NAME:?why}`.
fn required(compose: &str) -> BTreeSet<String> {
    let is_asked =
        |name: &String| ["?", ":?"].iter().any(|sign| compose.contains(&format!("${{{name}{sign}")));
    names(compose).into_iter().filter(is_asked).collect()
}

/// The names between `${` and `}`, without what stands behind them, and those that are handed on as they are: `NAME:` on a line.
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

    #[test]
    fn the_variables_of_a_file_are_found_inside_of_defaults_and_without_a_value_too() {
        let text = "a: ${SQUALL_PUBLIC_URL:-http://127.0.0.1:${SQUALL_PORT:-8642}}\nb: ${A_1:?why}\n  AWS_REGION:\n  api:\n";
        let found = ["AWS_REGION", "A_1", "SQUALL_PORT", "SQUALL_PUBLIC_URL"];
        assert_eq!(names(text).into_iter().collect::<Vec<_>>(), found);
    }

    #[test]
    fn what_the_shell_says_now_wins_and_the_rest_is_remembered() {
        let first = Said::of(&[("A", "1"), ("B", "2"), ("OTHER", "3")], &BTreeMap::new());
        let (remembered, _) = first.of_files(["${A}${B:-x}${C:-y}"].into_iter());
        assert_eq!(remembered.len(), 2, "{remembered:?}");
        let second = Said::of(&[("B", "new")], &remembered);
        assert_eq!([second.get("A"), second.get("B"), second.now("A")], [Some("1"), Some("new"), None]);
        assert_eq!(second.of_files(["${A}${B}"].into_iter()).0["B"], "new");
    }

    #[test]
    fn what_was_said_can_be_taken_back() {
        let files = || ["${VOLUME:-postgres} ${CPUS:-1} ${URL:?which}"].into_iter();
        let kept = |said: &Said| said.of_files(files()).0.into_keys().collect::<Vec<_>>();
        let env = [("VOLUME", "recovered"), ("URL", "https://a"), ("CPUS", "4")];
        let first = Said::with_file(&[("CPUS", "2")], &env, &BTreeMap::new());
        assert_eq!(kept(&first), ["CPUS"], "what .env says is read there again");
        assert_eq!(
            first.required(files()).into_iter().collect::<Vec<_>>(),
            [("URL".into(), "https://a".into())]
        );
        // Out of .env: gone. Empty in the shell: gone, too.
        let remembered = first.of_files(files()).0;
        let second = Said::of(&[("CPUS", "")], &remembered);
        assert_eq!([second.get("VOLUME"), second.get("CPUS")], [None, None]);
        assert!(kept(&second).is_empty());
        // Put into .env since: it need not be remembered any more.
        let third = Said::with_file(&[], &[("CPUS", "3")], &remembered);
        assert_eq!((third.get("CPUS"), kept(&third)), (Some("3"), Vec::new()));
    }

    #[test]
    fn secrets_are_not_written_down() {
        let check =
            |name: &str, value: &str, expected| assert_eq!(is_secret(name, value), expected, "{name}");
        check("AWS_ACCESS_KEY_ID", "a", true);
        check("AWS_SECRET_ACCESS_KEY", "a", true);
        check("AWS_SESSION_TOKEN", "a", true);
        check("OTEL_EXPORTER_OTLP_HEADERS", "a", true);
        check("REDIS_URL", "redis://:word@redis:6379", true);
        check("REDIS_URL", "redis://redis:6379", false);
        check("AWS_SECRET_ACCESS_KEY_FILE", "/etc/key", false);
        check("SQUALL_TLS_KEY", "/etc/tls.key", false);
        check("SQUALL_EDGE_KEY_RATE", "10", false);
        check("SQUALL_SECRETS", "/etc/squall", false);
        let texts = || ["  AWS_SECRET_ACCESS_KEY:\n  AWS_REGION:\n"].into_iter();
        let pair = [("AWS_SECRET_ACCESS_KEY", "hidden"), ("AWS_REGION", "here")];
        let (remembered, left_out) = Said::of(&pair, &BTreeMap::new()).of_files(texts());
        assert_eq!(remembered.into_keys().collect::<Vec<_>>(), ["AWS_REGION"]);
        assert_eq!(left_out, ["AWS_SECRET_ACCESS_KEY"]);
        // Nobody has to be told of one that the next command finds in .env.
        assert!(Said::with_file(&[], &pair, &BTreeMap::new()).of_files(texts()).1.is_empty());
    }
}
