//! What the docs, the dashboard and the alert rules say about the metrics.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step ends its test")]

mod monitoring;
