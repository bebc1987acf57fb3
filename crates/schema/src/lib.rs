//! Tools for changing the schema.
//!
//! `migrations/schema.sql` declares what the database must look like; the files under `migrations/sql/` get it
//! there, one step at a time. This crate writes the next migration from the difference (`generate`), finds
//! statements that would lock or break a live table (`lint`), and proves that both agree (`verify`).

pub mod catalog;
pub mod dump;
pub mod generate;
pub mod lint;
pub mod scaffold;
pub mod scratch;
pub mod script;
pub mod verify;

/// The declared schema, as a script for an empty database.
pub const DECLARED_SCHEMA: &str = include_str!("../../../migrations/schema.sql");
