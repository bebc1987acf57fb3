//! Tests that run nginx. They can be left out by the name of this module on a machine without it.

mod start;
mod passing;
mod files;
mod errors;
mod limits;
mod tls;
mod replicas;
