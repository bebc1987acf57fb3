//! The rules that no other tool has: about images, about services, and about how they fit together.

pub mod images;
pub mod programs;
pub mod secrets;
pub mod services;
