//! From the bytes of a sender to acknowledged events, for every way in.
//!
//! Intake decompresses a body ([`body`]), cuts it into events ([`batch`]), rejects invalid pieces
//! by line number and reason ([`rejection`]), and puts the events into the [`inbox`], which answers
//! when they are durable. It interprets as little as possible: the worker reads levels, formats and
//! stack traces later, so that accepting stays fast.
//!
//! Invariants: what an [`inbox::Inbox`] acknowledged is committed; every piece of a batch is either
//! in the inbox or among its rejections; PostgreSQL can store every event (no NUL, no lone
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
