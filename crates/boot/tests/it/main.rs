//! What the Compose files, the docs, the dashboard and the alert rules say about the programs.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step ends its test")]

mod compose;
mod monitoring;
