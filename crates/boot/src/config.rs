//! Configuration from the environment, checked as a whole before anything starts.
//!
//! A reader collects every problem it meets instead of stopping at the first: a person mends a
//! configuration once, not once per mistake.

use crate::telemetry::Traces;
use squall_secrets::{DATABASE_PASSWORD, DATABASE_URL, DATABASE_URL_SHAPE};
use std::{fmt, fmt::Write as _, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};
use tracing_subscriber::EnvFilter;

/// Where variables come from: the process, or a test.
type Lookup = Box<dyn Fn(&str) -> Option<String>>;

/// What every process that works reads alike.
#[derive(Debug, Clone)]
pub struct Common {
    /// The address of the database, with its password.
    pub database_url: String,
    /// Connections the pool may open.
    pub pool_size: u32,
    /// How long a caller waits for one of them.
    pub pool_wait: Duration,
    /// Threads of the runtime; one for each core when not set.
    pub worker_threads: Option<usize>,
    /// How to log.
    pub log: Logging,
    /// Where traces go, if anywhere.
    pub traces: Option<Traces>,
    /// Whether unsafe settings are refused.
    pub is_production: bool,
    /// What should be said about the configuration once logging has begun.
    pub warnings: Vec<String>,
}

/// How to log.
#[derive(Debug, Clone)]
pub struct Logging {
    /// A level, or a list as of `tracing`'s `EnvFilter`.
    pub filter: String,
    /// As lines for people instead of JSON.
    pub is_text: bool,
}

