//! Grouping from the outside: fixed examples, real log lines, and properties of any input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed step ends its test")]

mod grouping;
mod lines;
mod properties;
