//! The Compose files, dashboards, alert rules and docs match the code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step ends its test")]

mod compose;
mod monitoring;
