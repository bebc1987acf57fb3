//! The severity of an event, in every common spelling.

use serde::{Deserialize, Serialize};

/// The severity of an event, in order. Its name is the same in the API, and its number in the
/// database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Single steps of a program.
    Trace,
    /// For the developers of the program.
    Debug,
    /// Normal operation.
    Info,
    /// Unexpected, but the program continues normally.
    Warning,
    /// An operation failed.
    Error,
    /// The process ends.
    Fatal,
}

impl Level {
    /// All levels, in order.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Fatal];

    /// The number that the database stores.
    #[must_use]
    pub fn severity(self) -> i16 {
        self as i16
    }

    /// The level of a number from the database; unknown numbers are [`Level::Info`].
    #[must_use]
    pub fn from_severity(severity: i16) -> Self {
        usize::try_from(severity).ok().and_then(|index| Self::ALL.get(index)).copied().unwrap_or(Self::Info)
    }

    /// Its name, as JSON spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

impl Level {
    /// Reads a level as loggers, syslog and the numbers of pino and bunyan spell it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 13 {
            return None;
        }
        let lower = text.to_ascii_lowercase();
        Some(match lower.as_str() {
            "trace" | "trc" | "verbose" | "vrb" | "finest" | "finer" | "silly" | "all" | "t" | "v" | "10" => {
                Self::Trace
            }
            "debug" | "dbg" | "fine" | "config" | "d" | "20" | "debug1" | "debug2" | "debug3" => Self::Debug,
            "info" | "inf" | "information" | "informational" | "notice" | "note" | "log" | "i" | "n"
            | "30" | "default" => Self::Info,
            "warn" | "wrn" | "warning" | "w" | "40" => Self::Warning,
            "error" | "err" | "eror" | "e" | "severe" | "failure" | "50" => Self::Error,
            "fatal" | "ftl" | "critical" | "crit" | "crt" | "alert" | "emerg" | "emergency" | "panic"
            | "f" | "c" | "60" => Self::Fatal,
            _ => return None,
        })
    }

    /// Reads a level inside a line, where a single letter would be a word.
    pub(crate) fn parse_word(text: &str) -> Option<Self> {
        let word = text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        // In a sentence these are ordinary words; loggers write them in capitals.
        let ambiguous = matches!(
            text,
            "all" | "All" | "log" | "note" | "Note" | "fine" | "default" | "config" | "failure" | "notice"
        );
        if word && !ambiguous { Self::parse(text) } else { None }
    }

    /// The level of a severity of syslog (RFC 5424, section 6.2.1), 0 to 7.
    #[must_use]
    pub fn from_syslog(severity: u8) -> Self {
        match severity {
            0..=2 => Self::Fatal,
            3 => Self::Error,
            4 => Self::Warning,
            5 | 6 => Self::Info,
            _ => Self::Debug,
        }
    }
}

/// The level that the words of a message suggest, for a message without one.
#[must_use]
pub fn infer_level(message: &str) -> Level {
    let line = message.lines().next().unwrap_or_default();
    let line = &line[..line.floor_char_boundary(512)];
    let mut level = Level::Info;
    for word in line.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() >= 4) {
        let mut buffer = [0u8; 16];
        let Some(lower) = buffer.get_mut(..word.len()) else { continue };
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        let suggested = match &*lower {
            b"fatal" | b"panic" | b"panicked" | b"emergency" => Level::Fatal,
            b"error" | b"errors" | b"exception" | b"failed" | b"failure" | b"fail" | b"fails"
            | b"critical" | b"crashed" | b"refused" | b"unreachable" | b"cannot" | b"denied" | b"corrupt"
            | b"corrupted" => Level::Error,
            b"warn" | b"warning" | b"timeout" | b"retry" | b"retrying" | b"deprecated" | b"invalid" => {
                Level::Warning
            }
            _ => continue,
        };
        level = level.max(suggested);
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_found_by_its_number_and_spelt_as_in_json() {
        for level in Level::ALL {
            assert_eq!(Level::from_severity(level.severity()), level);
            assert_eq!(serde_json::to_value(level).unwrap(), level.name());
        }
        assert_eq!((Level::from_severity(6), Level::from_severity(-1)), (Level::Info, Level::Info));
    }

    #[test]
    fn every_common_spelling_is_known() {
        for (level, spellings) in [
            (Level::Trace, &["TRACE", "Verbose", "10", "FINEST"][..]),
            (Level::Debug, &["debug", "DBG", "20"]),
            (Level::Info, &["INFO", "Information", "notice", "30", " info "]),
            (Level::Warning, &["warn", "WARNING", "W", "40"]),
            (Level::Error, &["ERROR", "err", "SEVERE", "50", "E"]),
            (Level::Fatal, &["FATAL", "crit", "CRITICAL", "emerg", "panic", "60"]),
        ] {
            for spelling in spellings {
                assert_eq!(Level::parse(spelling), Some(level), "{spelling}");
            }
        }
        for no_level in ["", "loud", "information technology", "7"] {
            assert_eq!(Level::parse(no_level), None, "{no_level}");
        }
    }

    #[test]
    fn a_message_without_a_level_suggests_one() {
        for (message, expected) in [
            ("Connection refused", Level::Error),
            ("retrying in 5 seconds", Level::Warning),
            ("user signed in", Level::Info),
            ("kernel panic - not syncing", Level::Fatal),
            ("terrors of the deep", Level::Info),
            ("", Level::Info),
        ] {
            assert_eq!(infer_level(message), expected, "{message}");
        }
    }
}
