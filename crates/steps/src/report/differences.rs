//! What differs between a saved report and this machine, for `ci --compare`.

use super::{Report, text};
use std::collections::BTreeMap;

/// The most characters of a plan's line: about two lines of a terminal.
const PLAN_LIMIT: usize = 200;

impl Report {
    /// What differs in commit, tools, environment and plans between this report, which CI saved, and
    /// one made `here`; a sentence each. Values of variables are hashes, and never shown.
    pub fn differences(&self, here: &Report) -> Vec<String> {
        let mut lines = Vec::new();
        if self.commit != here.commit {
            lines.push(format!("CI ran commit {}, here is {}", self.commit, here.commit));
        }
        lines.extend(tools(&self.tools, &here.tools));
        lines.extend(environment(&self.environment, &here.environment));
        lines.extend(self.plans(here));
        lines
    }

    fn plans(&self, here: &Report) -> Vec<String> {
        let find = |report: &Report, id: &str| report.steps.iter().position(|step| step.id == id);
        let mut lines = Vec::new();
        for step in &self.steps {
            let Some(index) = find(here, &step.id) else {
                lines.push(format!("CI ran step {}, which is not part of the run here", step.id));
                continue;
            };
            if let Some((there, here)) = first_difference(&step.plan, &here.steps[index].plan) {
                lines.push(format!("step {}: CI runs {there}, here {here}", step.id));
            }
        }
        let missing = here.steps.iter().filter(|step| find(self, &step.id).is_none());
        let missing = text::names(missing);
        if !missing.is_empty() {
            lines.push(format!("not part of CI's run: {missing}"));
        }
        lines
    }
}

type Tools = BTreeMap<String, Option<String>>;

/// Only of tools that both looked for: a run of a few steps knows few.
fn tools(there: &Tools, here: &Tools) -> Vec<String> {
    let both = there.iter().filter_map(|(name, version)| Some((name, version, here.get(name)?)));
    let differing = both.filter(|(_, there, here)| there != here);
    let line = |(name, there, here): (&String, &Option<String>, &Option<String>)| match (there, here) {
        (Some(there), Some(here)) => {
            // `cargo 1.95.0 (f2d3ce0bd 2026-03-21)` may differ behind the number.
            let is_same_number = version(there) == version(here);
            let [there, here] = [there, here].map(|text| {
                let whole = text.strip_prefix(name.as_str()).unwrap_or(text).trim_start();
                if is_same_number { whole } else { version(text) }
            });
            format!("CI has {name} {there}, here {here}")
        }
        (Some(there), None) => format!("CI has {name} {}, here it is missing", version(there)),
        (None, here) => format!("CI has no {name}, here {}", version(here.as_deref().unwrap_or_default())),
    };
    differing.map(line).collect()
}

/// The number in what a tool prints about its version, or all of it.
fn version(text: &str) -> &str {
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    let words = text
        .split([' ', '/'])
        .map(|word| word.strip_prefix('v').unwrap_or(word).trim_matches([',', '(', ')']));
    words.into_iter().find(is_number).unwrap_or(text)
}

fn environment(there: &BTreeMap<String, String>, here: &BTreeMap<String, String>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, hash) in there {
        match here.get(name) {
            None => lines.push(format!("{name} is set in CI and not here")),
            Some(other) if other != hash => lines.push(format!("{name} has another value in CI")),
            Some(_) => {}
        }
    }
    let missing = here.keys().filter(|name| !there.contains_key(*name));
    lines.extend(missing.map(|name| format!("{name} is set here and not in CI")));
    lines
}

/// The first lines of two plans that differ, as code.
fn first_difference(there: &str, here: &str) -> Option<(String, String)> {
    if there == here {
        return None;
    }
    let (mut there, mut here) = (there.lines(), here.lines());
    loop {
        match (there.next(), here.next()) {
            (None, None) => return Some(("the same lines".into(), "with other line ends".into())),
            (one, other) if one == other => {}
            (one, other) => return Some((quote(one), quote(other))),
        }
    }
}

fn quote(line: Option<&str>) -> String {
    let Some(line) = line else { return "nothing more".to_owned() };
    let short: String = line.trim().chars().take(PLAN_LIMIT).collect();
    let mark = if short.len() < line.trim().len() { "…" } else { "" };
    format!("`{short}{mark}`")
}
