//! The connection pool. A process starts while its database is still away, and says so.

use crate::config::Common;
use anyhow::{Context, Result};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long to wait between two looks at a database that is away, at first and at most; doubled in between.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

/// How long to wait between two looks at a database that answers.
const WATCH_PAUSE: Duration = Duration::from_secs(5);

/// A pool that connects when it is first used.
///
/// # Errors
/// When its address is no PostgreSQL address; not when the database cannot be reached.
pub fn pool(config: &Common, application: &str) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(&config.database_url)
        .context("DATABASE_URL is not a PostgreSQL address")?
        .application_name(application);
    Ok(PgPoolOptions::new()
        .max_connections(config.pool_size)
        .acquire_timeout(config.pool_wait)
        .connect_lazy_with(options))
}

/// Waits until the database answers and its schema is the one this binary was built for, saying what it
/// waits for whenever that changes. Returns `false` when `stop` came first.
pub async fn wait_until_ready(pool: &PgPool, stop: &CancellationToken) -> bool {
    let mut said = String::new();
    let mut pause = RETRY_PAUSE.0;
    loop {
        let waiting_for = match squall_migrations::found_version(pool).await {
            Ok(Some(found)) if found >= squall_migrations::expected_version() => {
                tracing::info!(schema = found, "The database is ready.");
                return true;
            }
            Ok(found) => format!(
                "the schema is at version {}, version {} is needed: run squall-migrate run",
                found.unwrap_or_default(),
                squall_migrations::expected_version()
            ),
            Err(error) => format!("the database cannot be reached: {error}"),
        };
        if waiting_for != said {
            tracing::warn!(waiting_for, "The process waits for its database.");
            said = waiting_for;
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(RETRY_PAUSE.1);
    }
}

/// Says in the log when the database becomes ready and when it is lost, for a process that works without it as far as it
/// can. Ends with `stop`.
pub async fn watch(pool: PgPool, stop: CancellationToken) {
    while wait_until_ready(&pool, &stop).await {
        while squall_migrations::found_version(&pool).await.is_ok() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(WATCH_PAUSE) => {}
            }
        }
    }
}
