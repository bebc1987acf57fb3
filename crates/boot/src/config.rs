//! Configuration from the environment, checked as a whole before anything starts.
//!
//! A reader collects every problem it meets instead of stopping at the first: a person mends a
//! configuration once, not once per mistake.

use squall_secrets::{DATABASE_PASSWORD, DATABASE_URL, DATABASE_URL_SHAPE};
use std::{fmt, fmt::Write as _, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

/// Where variables come from: the process, or a test.
type Lookup = Box<dyn Fn(&str) -> Option<String>>;

/// Reads variables, remembers what was wrong, and what could have been set.
pub struct Env {
    lookup: Lookup,
    problems: Vec<String>,
    warnings: Vec<String>,
    knobs: Vec<Knob>,
}

/// One variable a person may set, for the table in the docs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knob {
    /// The variable's name.
    pub name: &'static str,
    /// The value it has when nobody sets it; `None` when it must be set or may stay empty.
    pub default: Option<String>,
    /// What it is for, with its unit.
    pub about: &'static str,
}

/// All problems of a configuration, one a line.
#[derive(Debug)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used; nothing was started")?;
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl Env {
    /// Reads the variables of this process.
    pub fn from_process() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads variables from anywhere, which is how a test does it.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self { lookup: Box::new(lookup), problems: Vec::new(), warnings: Vec::new(), knobs: Vec::new() }
    }

    /// Any text; empty counts as not set.
    pub fn text(&mut self, name: &'static str, default: &str, about: &'static str) -> String {
        self.get(name, Some(default), about).unwrap_or_else(|| default.to_owned())
    }

    /// Text that may be left out.
    pub fn optional(&mut self, name: &'static str, about: &'static str) -> Option<String> {
        self.get(name, None, about)
    }

    /// A folder or file that may be left out; it must exist when it is set.
    pub fn path(&mut self, name: &'static str, about: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.get(name, None, about)?);
        if !path.exists() {
            self.problem(name, &path.display().to_string(), "a path that exists");
        }
        Some(path)
    }

    /// The address of the database, which has no default.
    pub fn database_url(&mut self) -> String {
        self.note_secret(
            "The PostgreSQL database: postgres://user:password@host:port/database.",
            [DATABASE_URL, "DATABASE_URL_FILE"],
        );
        self.note_secret(
            "Its password, when `DATABASE_URL` holds none.",
            [DATABASE_PASSWORD, "SQUALL_DATABASE_PASSWORD_FILE"],
        );
        match squall_secrets::database_url(&self.lookup) {
            Err(problems) => {
                self.problems.extend(problems);
                String::new()
            }
            Ok(found) => {
                self.warnings.extend(found.warnings);
                // The value holds a password, so a message never repeats it.
                let url = found.value;
                let scheme = url.starts_with("postgres://") || url.starts_with("postgresql://");
                if !scheme || url.parse::<sqlx::postgres::PgConnectOptions>().is_err() {
                    self.problems.push(format!(
                        "DATABASE_URL is not a PostgreSQL address. It reads {DATABASE_URL_SHAPE}"
                    ));
                }
                url
            }
        }
    }

    /// A secret: the variable, or the file that the one with `_FILE` behind its name leads to. `names` are both.
    pub fn secret(&mut self, names: [&'static str; 2], about: &'static str) -> Option<String> {
        self.note_secret(about, names);
        match squall_secrets::read(&self.lookup, names[0]) {
            Ok(None) => None,
            Ok(Some(found)) => {
                self.warnings.extend(found.warnings);
                Some(found.value)
            }
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn note_secret(&mut self, about: &'static str, names: [&'static str; 2]) {
        let file = "A file with the one above, instead of it.";
        for (name, about) in names.into_iter().zip([about, file]) {
            self.knobs.push(Knob { name, default: None, about });
        }
    }

    /// `host:port` to listen on.
    pub fn addr(&mut self, name: &'static str, default: &str, about: &'static str) -> SocketAddr {
        self.parsed(name, default, about, "an address such as 127.0.0.1:8642", |text| text.parse().ok())
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// `host:port` that may be left out.
    pub fn optional_addr(&mut self, name: &'static str, about: &'static str) -> Option<SocketAddr> {
        let text = self.get(name, None, about)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.problem(name, &text, "an address such as 127.0.0.1:9642");
        }
        parsed
    }

    /// `http://` or `https://` address without a path behind it, with no slash at the end.
    pub fn url(&mut self, name: &'static str, default: &str, about: &'static str) -> String {
        let parse = |text: &str| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
            let host = rest.trim_end_matches('/');
            (!host.is_empty() && !host.contains(['/', '?', '#', ' ']))
                .then(|| text.trim_end_matches('/').to_owned())
        };
        self.parsed(name, default, about, "an address such as https://squall.example.org", parse)
            .unwrap_or_default()
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

    /// A whole number within bounds.
    pub fn count(
        &mut self,
        name: &'static str,
        default: u64,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> u64 {
        let shape = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let parse = |text: &str| text.parse().ok().filter(|number| bounds.contains(number));
        self.parsed(name, &default.to_string(), about, &shape, parse).unwrap_or(default)
    }

    /// A size in bytes, written plainly or with KiB, MiB or GiB.
    pub fn bytes(
        &mut self,
        name: &'static str,
        default: &str,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> usize {
        let shape = format!("a size such as 10MiB, from {} to {} bytes", bounds.start(), bounds.end());
        let parse = |text: &str| parse_bytes(text).filter(|size| bounds.contains(size));
        self.parsed(name, default, about, &shape, parse)
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(0)
    }

    /// One word of a few.
    pub fn choice(
        &mut self,
        name: &'static str,
        default: &'static str,
        choices: &[&'static str],
        about: &'static str,
    ) -> &'static str {
        let shape = format!("one of {}", choices.join(", "));
        let parse = |text: &str| choices.iter().copied().find(|choice| *choice == text);
        self.parsed(name, default, about, &shape, parse).unwrap_or(default)
    }

    /// Notes a problem that only shows when several values are seen together.
    pub fn refuse(&mut self, sentence: impl Into<String>) {
        self.problems.push(sentence.into());
    }

    /// What was asked for so far, in that order.
    pub fn knobs(&self) -> &[Knob] {
        &self.knobs
    }

    /// What should be said once logging has begun.
    ///
    /// # Errors
    /// Every problem met since the start, together.
    pub fn finish(self) -> Result<Vec<String>, ConfigError> {
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(ConfigError(self.problems)) }
    }

    fn get(&mut self, name: &'static str, default: Option<&str>, about: &'static str) -> Option<String> {
        self.knobs.push(Knob { name, default: default.map(str::to_owned), about });
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        default: &str,
        about: &'static str,
        shape: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.get(name, Some(default), about).unwrap_or_else(|| default.to_owned());
        let value = parse(&text);
        if value.is_none() {
            self.problem(name, &text, shape);
        }
        value
    }

    fn problem(&mut self, name: &str, value: &str, shape: &str) {
        self.problems.push(format!("{name} is {value:?}, which is not {shape}"));
    }
}

/// The knobs as a Markdown table, for the docs.
pub fn markdown(knobs: &[Knob]) -> String {
    let mut table = String::from("| variable | default | what it is for |\n| --- | --- | --- |\n");
    for Knob { name, default, about } in knobs {
        let default = default
            .as_deref()
            .filter(|text| !text.is_empty())
            .map_or("–".into(), |text| format!("`{text}`"));
        let _ = writeln!(table, "| `{name}` | {default} | {about} |");
    }
    table
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

    fn env(pairs: &'static [(&'static str, &'static str)]) -> Env {
        Env::from_lookup(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_problem_is_told_at_once_and_the_password_never() {
        let mut env =
            env(&[("DATABASE_URL", "mysql://root:hunter2@db"), ("A", "80"), ("B", "0"), ("C", "x")]);
        env.database_url();
        env.addr("A", "127.0.0.1:1", "");
        env.count("B", 5, 1..=9, "");
        env.choice("C", "on", &["on", "off"], "");
        let said = env.finish().unwrap_err().to_string();
        for part in ["DATABASE_URL", "A is \"80\"", "from 1 to 9", "one of on, off"] {
            assert!(said.contains(part), "{part} is missing in {said}");
        }
        assert!(!said.contains("hunter2"));
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
    fn an_address_keeps_no_slash_and_no_path() {
        for (text, good) in
            [("https://a.b/", true), ("http://a:1", true), ("a.b", false), ("https://a/b", false)]
        {
            let mut env = Env::from_lookup(move |_| Some(text.to_owned()));
            let url = env.url("U", "http://x", "");
            assert_eq!(env.finish().is_ok(), good, "{text}");
            assert!(!url.ends_with('/'));
        }
    }
}
