//! Tests of the schema tools on a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed precondition fails the test")]

mod lint;
mod verify;
mod slow;
mod matrix;
mod random;
