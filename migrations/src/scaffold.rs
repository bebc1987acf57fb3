//! The next migration file: its number follows the last one, its head says what a reviewer looks for.

use anyhow::{Context, Result, bail};
use squall_migrations::script::{self, Script};
use std::{fs, io::Write, path::Path};

/// Makes `NNNN_name.sql` in `folder` and says where it is.
pub(crate) fn new(folder: &Path, name: &str) -> Result<String> {
    check_name(name)?;
    let last = Script::read_all(folder)?.iter().filter_map(|script| script::number(&script.file)).max();
    let path = folder.join(format!("{:04}_{name}.sql", last.unwrap_or(0) + 1));
    let mut file = fs::File::create_new(&path).with_context(|| format!("making {}", path.display()))?;
    writeln!(
        file,
        "-- Say here why the schema changes. Change schema.sql in the same commit.\n\nset local lock_timeout = '3s';"
    )?;
    Ok(format!("Made {}. Then: cargo xtask migrate lint, and cargo xtask migrate verify", path.display()))
}

/// A name goes into the file's name as it is.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        bail!("{name:?} is not a name for a migration. Use snake case, such as add_issue_owner");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::new;

    #[test]
    fn the_next_number_follows_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        new(folder.path(), "first").unwrap();
        let said = new(folder.path(), "second_step").unwrap();
        assert!(said.contains("0002_second_step.sql"), "{said}");
    }

    #[test]
    fn a_name_that_is_no_file_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "../up", "Add Owner", "semi;colon"] {
            assert!(new(folder.path(), name).is_err(), "{name:?} was taken");
        }
    }
}
