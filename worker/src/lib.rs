//! The worker: everything that happens to an event after it was acknowledged.
//!
//! [`pipeline`] is the contents page. The worker is stateless: what it keeps in memory (the
//! template trees) it can rebuild from the database at any moment, so that a `kill -9` costs time
//! and nothing else.

pub mod config;
pub mod pipeline;
pub mod partitions;
pub mod health;
mod metrics;
