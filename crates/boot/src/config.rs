//! The settings that the api and the worker share.

use crate::telemetry::{Logging, Traces};
use sqlx::postgres::PgConnectOptions;
use squall_base::{Environment, secrets};
use std::time::Duration;

/// The settings that the api and the worker share.
#[derive(Debug, Clone)]
pub struct Common {
    /// The address of the database, with its password.
    pub database_url: String,
    /// Connections the pool may open.
    pub pool_size: u32,
    /// How long a caller waits for one of them.
    pub pool_wait: Duration,
    /// Threads of the runtime; one per core when unset.
    pub worker_threads: Option<usize>,
    /// How to log.
    pub logging: Logging,
    /// Where traces go, if anywhere.
    pub traces: Option<Traces>,
    /// Whether unsafe settings are refused.
    pub is_production: bool,
    /// Warnings about the configuration, to log once logging has started.
    pub warnings: Vec<String>,
}

impl Common {
    /// Reads the variables. A program fills in `warnings` when it has read all of its own.
    pub fn read(env: &mut Environment) -> Self {
        let mode = env.choice(
            "SQUALL_ENV",
            "development",
            &["development", "production"],
            "`development` or `production`. Production refuses unsafe settings and weak secrets.",
        );
        let is_production = mode == "production";
        Self {
            database_url: database_url(env, is_production),
            pool_size: u32::try_from(env.count(
                "SQUALL_POOL_SIZE",
                8,
                3..=200,
                "Connections to PostgreSQL that a process may open.",
            ))
            .unwrap_or(u32::MAX),
            pool_wait: env.seconds(
                "SQUALL_POOL_WAIT",
                5,
                1..=60,
                "How long a request or stage waits for one of them, in seconds.",
            ),
            worker_threads: env
                .optional_count(
                    "SQUALL_WORKER_THREADS",
                    1..=256,
                    "Threads of the process, also in the api; by default one per core.",
                )
                .and_then(|threads| usize::try_from(threads).ok()),
            logging: Logging::read(env),
            traces: Traces::read(env),
            is_production,
            warnings: Vec::new(),
        }
    }
}

fn database_url(env: &mut Environment, is_production: bool) -> String {
    let Some(url) = env.database_url() else { return String::new() };
    let Ok(options) = url.parse::<PgConnectOptions>() else {
        env.reject_database_url();
        return String::new();
    };
    if is_production && let Some(weakness) = weakness(&url, &options) {
        env.reject(format!(
            "DATABASE_URL {weakness}. In production use a random one of 12 characters or more, such as the output of \
             `openssl rand -hex 24`, here or in the file that SQUALL_DATABASE_PASSWORD_FILE names"
        ));
    }
    url
}

/// Why the password of a database address is not a secret; the clause never repeats it.
fn weakness(url: &str, options: &PgConnectOptions) -> Option<&'static str> {
    // Over a socket the operating system identifies the user, and with a client certificate TLS
    // does.
    if options.get_socket().is_some() || options.get_host().starts_with('/') || url.contains("sslcert=") {
        return None;
    }
    let Some(password) = secrets::password_of(url) else { return Some("holds no password") };
    let lower = password.to_lowercase();
    let is_name = [Some(options.get_username()), options.get_database()].contains(&Some(lower.as_str()));
    if is_name || COMMON_PASSWORDS.iter().any(|common| lower.starts_with(common)) {
        return Some("holds a password that is a default");
    }
    (password.chars().count() < 12).then_some("holds a password that is too short")
}

/// How passwords start that examples use and attackers try first.
const COMMON_PASSWORDS: [&str; 9] =
    ["squall", "postgres", "password", "passwort", "secret", "change", "example", "admin", "123456"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_refuses_passwords_that_are_easy_to_guess() {
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
                let mut env = Environment::from_lookup(move |name| match name {
                    "DATABASE_URL" => Some(url.to_owned()),
                    "SQUALL_ENV" => Some(mode.to_owned()),
                    _ => None,
                });
                Common::read(&mut env);
                let result = env.finish().map_err(|failure| failure.to_string());
                match expected.filter(|_| mode == "production") {
                    None => assert_eq!(result, Ok(Vec::new()), "{url}"),
                    Some(expected) => {
                        let failure = result.unwrap_err();
                        assert!(failure.contains(expected) && !failure.contains("x7Kq9"), "{failure}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_address_that_the_driver_cannot_read_is_refused() {
        let mut env = Environment::from_lookup(|name| {
            (name == "DATABASE_URL").then(|| "postgres://h:port/hunter2".to_owned())
        });
        Common::read(&mut env);
        let failure = env.finish().unwrap_err().to_string();
        assert!(failure.contains("not a PostgreSQL address") && !failure.contains("hunter2"), "{failure}");
    }
}
