//! What changed, told to every api replica.
//!
//! The worker and the api tell with a [`Publisher`] which issues are new or changed and what was counted; each api
//! replica with somebody to tell hears it through [`hear`]. Between them is PostgreSQL's `NOTIFY`, and Redis where there
//! is one ([`redis`]), whose connection the shared rate limits use as well.
//!
//! What is told is a hint and nothing more: identifiers and counts, lost without harm, never the only place of
//! anything. Who hears it reads the database, and who may have missed something is told so ([`Heard::Anew`]).

pub mod redis;
pub mod update;
pub mod publish;
pub mod hear;

pub use crate::redis::{Address, Redis};
pub use hear::{Heard, hear};
pub use publish::Publisher;
pub use update::{Minute, Update};
