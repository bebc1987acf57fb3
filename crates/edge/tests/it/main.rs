//! The real `squall-edge`, and behind it nginx and the api where a test needs them.
#![allow(clippy::unwrap_used, reason = "a failure ends the test")]

mod configuration;
mod nginx;
mod support;
