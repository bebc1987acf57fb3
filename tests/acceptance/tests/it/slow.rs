//! Tests that take long: every process is killed, again and again.

mod survival;
