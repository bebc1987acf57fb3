//! The connection pool, waiting for the database, and what its errors mean.

use crate::config::Common;
use anyhow::{Context, Result};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long to wait before retrying a database that is away, at first and at most; doubled in
/// between.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

/// How often to check a database that answers.
const WATCH_PAUSE: Duration = Duration::from_secs(5);

/// What a database error means for the work that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseError<'a> {
    /// The query found no row where one was expected.
    NotFound,
    /// The database is away, full, starting, read-only or refuses this user. Retry later; the work
    /// is not at fault.
    Unavailable,
    /// Another transaction was in the way. Retry at once; the work is not at fault.
    Contention,
    /// The constraint of this name was violated.
    Constraint(&'a str),
    /// A character that PostgreSQL cannot store, such as NUL.
    InvalidText,
    /// The query or the data is wrong; a retry fails again.
    Bug,
}

impl DatabaseError<'_> {
    /// Whether the same work can succeed later.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::Unavailable | Self::Contention)
    }
}

/// Decides for every program what an error of the database means.
pub fn classify(error: &sqlx::Error) -> DatabaseError<'_> {
    match error {
        sqlx::Error::RowNotFound => DatabaseError::NotFound,
        sqlx::Error::Database(error) => classify_code(&error.code().unwrap_or_default(), error.constraint()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => DatabaseError::Unavailable,
        _ => DatabaseError::Bug,
    }
}

/// By SQLSTATE; "Appendix A" of the PostgreSQL manual lists them.
fn classify_code<'a>(code: &str, constraint: Option<&'a str>) -> DatabaseError<'a> {
    match code {
        // A standby takes no writes; a database can be closed to connections.
        "25006" | "55000" => return DatabaseError::Unavailable,
        "55P03" => return DatabaseError::Contention, // lock_timeout, nowait
        "22021" | "22P05" => return DatabaseError::InvalidText,
        _ => {}
    }
    match code.get(..2).unwrap_or_default() {
        "40" => DatabaseError::Contention, // deadlock, serialization failure
        // Connection, authorization, no such database, resources, operator intervention, system
        // error.
        "08" | "28" | "3D" | "53" | "57" | "58" => DatabaseError::Unavailable,
        _ => constraint.map_or(DatabaseError::Bug, DatabaseError::Constraint),
    }
}

/// A pool that connects when it is first used.
///
/// # Errors
/// When `DATABASE_URL` is not a PostgreSQL address; not when the database cannot be reached.
pub fn pool(config: &Common, application: &str) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(&config.database_url)
        .context("DATABASE_URL is not a PostgreSQL address")?
        .application_name(application);
    Ok(PgPoolOptions::new()
        .max_connections(config.pool_size)
        .acquire_timeout(config.pool_wait)
        .connect_lazy_with(options))
}

/// Waits until the database answers and has the schema that this binary was built for, and logs
/// what it waits for whenever that changes. Returns `false` when `stop` came first.
pub async fn wait_until_ready(pool: &PgPool, stop: &CancellationToken) -> bool {
    let mut logged = String::new();
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
        if waiting_for != logged {
            tracing::warn!(waiting_for, "The process waits for its database.");
            logged = waiting_for;
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(RETRY_PAUSE.1);
    }
}

/// Logs when the database becomes ready and when it is lost, for a process that also runs without
/// it. Ends with `stop`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sqlstate_has_one_meaning() {
        for (code, constraint, expected) in [
            ("40P01", None, DatabaseError::Contention),  // deadlock_detected
            ("40001", None, DatabaseError::Contention),  // serialization_failure
            ("55P03", None, DatabaseError::Contention),  // lock_not_available
            ("08006", None, DatabaseError::Unavailable), // connection_failure
            ("28P01", None, DatabaseError::Unavailable), // invalid_password
            ("3D000", None, DatabaseError::Unavailable), // invalid_catalog_name
            ("53100", None, DatabaseError::Unavailable), // disk_full
            ("53300", None, DatabaseError::Unavailable), // too_many_connections
            ("57P01", None, DatabaseError::Unavailable), // admin_shutdown
            ("57014", None, DatabaseError::Unavailable), // query_canceled
            ("58030", None, DatabaseError::Unavailable), // io_error
            ("25006", None, DatabaseError::Unavailable), // read_only_sql_transaction
            ("55000", None, DatabaseError::Unavailable), // object_not_in_prerequisite_state
            ("23505", Some("users_email_key"), DatabaseError::Constraint("users_email_key")),
            ("22021", None, DatabaseError::InvalidText), // character_not_in_repertoire
            ("22P05", None, DatabaseError::InvalidText), // untranslatable_character
            ("22003", None, DatabaseError::Bug),         // numeric_value_out_of_range
            ("42P01", None, DatabaseError::Bug),         // undefined_table
            ("", None, DatabaseError::Bug),
        ] {
            assert_eq!(classify_code(code, constraint), expected, "{code}");
        }
    }

    #[test]
    fn a_lost_connection_is_an_outage_and_a_wrong_type_is_a_bug() {
        for (error, expected) in [
            (sqlx::Error::RowNotFound, DatabaseError::NotFound),
            (sqlx::Error::PoolTimedOut, DatabaseError::Unavailable),
            (sqlx::Error::PoolClosed, DatabaseError::Unavailable),
            (sqlx::Error::WorkerCrashed, DatabaseError::Unavailable),
            (std::io::Error::from(std::io::ErrorKind::BrokenPipe).into(), DatabaseError::Unavailable),
            (sqlx::Error::ColumnNotFound("id".into()), DatabaseError::Bug),
        ] {
            assert_eq!(classify(&error), expected, "{error}");
        }
    }
}
