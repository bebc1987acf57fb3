//! Settings from environment variables, checked as a whole before anything starts.
//!
//! Each read names the variable, its default and what it is for, so that the same code validates a
//! configuration and lists it for the docs. Problems are collected: a user fixes a configuration
//! once, not once per mistake.

use crate::{
    failure::Failure,
    secrets::{self, DATABASE_PASSWORD, DATABASE_URL, DATABASE_URL_FORM},
};
use std::{fmt::Write as _, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

/// Where variables come from: the process, or a test.
type Lookup = Box<dyn Fn(&str) -> Option<String>>;

/// A variable that a user can set, as the docs list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its default; `None` when it has to be set or may stay unset.
    pub default: Option<String>,
    /// What it is for, with its unit.
    pub about: &'static str,
}

/// Reads variables, and remembers the problems and what could have been set.
pub struct Environment {
    lookup: Lookup,
    /// The `SQUALL_` variables that are set.
    names: Vec<String>,
    problems: Vec<String>,
    warnings: Vec<String>,
    variables: Vec<Variable>,
}

impl Environment {
    /// The variables of this process.
    pub fn from_process() -> Self {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self::from_lookup(secrets::process_variable).with_names(names)
    }

    /// Variables from a function, for tests.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self {
            lookup: Box::new(lookup),
            names: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// Adds the names of variables that are set, to find misspelt ones among them.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names.extend(names.into_iter().filter(|name| name.starts_with("SQUALL_")));
        self
    }

    /// A value with a default. `form` completes the sentence "… is not …".
    pub fn get<T>(
        &mut self,
        name: &'static str,
        default: &str,
        about: &'static str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.look_up(name, Some(default), about).unwrap_or_else(|| default.to_owned());
        self.parse(name, &text, form, parse)
    }

    /// A value that may be unset.
    pub fn get_optional<T>(
        &mut self,
        name: &'static str,
        about: &'static str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.look_up(name, None, about)?;
        self.parse(name, &text, form, parse)
    }

    /// A value that has to be set.
    pub fn get_required<T>(
        &mut self,
        name: &'static str,
        about: &'static str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        match self.look_up(name, None, about) {
            Some(text) => self.parse(name, &text, form, parse),
            None => {
                self.reject(format!("{name} is not set. Set it to {form}"));
                None
            }
        }
    }

    /// Any text.
    pub fn text(&mut self, name: &'static str, default: &str, about: &'static str) -> String {
        self.look_up(name, Some(default), about).unwrap_or_else(|| default.to_owned())
    }

    /// Text that may be unset.
    pub fn optional_text(&mut self, name: &'static str, about: &'static str) -> Option<String> {
        self.look_up(name, None, about)
    }

    /// A folder or file that may be unset, but exists when it is set.
    pub fn optional_path(&mut self, name: &'static str, about: &'static str) -> Option<PathBuf> {
        self.get_optional(name, about, "a path that exists", |text| {
            Some(PathBuf::from(text)).filter(|path| path.exists())
        })
    }

    /// `host:port` to listen on.
    pub fn address(&mut self, name: &'static str, default: &str, about: &'static str) -> SocketAddr {
        self.get(name, default, about, "an address such as 127.0.0.1:8642", |text| text.parse().ok())
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// `host:port` that may be unset.
    pub fn optional_address(&mut self, name: &'static str, about: &'static str) -> Option<SocketAddr> {
        self.get_optional(name, about, "an address such as 127.0.0.1:9642", |text| text.parse().ok())
    }

    /// An `http://` or `https://` address without a path, and without a slash at its end.
    pub fn origin(&mut self, name: &'static str, default: &str, about: &'static str) -> String {
        let parse = |text: &str| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
            let host = rest.trim_end_matches('/');
            (!host.is_empty() && !host.contains(['/', '?', '#', ' ']))
                .then(|| text.trim_end_matches('/').to_owned())
        };
        self.get(name, default, about, "an address such as https://squall.example.org", parse)
            .unwrap_or_default()
    }

    /// A whole number within bounds.
    pub fn count(
        &mut self,
        name: &'static str,
        default: u64,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> u64 {
        let parse = |text: &str| text.parse().ok().filter(|number| bounds.contains(number));
        self.get(name, &default.to_string(), about, &whole_number(&bounds), parse).unwrap_or(default)
    }

    /// A whole number within bounds that may be unset.
    pub fn optional_count(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> Option<u64> {
        let parse = |text: &str| text.parse().ok().filter(|number| bounds.contains(number));
        self.get_optional(name, about, &whole_number(&bounds), parse)
    }

    /// A whole number of seconds within bounds.
    pub fn seconds(
        &mut self,
        name: &'static str,
        default: u64,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> Duration {
        Duration::from_secs(self.count(name, default, bounds, about))
    }

    /// A number of bytes, written plainly or with KiB, MiB or GiB.
    pub fn bytes(
        &mut self,
        name: &'static str,
        default: &str,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> usize {
        let form = format!("a size such as 10MiB, from {} to {} bytes", bounds.start(), bounds.end());
        let parse = |text: &str| parse_bytes(text).filter(|size| bounds.contains(size));
        self.get(name, default, about, &form, parse).and_then(|size| usize::try_from(size).ok()).unwrap_or(0)
    }

    /// One word of a few.
    pub fn choice(
        &mut self,
        name: &'static str,
        default: &'static str,
        choices: &[&'static str],
        about: &'static str,
    ) -> &'static str {
        let form = format!("one of {}", choices.join(", "));
        let parse = |text: &str| choices.iter().copied().find(|choice| *choice == text);
        self.get(name, default, about, &form, parse).unwrap_or(default)
    }

    /// A secret from a variable or a file. `names` are the variable and the same with `_FILE`.
    pub fn secret(&mut self, names: [&'static str; 2], about: &'static str) -> Option<String> {
        self.add_secret(about, names);
        match secrets::read(&self.lookup, names[0]) {
            Ok(secret) => secret.map(|secret| {
                self.warnings.extend(secret.warnings);
                secret.value
            }),
            Err(problem) => {
                self.reject(problem);
                None
            }
        }
    }

    /// The address of the database, which has no default; `None` when it cannot be used.
    pub fn database_url(&mut self) -> Option<String> {
        self.add_secret(
            "The PostgreSQL database: postgres://user:password@host:port/database.",
            [DATABASE_URL, "DATABASE_URL_FILE"],
        );
        self.add_secret(
            "Database password, if `DATABASE_URL` contains none.",
            [DATABASE_PASSWORD, "SQUALL_DATABASE_PASSWORD_FILE"],
        );
        match secrets::database_url(&self.lookup) {
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
            Ok(secret) => {
                self.warnings.extend(secret.warnings);
                // The value holds a password, so a message never repeats it.
                let url = secret.value;
                let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
                if !is_postgres {
                    self.reject_database_url();
                }
                is_postgres.then_some(url)
            }
        }
    }

    /// Adds the problem that the address of the database cannot be read.
    pub fn reject_database_url(&mut self) {
        self.reject(format!("{DATABASE_URL} is not a PostgreSQL address of the form {DATABASE_URL_FORM}"));
    }

    /// Adds a problem that shows only when several values are seen together.
    pub fn reject(&mut self, sentence: impl Into<String>) {
        self.problems.push(sentence.into());
    }

    /// What was read so far, in that order.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Warnings for the log.
    ///
    /// # Errors
    /// All problems met so far in one [`Failure`].
    pub fn finish(mut self) -> Result<Vec<String>, Failure> {
        if !self.problems.is_empty() {
            return Err(Failure::new(
                "reading the settings from the environment; nothing was started",
                self.problems.join("\n"),
                "fix the variables named above; the command config-table of this program lists all of them",
            ));
        }
        let unread: Vec<_> = self.names.iter().filter_map(|name| self.unread(name)).collect();
        self.warnings.extend(unread);
        Ok(self.warnings)
    }

    /// A sentence about a variable that no Squall program reads.
    fn unread(&self, name: &str) -> Option<String> {
        let own = self.variables.iter().map(|variable| variable.name);
        let known: Vec<_> = own.chain(KNOWN_VARIABLES.iter().copied()).collect();
        if known.contains(&name) {
            return None;
        }
        let nearest = known.into_iter().min_by_key(|known| strsim::levenshtein(known, name))?;
        Some(match strsim::levenshtein(nearest, name) {
            ..=5 => format!("{name} is set, but nothing reads it. Did you mean {nearest}?"),
            _ => format!(
                "{name} is set, but nothing reads it. docs/reference/configuration.md lists all variables"
            ),
        })
    }

    fn add_secret(&mut self, about: &'static str, names: [&'static str; 2]) {
        let file = "File that contains the value of the variable above; set only one of the two.";
        for (name, about) in names.into_iter().zip([about, file]) {
            self.variables.push(Variable { name, default: None, about });
        }
    }

    /// Empty counts as unset, as in a Compose file with `${VARIABLE:-}`.
    fn look_up(&mut self, name: &'static str, default: Option<&str>, about: &'static str) -> Option<String> {
        let default = default.filter(|text| !text.is_empty()).map(str::to_owned);
        self.variables.push(Variable { name, default, about });
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn parse<T>(
        &mut self,
        name: &str,
        text: &str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(text);
        if value.is_none() {
            self.reject(format!("{name} is {text:?}, which is not {form}"));
        }
        value
    }
}

/// The variables as a Markdown table, for the docs.
pub fn markdown(variables: &[Variable]) -> String {
    let mut table = String::from("| variable | default | what it is for |\n| --- | --- | --- |\n");
    for Variable { name, default, about } in variables {
        let default = default.as_deref().map_or_else(|| "–".to_owned(), |text| format!("`{text}`"));
        let _ = writeln!(table, "| `{name}` | {default} | {about} |");
    }
    table
}

/// Every variable of every program: one environment for all of them then raises no warning. The
/// programs' tests keep this list complete.
pub const KNOWN_VARIABLES: &[&str] = &[
    "SQUALL_BACKUP_IDENTITY",
    "SQUALL_BACKUP_RECIPIENTS",
    "SQUALL_BACKUP_TO",
    "SQUALL_CACHE",
    "SQUALL_CI_CACHE",
    "SQUALL_CI_CACHE_MODE",
    "SQUALL_COUNTS_DAYS",
    "SQUALL_DATABASE_PASSWORD",
    "SQUALL_DATABASE_PASSWORD_FILE",
    "SQUALL_DIGEST_EVENTS",
    "SQUALL_ENV",
    "SQUALL_GRACEFUL_TIMEOUT",
    "SQUALL_HEALTH_LISTEN",
    "SQUALL_INGEST_BURST",
    "SQUALL_INGEST_RATE",
    "SQUALL_KEEP_ALIVE",
    "SQUALL_LISTEN",
    "SQUALL_LOG",
    "SQUALL_LOG_FORMAT",
    "SQUALL_MAX_BODY",
    "SQUALL_MAX_UNPACKED",
    "SQUALL_METRICS_LISTEN",
    "SQUALL_PG_BIN",
    "SQUALL_POLL_BYTES",
    "SQUALL_POLL_INTERVAL_MS",
    "SQUALL_POOL_SIZE",
    "SQUALL_POOL_WAIT",
    "SQUALL_PUBLIC_URL",
    "SQUALL_REQUEST_TIMEOUT",
    "SQUALL_SESSION_LIFETIME",
    "SQUALL_STATE",
    "SQUALL_WEB_ROOT",
    "SQUALL_WORKER_THREADS",
];

fn whole_number(bounds: &RangeInclusive<u64>) -> String {
    format!("a whole number from {} to {}", bounds.start(), bounds.end())
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let factor = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&'static str, &'static str)]) -> Environment {
        Environment::from_lookup(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_problem_is_reported_at_once_and_the_password_never() {
        let mut env =
            environment(&[("DATABASE_URL", "mysql://root:hunter2@db"), ("A", "80"), ("B", "0"), ("C", "x")]);
        env.database_url();
        env.address("A", "127.0.0.1:1", "");
        env.count("B", 5, 1..=9, "");
        env.choice("C", "on", &["on", "off"], "");
        env.get_required("D", "", "a word", |text| Some(text.to_owned()));
        let failure = env.finish().unwrap_err().to_string();
        for part in ["DATABASE_URL", "A is \"80\"", "from 1 to 9", "one of on, off", "D is not set"] {
            assert!(failure.contains(part), "{part} is missing in {failure}");
        }
        assert!(!failure.contains("hunter2"));
    }

    #[test]
    fn a_misspelt_variable_is_reported_with_the_likely_name() {
        let set = [
            "SQUALL_POL_SIZE",
            "SQUALL_POLL_BYTES",
            "SQUALL_BACKUP_TO",
            "SQUALL_SOMETHING_ELSE_ALTOGETHER",
            "PATH",
        ];
        let warnings = environment(&[]).with_names(set.map(str::to_owned)).finish().unwrap();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert_eq!(
            warnings[0],
            "SQUALL_POL_SIZE is set, but nothing reads it. Did you mean SQUALL_POOL_SIZE?"
        );
        assert!(
            warnings[1].starts_with("SQUALL_SOMETHING_ELSE_ALTOGETHER is set, but nothing reads it. docs/")
        );
    }

    #[test]
    fn sizes_read_with_and_without_a_unit() {
        for (text, expected) in
            [("10", Some(10)), ("2KiB", Some(2048)), ("1 MiB", Some(1 << 20)), ("1MB", None), ("", None)]
        {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn an_origin_has_no_path_and_loses_its_last_slash() {
        for (text, is_valid) in
            [("https://a.b/", true), ("http://a:1", true), ("a.b", false), ("https://a/b", false)]
        {
            let mut env = Environment::from_lookup(move |_| Some(text.to_owned()));
            let origin = env.origin("U", "http://x", "");
            assert_eq!(env.finish().is_ok(), is_valid, "{text}");
            assert!(!origin.ends_with('/'));
        }
    }

    #[test]
    fn the_table_lists_what_was_read_with_its_default() {
        let mut env = environment(&[("A", " 7 ")]);
        assert_eq!(env.count("A", 5, 1..=9, "How many."), 7);
        assert_eq!(env.get_optional("B", "What else.", "a word", |text| Some(text.to_owned())), None);
        let table = markdown(env.variables());
        assert!(table.ends_with("| `A` | `5` | How many. |\n| `B` | – | What else. |\n"), "{table}");
    }
}
