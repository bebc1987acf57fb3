//! How a Squall process starts and stops.
//!
//! Every process does the same five things in the same order: read its configuration and refuse a bad
//! one ([`config`]), write logs ([`telemetry`]), reach the database without insisting that it is there
//! already ([`database`]), work, and end on a signal without losing anything ([`shutdown`]). Another process asks it how it is ([`healthcheck`]).

pub mod config;
pub mod telemetry;
pub mod metrics;
pub mod database;
pub mod shutdown;
pub mod healthcheck;
pub mod docs;

use anyhow::Context;

/// The runtime of a process, with as many threads as it was told.
///
/// # Errors
/// When the operating system gives none.
pub fn runtime(threads: Option<usize>) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("starting the runtime")
}
