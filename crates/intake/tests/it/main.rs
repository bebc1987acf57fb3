//! The inbox on a fresh PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a failed step ends its test")]

mod inbox;
