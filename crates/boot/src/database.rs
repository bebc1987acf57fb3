//! The connection pool. A process starts while its database is still away, and says so.

use anyhow::{Context, Result};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long a caller waits for a connection before it hears that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait between two looks at a database that is away.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A pool that connects when it is first used.
///
/// # Errors
/// When `url` is no PostgreSQL address; not when the database cannot be reached.
pub fn pool(url: &str, application: &str, max_connections: u32) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url)
        .context("DATABASE_URL is not a PostgreSQL address")?
        .application_name(application);
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}

/// Waits until the database answers and its schema is the one this binary was built for, saying what it
/// waits for whenever that changes. Returns `false` when `stop` came first.
pub async fn wait_until_ready(pool: &PgPool, stop: &CancellationToken) -> bool {
    let mut said = String::new();
    loop {
        let waiting_for = match squall_migrations::found_version(pool).await {
            Ok(Some(found)) if found >= squall_migrations::expected_version() => return true,
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
            () = tokio::time::sleep(RETRY_PAUSE) => {}
        }
    }
}
