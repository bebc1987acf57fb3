//! The rules of ARCHITECTURE.md and of migrations/README.md, checked against cargo's metadata and
//! the sources; and .sqlx, compared with the queries of the sources.
//!
//! Each file starts with its rules as a table, and has a test that breaks a rule on purpose.
#![cfg(test)]

mod crates;
mod modules;
mod tables;
mod queries;
mod web;
mod docs;
mod comments;
mod source;
