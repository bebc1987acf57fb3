//! From a log line to a stable group.
//!
//! The flow: [`multiline`] joins a stack trace to the line it belongs to; [`mod@format`] takes a line's
//! header apart; [`level`] and [`exception`] read the rest; [`grouper`] assigns the message to a
//! group, by masking what varies and matching the template tree.
//!
//! Everything here is pure: no clock, no database, no randomness. A message is never an error, and
//! costs bounded time and memory whatever it holds.

pub mod multiline;
pub mod format;
pub mod level;
pub mod exception;
pub mod grouper;
mod mask;
mod tree;

pub use exception::{Exception, Frame};
pub use grouper::{
    Assignment, Change, Fingerprint, Grouper, MAX_TEMPLATES, StoredTemplate, Subject, VERSION,
};
pub use level::{Level, infer_level};
