//! How a Squall process starts and stops.
//!
//! Every process does the same five things in the same order: read its configuration and refuse a bad
//! one ([`config`]), write logs ([`telemetry`]), reach the database without insisting that it is there
//! already ([`database`]), work, and end on a signal without losing anything ([`shutdown`]). Another process asks it how it is ([`healthcheck`]).

pub mod config;
pub mod telemetry;
pub mod database;
pub mod shutdown;
pub mod healthcheck;
