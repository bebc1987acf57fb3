//! What every Squall program needs before anything else, without a runtime and without a database
//! driver.
//!
//! `xtask` compiles this crate in each fresh clone, so each dependency has to be small.

pub mod environment;
pub mod secrets;
pub mod failure;
pub mod random;
pub mod postgres;
pub mod http;
pub mod docs;

pub use environment::{Environment, Variable};
pub use failure::{Exit, Failure, OrFail};
