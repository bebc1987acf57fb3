//! Tests of the migration job on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed precondition fails the test")]

mod job;
