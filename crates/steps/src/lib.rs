//! The engine of `cargo xtask ci`: steps as data, the keys of their inputs, stored results, and what
//! a person reads of a failure. It runs nothing itself; xtask holds the table of steps and runs them.
//!
//! `xtask` compiles this crate in each fresh clone, so each dependency has to be small.

pub mod step;
pub mod tree;
pub mod packages;
pub mod code;
pub mod key;
pub mod store;
pub mod remote;
pub mod causes;
pub mod report;

pub use step::{Input, Outputs, Plan, Provision, Resource, Step};
