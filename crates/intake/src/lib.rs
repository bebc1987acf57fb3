//! What every front door does with an event before anyone is told that it was accepted.
//!
//! A door takes bytes from a sender and unpacks them ([`body`]), cuts them into events and rejects what
//! is none, with the number of the line and the reason ([`batch`]), and hands the events to the
//! [`inbox`], which answers when they are durable. A door understands as little as it can: levels,
//! formats and stack traces are read later, by the worker, so that accepting stays fast.
//!
//! Invariants: what an [`inbox::Inbox`] acknowledged is committed; every event of a batch is either in
//! the inbox or among its rejections; whatever is stored can be stored by PostgreSQL (no NUL, no lone
//! surrogate, bounded depth and size).

pub mod body;
pub mod batch;
pub mod rejection;
pub mod raw_event;
pub mod storable;
pub mod inbox;

pub use batch::Batch;
pub use inbox::{Inbox, InboxError, Origin};
pub use raw_event::RawEvent;
pub use rejection::{Rejection, RejectionReason, Rejections};
