//! The flags: what was renamed, which data may be lost, what fills a new column.

use anyhow::{Result, bail};
use std::{cell::RefCell, collections::BTreeSet};

/// The flags of one generation.
#[derive(Debug, Default)]
pub struct Request {
    /// Name of the migration, in snake case.
    pub name: String,
    /// `(old, new)`: tables, `table.column`, types, `type.value`.
    pub renames: Vec<(String, String)>,
    /// Names whose data may be lost.
    pub allow_loss: Vec<String>,
    /// `(table.column, expression)`: the value of a new not-null column in existing rows.
    pub backfills: Vec<(String, String)>,
    used: RefCell<BTreeSet<String>>,
}

impl Request {
    /// Parses the flags: `old=new`, `name`, `table.column=expression`.
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

    pub(super) fn backfill(&self, column: &str) -> Option<&str> {
        let found = self.backfills.iter().find(|(name, _)| name == column)?;
        self.used.borrow_mut().insert(found.0.clone());
        Some(&found.1)
    }

    /// Flags that matched nothing, which are probably typos.
    pub(super) fn unused(&self) -> Vec<String> {
        let used = self.used.borrow();
        let losses = self.allow_loss.iter().map(|name| ("--allow-loss", name));
        let backfills = self.backfills.iter().map(|(name, _)| ("--backfill", name));
        let unused = losses.chain(backfills).filter(|(_, name)| !used.contains(*name));
        unused
            .map(|(flag, name)| {
                format!("{flag} {name} applies to nothing in this change: remove it or fix its name")
            })
            .collect()
    }
}

fn pairs(flag: &str, shape: &str, given: &[String]) -> Result<Vec<(String, String)>> {
    let read = |text: &String| match text.split_once('=') {
        Some((left, right)) if !left.trim().is_empty() && !right.trim().is_empty() => {
            Ok((left.trim().to_owned(), right.trim().to_owned()))
        }
        _ => bail!("cannot parse {flag} {text}: expected {flag} {shape}"),
    };
    given.iter().map(read).collect()
}
