//! Squall's real processes, on a PostgreSQL of each test's own.

mod stream;
mod graceful;
mod traces;
mod slow;
