//! The settings of the worker, checked before anything starts.

use squall_base::{Environment, Failure, Variable};
use squall_boot::config::Common;
use squall_live::Address;
use std::{net::SocketAddr, time::Duration};

/// The worker's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The settings that the api shares.
    pub common: Common,
    /// The address of Redis, if replicas of the api share one.
    pub redis: Option<Address>,
    /// Where `/healthz` and `/readyz` answer.
    pub health_listen: SocketAddr,
    /// How often a file source checks its files.
    pub poll_interval: Duration,
    /// The most bytes that one poll of a source reads.
    pub poll_bytes: usize,
    /// The most events of one turn of the digest, give or take one batch.
    pub digest_events: usize,
    /// How many days counts per minute are kept.
    pub counts_days: u32,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// All problems together.
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

    /// The address of the worker's health check.
    pub fn health_listen(env: &mut Environment) -> SocketAddr {
        env.address(
            "SQUALL_HEALTH_LISTEN",
            "127.0.0.1:8644",
            "The internal address of the worker's `/healthz`, `/readyz` and `/metrics`.",
        )
    }

    fn describe(env: &mut Environment) -> Self {
        Self {
            common: Common::read(env),
            redis: Address::read(env),
            health_listen: Self::health_listen(env),
            poll_interval: Duration::from_millis(env.count(
                "SQUALL_POLL_INTERVAL_MS",
                500,
                50..=60_000,
                "How often a file source checks its files, in milliseconds.",
            )),
            poll_bytes: env.bytes(
                "SQUALL_POLL_BYTES",
                "4MiB",
                65_536..=268_435_456,
                "The most that one poll of a source reads.",
            ),
            digest_events: usize::try_from(env.count(
                "SQUALL_DIGEST_EVENTS",
                20_000,
                1..=1_000_000,
                "The most events of one transaction of the digest.",
            ))
            .unwrap_or(20_000),
            counts_days: narrow(env.count(
                "SQUALL_COUNTS_DAYS",
                90,
                1..=3650,
                "How many days counts per minute are kept.",
            )),
        }
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
