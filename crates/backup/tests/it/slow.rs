//! Tests that take long: processes that are killed, and recovery on servers of their own.

mod faults;
mod point_in_time;
