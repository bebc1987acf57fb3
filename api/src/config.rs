//! What a person can set, checked before anything starts.

use crate::limits::bucket::Rate;
use squall_base::{Environment, Failure, Variable};
use squall_boot::config::Common;
use squall_live::Address;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The api's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the worker reads too.
    pub common: Common,
    /// Where Redis is, if replicas share one.
    pub redis: Option<Address>,
    /// Where the api listens.
    pub listen: SocketAddr,
    /// Where `/metrics` is served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The address people open, without a slash at its end.
    pub public_url: String,
    /// The folder with the built web app.
    pub web_root: Option<PathBuf>,
    /// Longest time a request may take.
    pub request_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// Longest time the end of the process waits for requests under way.
    pub graceful_timeout: Duration,
    /// Largest body as it is sent.
    pub max_body_bytes: usize,
    /// Largest body after unpacking.
    pub max_unpacked_bytes: usize,
    /// How much a project key may send, if there is a limit.
    pub ingest_rate: Option<Rate>,
    /// How long a session lives without being used.
    pub session_lifetime: Duration,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Every value that cannot be used, together.
    pub fn read(mut env: Environment) -> Result<Self, Failure> {
        let mut config = Self::describe(&mut env);
        config.common.warnings = env.finish()?;
        Ok(config)
    }

    /// Every variable with its default, for the docs.
    pub fn variables() -> Vec<Variable> {
        let mut env = Environment::from_lookup(|_| None);
        Self::describe(&mut env);
        env.variables().to_vec()
    }

    /// Where the api listens, which is all that its health check needs to know.
    pub fn listen(env: &mut Environment) -> SocketAddr {
        env.address(
            "SQUALL_LISTEN",
            "127.0.0.1:8642",
            "Where the api listens; `0.0.0.0:8642` for every address.",
        )
    }

    fn describe(env: &mut Environment) -> Self {
        const MIB: u64 = 1 << 20;
        let common = Common::read(env);
        let redis = Address::read(env);
        let listen = Self::listen(env);
        let metrics_listen = env.optional_address(
            "SQUALL_METRICS_LISTEN",
            "Where Prometheus reads /metrics, on an internal address; nowhere when it is not set.",
        );
        let public_url =
            env.origin("SQUALL_PUBLIC_URL", "http://127.0.0.1:8642", "The address people open in a browser.");
        let web_root = env.optional_path(
            "SQUALL_WEB_ROOT",
            "The folder with the built web app; without it only the api answers.",
        );
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if common.is_production
            && public_url.starts_with("http://")
            && !loopback.iter().any(|it| public_url.starts_with(it))
        {
            env.reject(format!(
                "SQUALL_PUBLIC_URL is {public_url:?}, which is not https. In production sessions must not travel in the \
                 clear; put the api behind TLS and set its https address"
            ));
        }
        Self {
            common,
            redis,
            listen,
            metrics_listen,
            public_url,
            web_root,
            request_timeout: env.seconds(
                "SQUALL_REQUEST_TIMEOUT",
                30,
                1..=600,
                "Longest time of a request, in seconds.",
            ),
            keep_alive: env.seconds(
                "SQUALL_KEEP_ALIVE",
                75,
                1..=3600,
                "How long an idle connection is kept, in seconds; longer than the edge keeps its own.",
            ),
            graceful_timeout: env.seconds(
                "SQUALL_GRACEFUL_TIMEOUT",
                20,
                1..=600,
                "Longest time the end of the process waits for requests under way, in seconds.",
            ),
            max_body_bytes: env.bytes(
                "SQUALL_MAX_BODY",
                "10MiB",
                1024..=1024 * MIB,
                "Largest body as it is sent.",
            ),
            max_unpacked_bytes: env.bytes(
                "SQUALL_MAX_UNPACKED",
                "64MiB",
                1024..=4096 * MIB,
                "Largest body after unpacking.",
            ),
            ingest_rate: Rate::read(env),
            session_lifetime: env.seconds(
                "SQUALL_SESSION_LIFETIME",
                14 * 86_400,
                300..=31_536_000,
                "How long a session lives without being used, in seconds.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &'static [(&'static str, &'static str)]) -> Result<Config, Failure> {
        let lookup = |name: &str| {
            let default = (name == "DATABASE_URL").then_some("postgres://u:2c9d0c41ab5e7ff3@h/d");
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value).or(default).map(str::to_owned)
        };
        Config::read(Environment::from_lookup(lookup))
    }

    #[test]
    fn a_bad_value_stops_the_start_and_says_what_would_do() {
        for (pairs, expected) in [
            (
                &[("SQUALL_LISTEN", "8642")][..],
                "SQUALL_LISTEN is \"8642\", which is not an address such as 127.0.0.1:8642",
            ),
            (
                &[("SQUALL_MAX_BODY", "10MB")],
                "SQUALL_MAX_BODY is \"10MB\", which is not a size such as 10MiB",
            ),
            (&[("SQUALL_REQUEST_TIMEOUT", "0")], "a whole number from 1 to 600"),
            (&[("SQUALL_WEB_ROOT", "/no/such/folder")], "a path that exists"),
            (&[("SQUALL_ENV", "production"), ("SQUALL_PUBLIC_URL", "http://squall.example")], "not https"),
        ] {
            let said = read(pairs).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn the_defaults_are_good() {
        assert!(read(&[]).is_ok());
        assert!(
            read(&[("SQUALL_ENV", "production"), ("SQUALL_PUBLIC_URL", "https://squall.example")]).is_ok()
        );
    }
}
