//! The level of an event, as the API spells it and as the database numbers it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How bad an event is; in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Steps of a program.
    Trace,
    /// For who mends the program.
    Debug,
    /// As it should be.
    Info,
    /// Odd, and it goes on.
    Warning,
    /// Something failed.
    Error,
    /// The process ends.
    Fatal,
}

impl Level {
    /// All levels, in order.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Fatal];

    /// The level of a `severity` of the database.
    #[must_use]
    pub fn from_severity(severity: i16) -> Self {
        usize::try_from(severity).ok().and_then(|index| Self::ALL.get(index)).copied().unwrap_or(Self::Info)
    }

    /// The `severity` of the database.
    #[must_use]
    pub fn severity(self) -> i16 {
        self as i16
    }
}
