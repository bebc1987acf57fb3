//! Secrets: from a variable, or from the file named by the variable with the suffix `_FILE`.
//!
//! Anyone who can run `docker inspect` or read `/proc` sees a variable; a file is protected by its
//! mode. All programs read their secrets here, so that they share the same variables. No message
//! built here repeats a secret.

mod database;
mod file;

pub use database::{DATABASE_PASSWORD, DATABASE_URL, DATABASE_URL_FORM, database_url, password_of};

/// A secret, and warnings about how it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The secret itself.
    pub value: String,
    /// Sentences for the log.
    pub warnings: Vec<String>,
}

/// Reads `name`, or the file named by `<name>_FILE`; an empty variable counts as unset.
///
/// # Errors
/// A sentence: both are set, or the file is missing, empty, not text, or writable by everyone.
pub fn read(lookup: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<Secret>, String> {
    let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let file_name = format!("{name}_FILE");
    match (set(name), set(&file_name)) {
        (None, None) => Ok(None),
        (Some(value), None) => Ok(Some(Secret { value, warnings: Vec::new() })),
        (None, Some(path)) => file::read(&file_name, path.as_ref()).map(Some),
        (Some(_), Some(_)) => Err(format!("{name} and {file_name} are both set. Set only one of them")),
    }
}

/// Reads a secret from the environment of this process.
///
/// # Errors
/// As [`read`].
pub fn read_from_process(name: &str) -> Result<Option<Secret>, String> {
    read(&process_variable, name)
}

/// A variable of this process.
pub fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_from_its_variable_or_its_file_but_not_both() {
        let set = |name: &str| (name == "KEY").then(|| "plain".to_owned());
        let both = |name: &str| ["KEY", "KEY_FILE"].contains(&name).then(|| "hunter2".to_owned());
        assert_eq!(read(&|_| None, "KEY"), Ok(None));
        assert_eq!(read(&|_| Some(String::new()), "KEY"), Ok(None));
        assert_eq!(read(&set, "KEY").unwrap().unwrap().value, "plain");
        let problem = read(&both, "KEY").unwrap_err();
        assert!(
            problem.contains("KEY and KEY_FILE are both set") && !problem.contains("hunter2"),
            "{problem}"
        );
    }
}
