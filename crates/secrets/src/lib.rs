//! Secrets: from a variable, or from the file that the variable with `_FILE` behind its name leads to.
//!
//! A variable shows in `docker inspect` and in `/proc`; a file shows to whom its mode lets see it. Every program reads
//! its secrets here, so that the same variables work for all of them. No sentence made here repeats a secret.

mod database;
mod file;

pub use database::{DATABASE_PASSWORD, DATABASE_URL, DATABASE_URL_SHAPE, database_url, password_of};

/// A secret, and what should be said about the way it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The secret.
    pub value: String,
    /// Sentences for the log.
    pub warnings: Vec<String>,
}

/// Reads `name`, or the file that `<name>_FILE` leads to; an empty variable counts as not set.
///
/// # Errors
/// A sentence: both are set, or the file is missing, empty, no text, or open for everybody to write.
pub fn read(lookup: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<Found>, String> {
    let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let name_of_file = format!("{name}_FILE");
    match (set(name), set(&name_of_file)) {
        (None, None) => Ok(None),
        (Some(value), None) => Ok(Some(Found { value, warnings: Vec::new() })),
        (None, Some(path)) => file::read(&name_of_file, path.as_ref()).map(Some),
        (Some(_), Some(_)) => Err(format!("{name} and {name_of_file} are both set. Set one of them")),
    }
}

/// The same from the environment of this process.
///
/// # Errors
/// As [`read`].
pub fn read_from_process(name: &str) -> Result<Option<Found>, String> {
    read(&of_process, name)
}

/// A variable of this process.
pub fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_from_one_place_only() {
        let set = |name: &str| (name == "KEY").then(|| "plain".to_owned());
        let both = |name: &str| ["KEY", "KEY_FILE"].contains(&name).then(|| "hunter2".to_owned());
        assert_eq!(read(&|_| None, "KEY"), Ok(None));
        assert_eq!(read(&|_| Some(String::new()), "KEY"), Ok(None));
        assert_eq!(read(&set, "KEY").unwrap().unwrap().value, "plain");
        let said = read(&both, "KEY").unwrap_err();
        assert!(said.contains("KEY and KEY_FILE are both set") && !said.contains("hunter2"), "{said}");
    }
}
