//! The level of an event, as the API spells it and as the database numbers it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The severity of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Fatal,
}

impl Level {
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Fatal];

    #[must_use]
    pub fn from_severity(severity: i16) -> Self {
        usize::try_from(severity).ok().and_then(|index| Self::ALL.get(index)).copied().unwrap_or(Self::Info)
    }

    #[must_use]
    pub fn severity(self) -> i16 {
        self as i16
    }

    pub fn name(self) -> &'static str {
        ["trace", "debug", "info", "warning", "error", "fatal"][self as usize]
    }
}
