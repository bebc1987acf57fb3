//! What is wrong, and the table of rules with their reasons.

use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// From the root of the repository.
    pub file: String,
    pub line: usize,
    pub rule: String,
    pub why: String,
    pub fix: String,
}

impl Finding {
    pub fn new(rule: &str, file: &str, line: usize) -> Self {
        let (_, why, fix) = rules().find(|(id, ..)| *id == rule).unwrap_or_default();
        Self { file: file.into(), line, rule: rule.into(), why: why.into(), fix: fix.into() }
    }

    /// What exactly is wrong here.
    pub fn because(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }
}

/// Id, why it is a rule, and what to do: the rows of a table that people read too.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    include_str!("../../../../docs/reference/docker-rules.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.trim_end_matches(" |").split(" | ");
        Some((cells.next()?.trim_end_matches('`'), cells.next()?, cells.next()?))
    })
}

pub fn is_rule(id: &str) -> bool {
    rules().any(|(known, ..)| known == id)
}
