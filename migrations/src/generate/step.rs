//! One step of a plan: statements that belong together, and where they may stand among the others.

use crate::catalog::Id;

/// Where a step may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a transaction with others.
    Together,
    /// In a transaction after the one of the step before it, so that no lock is held in between.
    NextTransaction,
    /// In a file of its own without a transaction.
    Alone,
}

/// Statements that are written one after another.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The object it is about.
    pub id: Id,
    /// Without their semicolons.
    pub statements: Vec<String>,
    pub place: Place,
    /// What a reviewer should know, written above the statements.
    pub notes: Vec<String>,
    /// Whether those who need the object must wait for the commit: a new value of an enum.
    pub commits_first: bool,
}

impl Step {
    pub fn new(id: &Id, place: Place, statements: Vec<String>) -> Self {
        Self { id: id.clone(), statements, place, notes: Vec::new(), commits_first: false }
    }

    pub fn one(id: &Id, statement: impl Into<String>) -> Self {
        Self::new(id, Place::Together, vec![statement.into()])
    }

    pub fn next(id: &Id, statement: impl Into<String>) -> Self {
        Self::new(id, Place::NextTransaction, vec![statement.into()])
    }

    pub fn alone(id: &Id, statement: impl Into<String>) -> Self {
        Self::new(id, Place::Alone, vec![statement.into()])
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
