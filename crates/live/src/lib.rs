//! Live updates: what changed, sent to every api replica.
//!
//! The worker and the api publish with a [`Publisher`] which issues are new or changed and what was
//! counted; an api replica with open streams receives it through [`mod@subscribe`]. Between them is
//! PostgreSQL's `NOTIFY`, and Redis where there is one ([`redis`]), whose connection the shared
//! rate limits use as well.
//!
//! An update is only a hint: identifiers and counts, harmless to lose, stored nowhere else. A
//! subscriber reads the database, and learns from [`Message::Subscribed`] that it may have missed
//! something.

pub mod redis;
pub mod update;
pub mod publish;
pub mod subscribe;

pub use crate::redis::{Address, Redis};
pub use publish::Publisher;
pub use subscribe::{Message, subscribe};
pub use update::{Minute, Update};
