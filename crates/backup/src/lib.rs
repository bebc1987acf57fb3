//! Backups of Squall: made from one snapshot, sealed by hashes, and proved by restoring them.
//!
//! In reading order: what a backup is, where it is stored and how bytes travel; then one file per
//! command.

pub mod manifest;
pub mod store;
pub mod keys;
pub mod stream;
mod reader;
pub mod postgres;
pub mod progress;
pub mod create;
pub mod list;
pub mod verify;
pub mod prune;
pub mod proof;
pub mod restore;
pub mod drill;
pub mod record;
pub mod base;
pub mod wal;
pub mod recover;
pub mod schedule;
pub mod failure;
