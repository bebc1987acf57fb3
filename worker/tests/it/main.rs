//! The stages of the worker on a fresh PostgreSQL each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step ends its test")]

mod digest;
mod docs;
mod metrics;
mod poll;
mod poll_lines;
mod poll_support;
mod retain;
mod support;
