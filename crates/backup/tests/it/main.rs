//! Backups of real databases on the server of `DATABASE_URL`, with the programs of `SQUALL_PG_BIN`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure ends the test")]

mod streams;
mod round_trip;
mod damage;
mod bucket;
mod nightly;
mod docs;
mod slow;
mod support;
