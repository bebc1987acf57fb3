//! An empty migration file with the next number.

use crate::script::{self, Script};
use anyhow::{Context, Result, bail};
use std::{fs, io::Write, path::Path};

/// Creates `NNNN_name.sql` in `folder` and returns a message with its path.
///
/// # Errors
/// When the name is not in snake case or the file cannot be written.
pub fn new(folder: &Path, name: &str) -> Result<String> {
    check_name(name)?;
    let last = Script::read_all(folder)?.iter().filter_map(|script| script::number(&script.file)).max();
    let path = folder.join(format!("{:04}_{name}.sql", last.unwrap_or(0) + 1));
    let mut file = fs::File::create_new(&path).with_context(|| format!("creating {}", path.display()))?;
    writeln!(
        file,
        "-- Explain here why the schema changes. Change schema.sql in the same commit.\n\nset local lock_timeout = '3s';"
    )?;
    let next = "cargo xtask migrate lint && cargo xtask migrate verify";
    Ok(format!("Created {}. When it is written, run: {next}", path.display()))
}

/// The name becomes part of a file name.
///
/// # Errors
/// When it is not in snake case.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        bail!("{name:?} cannot name a migration. Use snake case, such as add_issue_owner");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::new;

    #[test]
    fn a_new_migration_gets_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        new(folder.path(), "first").unwrap();
        let message = new(folder.path(), "second_step").unwrap();
        assert!(message.contains("0002_second_step.sql"), "{message}");
    }

    #[test]
    fn a_name_that_is_not_in_snake_case_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "../up", "Add Owner", "semi;colon"] {
            assert!(new(folder.path(), name).is_err(), "{name:?} was accepted");
        }
    }
}
