//! What a person says beside the declaration: what was renamed, what may be lost, what fills a new column.

use anyhow::{Result, bail};
use std::{cell::RefCell, collections::BTreeSet};

/// The flags of one generation.
#[derive(Debug, Default)]
pub struct Request {
    /// The name of the migration, in snake case.
    pub name: String,
    /// `(old, new)`: tables, `table.column`, types, `type.value`.
    pub renames: Vec<(String, String)>,
    /// What may be dropped or cut although data go with it.
    pub allow_loss: Vec<String>,
    /// `(table.column, expression)`: what rows that exist get in a new column that must not be null.
    pub backfills: Vec<(String, String)>,
    used: RefCell<BTreeSet<String>>,
}

impl Request {
    /// Reads the flags as a person typed them: `old=new`, `name`, `table.column=expression`.
    ///
    /// # Errors
    /// When a rename or a backfill has no `=`.
    pub fn parse(
        name: &str,
        renames: &[String],
        allow_loss: &[String],
        backfills: &[String],
    ) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            renames: pairs("--rename", "old=new", renames)?,
            allow_loss: allow_loss.to_vec(),
            backfills: pairs("--backfill", "table.column=expression", backfills)?,
            used: RefCell::default(),
        })
    }

    /// Whether the loss of `name`, or of the table it is in, was allowed.
    pub(super) fn allows(&self, name: &str) -> bool {
        let within = |allowed: &&String| {
            name == allowed.as_str()
                || name.strip_prefix(allowed.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        let allowed: Vec<&String> = self.allow_loss.iter().filter(within).collect();
        self.used.borrow_mut().extend(allowed.iter().map(|name| (*name).clone()));
        !allowed.is_empty()
    }

    /// The expression for the rows that have no value yet.
    pub(super) fn backfill(&self, column: &str) -> Option<&str> {
        let found = self.backfills.iter().find(|(name, _)| name == column)?;
        self.used.borrow_mut().insert(found.0.clone());
        Some(&found.1)
    }

    /// Flags that named nothing: a slip of the pen that would otherwise go unseen.
    pub(super) fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        let losses = self.allow_loss.iter().map(|name| ("--allow-loss", name));
        let backfills = self.backfills.iter().map(|(name, _)| ("--backfill", name));
        let idle = losses.chain(backfills).filter(|(_, name)| !used.contains(*name));
        idle.map(|(flag, name)| {
            format!("{flag} {name} applies to nothing in this change: leave it out or mend its name")
        })
        .collect()
    }
}

fn pairs(flag: &str, shape: &str, given: &[String]) -> Result<Vec<(String, String)>> {
    let read = |text: &String| match text.split_once('=') {
        Some((left, right)) if !left.trim().is_empty() && !right.trim().is_empty() => {
            Ok((left.trim().to_owned(), right.trim().to_owned()))
        }
        _ => bail!("{flag} {text} cannot be read: it is written {flag} {shape}"),
    };
    given.iter().map(read).collect()
}
