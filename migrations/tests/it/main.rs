//! Tests of the migration job and of the migrated schema on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed precondition fails the test")]

mod job;
mod queries;