/// Reads variables, remembers what was wrong, and what could have been set.
pub struct Env {
    lookup: Lookup,
    /// The variables of ours that are set.
    names: Vec<String>,
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
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self::from_lookup(squall_secrets::of_process).with_names(names)
    }

    /// Names of variables that are set, to find misspelt ones among them.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names.extend(names.into_iter().filter(|name| name.starts_with("SQUALL_")));
        self
    }

    /// Reads variables from anywhere, which is how a test does it.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self {
            lookup: Box::new(lookup),
            names: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            knobs: Vec::new(),
        }
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

    /// What every process that works reads alike.
    pub fn common(&mut self) -> Common {
        let mode = self.choice(
            "SQUALL_ENV",
            "development",
            &["development", "production"],
            "Production refuses unsafe settings and weak secrets.",
        );
        let is_production = mode == "production";
        let database_url = self.database_url();
        if is_production && let Some(weakness) = weakness(&database_url) {
            self.refuse(format!(
                "DATABASE_URL {weakness}. In production give it one of 12 characters or more that nobody guesses, such as that of \
                 `openssl rand -hex 24`, here or in the file that SQUALL_DATABASE_PASSWORD_FILE names"
            ));
        }
        Common {
            database_url,
            pool_size: u32::try_from(self.count(
                "SQUALL_POOL_SIZE",
                8,
                3..=200,
                "Connections to PostgreSQL a process may open.",
            ))
            .unwrap_or(u32::MAX),
            pool_wait: self.seconds(
                "SQUALL_POOL_WAIT",
                5,
                1..=60,
                "How long a request or stage waits for one of them, in seconds.",
            ),
            worker_threads: self.optional_count(
                "SQUALL_WORKER_THREADS",
                1..=256,
                "Threads that do the work; one for each core when it is not set.",
            ),
            log: Logging {
                filter: self
                    .parsed(
                        "SQUALL_LOG",
                        "info",
                        "What to log: a level, or a list such as `info,sqlx=warn`.",
                        "a log filter such as info,sqlx=warn",
                        |text| EnvFilter::try_new(text).ok().map(|_| text.to_owned()),
                    )
                    .unwrap_or_default(),
                is_text: self.choice(
                    "SQUALL_LOG_FORMAT",
                    "json",
                    &["json", "text"],
                    "One JSON object a line, or lines for people.",
                ) == "text",
            },
            traces: Traces::read(self),
            is_production,
            warnings: Vec::new(),
        }
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

    /// A sentence about a variable that no program of ours reads.
    fn misspelt(&self, name: &str) -> Option<String> {
        let own = self.knobs.iter().map(|knob| knob.name);
        let known: Vec<_> = own.chain(KNOWN.iter().copied()).collect();
        if known.contains(&name) {
            return None;
        }
        let nearest = known.into_iter().min_by_key(|known| strsim::levenshtein(known, name))?;
        Some(match strsim::levenshtein(nearest, name) {
            ..=5 => format!("{name} is set, but nothing reads it. Is {nearest} meant?"),
            _ => format!("{name} is set, but nothing reads it. docs/configuration.md lists what there is"),
        })
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

    /// A whole number within bounds that may be left out.
    pub fn optional_count(
        &mut self,
        name: &'static str,
        bounds: RangeInclusive<u64>,
        about: &'static str,
    ) -> Option<usize> {
        let text = self.get(name, None, about)?;
        let number = text.parse().ok().filter(|number| bounds.contains(number));
        if number.is_none() {
            self.problem(name, &text, &format!("a whole number from {} to {}", bounds.start(), bounds.end()));
        }
        number.and_then(|number| usize::try_from(number).ok())
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
    pub fn finish(mut self) -> Result<Vec<String>, ConfigError> {
        let misspelt: Vec<_> = self.names.iter().filter_map(|name| self.misspelt(name)).collect();
        self.warnings.extend(misspelt);
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

/// What makes the password in a database's address no secret; the clause never repeats it.
fn weakness(url: &str) -> Option<&'static str> {
    let options: sqlx::postgres::PgConnectOptions = url.parse().ok()?;
    // Over a socket the operating system says who we are, and with a certificate TLS does.
    if options.get_socket().is_some() || options.get_host().starts_with('/') || url.contains("sslcert=") {
        return None;
    }
    let Some(password) = squall_secrets::password_of(url) else { return Some("holds no password") };
    let lower = password.to_lowercase();
    let is_name = [Some(options.get_username()), options.get_database()].contains(&Some(lower.as_str()));
    if is_name || GUESSED.iter().any(|guess| lower.starts_with(guess)) {
        return Some("holds a password that is a default");
    }
    (password.chars().count() < 12).then_some("holds a password that is too short")
}

/// How passwords begin that stand in examples and are tried first.
const GUESSED: [&str; 9] =
    ["squall", "postgres", "password", "passwort", "secret", "change", "example", "admin", "123456"];

/// Every variable of every program of ours, so that one environment for all of them raises no warning. Tests of the
/// programs keep it complete.
pub const KNOWN: &[&str] = &[
    "SQUALL_BACKUP_IDENTITY",
    "SQUALL_BACKUP_RECIPIENTS",
    "SQUALL_BACKUP_TO",
    "SQUALL_CACHE",
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
    fn production_takes_no_password_that_is_guessed_first() {
        for (url, expected) in [
            ("postgres://squall:squall@db/squall", Some("a default")),
            ("postgres://app:app@db/logs", Some("a default")),
            ("postgres://app:logs@db/logs", Some("a default")),
            ("postgres://app:ChangeMe-please-123@db/logs", Some("a default")),
            ("postgres://app:x7Kq9@db/logs", Some("too short")),
            ("postgres://app@db/logs", Some("no password")),
            ("postgres:///logs?host=/run/postgresql&user=app", None),
            ("postgres://app:2c9d0c41ab5e7ff3@db/logs", None),
        ] {
            for mode in ["production", "development"] {
                let mut env = Env::from_lookup(move |name| match name {
                    "DATABASE_URL" => Some(url.to_owned()),
                    "SQUALL_ENV" => Some(mode.to_owned()),
                    _ => None,
                });
                env.common();
                let said = env.finish().map_err(|error| error.to_string());
                match expected.filter(|_| mode == "production") {
                    None => assert_eq!(said, Ok(Vec::new()), "{url}"),
                    Some(expected) => {
                        let said = said.unwrap_err();
                        assert!(said.contains(expected) && !said.contains("x7Kq9"), "{said}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_misspelt_variable_is_told_with_the_one_that_is_meant() {
        let set = [
            "SQUALL_POL_SIZE",
            "SQUALL_POLL_BYTES",
            "SQUALL_BACKUP_TO",
            "SQUALL_SOMETHING_ELSE_ALTOGETHER",
            "PATH",
        ];
        let mut env = env(&[("DATABASE_URL", "postgres://h/d")]).with_names(set.map(str::to_owned));
        env.common();
        let said = env.finish().unwrap();
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0], "SQUALL_POL_SIZE is set, but nothing reads it. Is SQUALL_POOL_SIZE meant?");
        assert!(said[1].starts_with("SQUALL_SOMETHING_ELSE_ALTOGETHER is set, but nothing reads it. docs/"));
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
