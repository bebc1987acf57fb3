//! Tests that need `redis-server`.

mod limits;
mod stream;
