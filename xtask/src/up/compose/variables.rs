//! What a person said: the variables of this shell and of `.env`, and, for a stack that runs, those of the shell that started it.
//!
//! The second `up` of a stack may come from a shell that lacks what the first one had. Both what we decide and what Compose is handed
//! must then be what the stack was started with, so every decision asks [`Said`] and none the environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
};

#[derive(Debug, Default)]
pub struct Said {
    shell: BTreeMap<String, String>,
    remembered: BTreeMap<String, String>,
}

impl Said {
    /// This process's variables, and behind them those of a stack that was started before.
    pub fn here(remembered: BTreeMap<String, String>) -> Self {
        let utf8 = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { shell: utf8.filter(|(_, value)| !value.is_empty()).collect(), remembered }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.now(name).or_else(|| self.remembered.get(name).map(String::as_str))
    }

    /// Only what is said now.
    pub fn now(&self, name: &str) -> Option<&str> {
        self.shell.get(name).map(String::as_str)
    }

    /// What the next command has to remember: what was said of all that these Compose files ask for.
    pub fn of_files<'a>(&self, texts: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
        let asked: BTreeSet<_> = texts.flat_map(names).collect();
        asked.into_iter().filter_map(|name| Some((name.clone(), self.get(&name)?.to_owned()))).collect()
    }

    #[cfg(test)]
    pub fn of(shell: &[(&str, &str)], remembered: &BTreeMap<String, String>) -> Self {
        let shell = shell.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { shell, remembered: remembered.clone() }
    }
}

/// A variable of this process; an empty one counts as not set.
pub fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
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
        let remembered = first.of_files(["${A}${B:-x}${C:-y}"].into_iter());
        assert_eq!(remembered.len(), 2, "{remembered:?}");
        let second = Said::of(&[("B", "new")], &remembered);
        assert_eq!([second.get("A"), second.get("B"), second.now("A")], [Some("1"), Some("new"), None]);
        assert_eq!(second.of_files(["${A}${B}"].into_iter())["B"], "new");
    }
}
