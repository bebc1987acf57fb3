//! The settings of the api, checked before anything starts.

use crate::limits::bucket::Rate;
use squall_base::{Environment, Failure, Variable};
use squall_boot::config::Common;
use squall_live::Address;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The settings of the api.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings that the worker has as well.
    pub common: Common,
    /// The address of Redis, if replicas share one.
    pub redis: Option<Address>,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address that serves `/metrics`, if any.
    pub metrics_listen: Option<SocketAddr>,
    /// The address to open in a browser, without a slash at its end.
    pub public_url: String,
    /// The folder with the built web app.
    pub web_root: Option<PathBuf>,
    /// A request that takes longer is answered with an error.
    pub request_timeout: Duration,
    /// An idle connection is closed after this.
    pub keep_alive: Duration,
    /// How long a shutdown waits for open requests.
    pub graceful_timeout: Duration,
    /// The largest body as sent.
    pub max_body_bytes: usize,
    /// The largest body after decompression.
    pub max_unpacked_bytes: usize,
    /// The rate limit of a project key, if any.
    pub ingest_rate: Option<Rate>,
    /// A session ends when it is not used for this long.
    pub session_lifetime: Duration,
}

impl Config {
    /// Read the settings from the environment.
    ///
    /// # Errors
    /// All invalid values together.
    pub fn read(mut env: Environment) -> Result<Self, Failure> {
        let mut config = Self::describe(&mut env);
        config.common.warnings = env.finish()?;
        Ok(config)
    }

    /// All variables with their defaults, for the docs.
    pub fn variables() -> Vec<Variable> {
        let mut env = Environment::from_lookup(|_| None);
        Self::describe(&mut env);
        env.variables().to_vec()
    }

    /// The address to listen on, which is all that the health check needs.
    pub fn listen(env: &mut Environment) -> SocketAddr {
        env.address(
            "SQUALL_LISTEN",
            "127.0.0.1:8642",
            "Address the api listens on; `0.0.0.0:8642` for all interfaces.",
        )
    }

    fn describe(env: &mut Environment) -> Self {
        const MIB: u64 = 1 << 20;
        let common = Common::read(env);
        let redis = Address::read(env);
        let listen = Self::listen(env);
        let metrics_listen = env.optional_address(
            "SQUALL_METRICS_LISTEN",
            "Internal address that serves /metrics to Prometheus; without it, metrics are off.",
        );
        let public_url =
            env.origin("SQUALL_PUBLIC_URL", "http://127.0.0.1:8642", "Address to open in a browser.");
        let web_root = env.optional_path(
            "SQUALL_WEB_ROOT",
            "Folder with the built web app; without it, only the API is served.",
        );
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if common.is_production
            && public_url.starts_with("http://")
            && !loopback.iter().any(|it| public_url.starts_with(it))
        {
            env.reject(format!(
                "SQUALL_PUBLIC_URL is {public_url:?}, which is not https. In production, session cookies must be \
                 encrypted in transit: put the api behind TLS and set its https address"
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
                "Time limit for a request, in seconds.",
            ),
            keep_alive: env.seconds(
                "SQUALL_KEEP_ALIVE",
                75,
                1..=3600,
                "Time after which an idle connection is closed, in seconds. Must be longer than the idle timeout of any proxy in front of the api, other than the edge.",
            ),
            graceful_timeout: env.seconds(
                "SQUALL_GRACEFUL_TIMEOUT",
                20,
                1..=600,
                "How long a shutdown waits for open requests, in seconds.",
            ),
            max_body_bytes: env.bytes(
                "SQUALL_MAX_BODY",
                "10MiB",
                1024..=1024 * MIB,
                "Largest request body as sent.",
            ),
            max_unpacked_bytes: env.bytes(
                "SQUALL_MAX_UNPACKED",
                "64MiB",
                1024..=4096 * MIB,
                "Largest request body after decompression.",
            ),
            ingest_rate: Rate::read(env),
            session_lifetime: env.seconds(
                "SQUALL_SESSION_LIFETIME",
                14 * 86_400,
                300..=31_536_000,
                "Time after which an unused session ends, in seconds.",
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
    fn a_bad_value_stops_the_start_and_names_a_good_one() {
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
            let message = read(pairs).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
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
