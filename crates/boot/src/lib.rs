//! How the api and the worker start and stop.
//!
//! Both read their configuration and refuse a bad one ([`config`]), start logging ([`telemetry`]),
//! wait for the database ([`database`]), work, and stop on a signal without losing anything
//! ([`shutdown`]).

pub mod config;
pub mod telemetry;
pub mod metrics;
pub mod database;
pub mod shutdown;
pub mod healthcheck;

use anyhow::Context;

/// The runtime of a process; without `threads` it has one per core.
///
/// # Errors
/// When the operating system refuses the threads.
pub fn runtime(threads: Option<usize>) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("starting the runtime")
}
