//! The api in process, on a fresh PostgreSQL for each test.
//!
//! Metrics belong to a process, so that their tests need a process for each test, as nextest starts
//! them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot continue should fail")]

mod access;
mod backups;
mod contract;
mod docs;
mod errors;
mod ingest;
mod issues;
mod metrics;
mod openapi;
mod redis;
mod stream;
mod support;

#[path = "../../../crates/live/tests/support/mod.rs"]
mod redis_server;
