//! One step of a plan: statements that belong together, and the transaction they need.

use crate::catalog::Id;

/// The transaction a step needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// One shared with other steps.
    Together,
    /// One after that of the step before it, so that no lock is held in between.
    NextTransaction,
    /// None: a file of its own.
    Alone,
}

/// Statements that are written one after another.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub id: Id,
    /// Without their semicolons.
    pub statements: Vec<String>,
    pub placement: Placement,
    /// Comments for the reviewer, written above the statements.
    pub notes: Vec<String>,
    /// Whether dependents need it committed first, like a new value of an enum.
    pub commits_first: bool,
}

impl Step {
    pub fn new(id: &Id, placement: Placement, statements: Vec<String>) -> Self {
        Self { id: id.clone(), statements, placement, notes: Vec::new(), commits_first: false }
    }

    pub fn one(id: &Id, statement: impl Into<String>) -> Self {
        Self::new(id, Placement::Together, vec![statement.into()])
    }

    pub fn next(id: &Id, statement: impl Into<String>) -> Self {
        Self::new(id, Placement::NextTransaction, vec![statement.into()])
    }

    pub fn alone(id: &Id, statement: impl Into<String>) -> Self {
        Self::new(id, Placement::Alone, vec![statement.into()])
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A quoted SQL string.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
