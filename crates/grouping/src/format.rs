//! One raw log line, taken apart: time, level, logger, message.
//!
//! Structured lines (JSON, logfmt) say what is what. All others are read by one walk along the header
//! ([`header`]), which knows no product: it recognises times, levels, process numbers, bracketed threads and
//! names with a colon, wherever they stand. A line it cannot read is a message without a header.

mod time;
mod header;
mod structured;

use crate::level::Level;
use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Cow;

pub(crate) use header::begins_record;

/// A line's parts.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedLine<'a> {
    /// What it says, without its header.
    pub message: Cow<'a, str>,
    /// Its level, if it carries one.
    pub level: Option<Level>,
    /// Its logger, or the program that wrote it.
    pub logger: Option<Cow<'a, str>>,
    /// Its time; a time without a zone is read as UTC.
    pub timestamp: Option<Timestamp>,
    /// What else it carries, with OpenTelemetry's names where there is one.
    pub attributes: Vec<(Cow<'a, str>, Value)>,
    /// How it is written: `json`, `logfmt`, `header`, `access` or `plain`.
    pub format: &'static str,
}

impl<'a> ParsedLine<'a> {
    fn plain(message: &'a str) -> Self {
        Self {
            message: Cow::Borrowed(message),
            level: None,
            logger: None,
            timestamp: None,
            attributes: Vec::new(),
            format: "plain",
        }
    }
}

/// Takes a line apart. `reference` is about when it was written, for dates without a year.
///
/// A record of several lines keeps its further lines in the message.
#[must_use]
pub fn parse_line(line: &str, reference: Timestamp) -> ParsedLine<'_> {
    let trimmed = line.trim_start_matches('\u{feff}').trim_start();
    structured::json(trimmed, reference)
        .or_else(|| structured::logfmt(trimmed, reference))
        .or_else(|| header::read(trimmed, reference))
        .unwrap_or_else(|| ParsedLine::plain(line.trim_end_matches(['\r', '\n'])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reference() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    /// Line, time, level, logger, message.
    type Case = (&'static str, &'static str, Option<Level>, &'static str, &'static str);

    const CASES: &[Case] = &[
        ("2026-11-20 10:00:01,123 ERROR [main] shop.Cart: order lost", "2026-11-20T10:00:01.123Z", Some(Level::Error), "shop.Cart", "order lost"),
        ("2026-11-20 10:00:01.123  WARN 4711 --- [nio-1] c.s.Cart : cache is full", "2026-11-20T10:00:01.123Z", Some(Level::Warning), "c.s.Cart", "cache is full"),
        ("2026-11-20 10:00:01,123 - INFO  [Worker-1] - Started well", "2026-11-20T10:00:01.123Z", Some(Level::Info), "", "Started well"),
        ("2026-11-20 10:00:01,123 - shop.cart - ERROR - order lost", "2026-11-20T10:00:01.123Z", Some(Level::Error), "shop.cart", "order lost"),
        ("2026-11-20T10:00:01.5+01:00 fatal: no disk", "2026-11-20T09:00:01.5Z", Some(Level::Fatal), "", "no disk"),
        ("ERROR:root:it broke: badly", "", Some(Level::Error), "root", "it broke: badly"),
        ("[ERROR] it broke", "", Some(Level::Error), "", "it broke"),
        ("Nov 20 10:00:01 web1 sshd[4711]: Failed password", "2026-11-20T10:00:01Z", None, "sshd", "Failed password"),
        ("Dec  5 10:00:01 web1 kernel: oops", "2025-12-05T10:00:01Z", None, "kernel", "oops"),
        ("<11>Nov 20 10:00:01 web1 app: it broke", "2026-11-20T10:00:01Z", Some(Level::Error), "app", "it broke"),
        ("<134>1 2026-11-20T10:00:01Z web1 app 4711 ID47 - it works", "2026-11-20T10:00:01Z", Some(Level::Info), "app", "it works"),
        ("2026/11/20 10:00:01 [error] 31#31: *7 connect() failed", "2026-11-20T10:00:01Z", Some(Level::Error), "", "*7 connect() failed"),
        ("[Fri Nov 20 10:00:01 2026] [error] [client 10.0.0.1] no such file", "2026-11-20T10:00:01Z", Some(Level::Error), "", "[client 10.0.0.1] no such file"),
        ("E1120 10:00:01.123456    4711 server.go:42] it broke", "2026-11-20T10:00:01.123456Z", Some(Level::Error), "server.go:42", "it broke"),
        ("26/11/20 10:00:01 INFO storage.Block: found it", "2026-11-20T10:00:01Z", Some(Level::Info), "storage.Block", "found it"),
        ("11-20 10:00:01.123  1702  2395 D Window: moved", "2026-11-20T10:00:01.123Z", Some(Level::Debug), "Window", "moved"),
        ("20261120-10:00:01:606|Steps|3000|step counted 7", "2026-11-20T10:00:01.606Z", None, "", "step counted 7"),
        ("{\"level\":50,\"time\":1795168801000,\"msg\":\"it broke\",\"name\":\"pay\"}", "2026-11-20T10:00:01Z", Some(Level::Error), "pay", "it broke"),
        ("{\"severity\":\"WARNING\",\"message\":\"odd\",\"logger\":\"a.b\"}", "", Some(Level::Warning), "a.b", "odd"),
        ("time=2026-11-20T10:00:01Z level=error msg=\"it \\\"broke\\\"\" order=7", "2026-11-20T10:00:01Z", Some(Level::Error), "", "it \"broke\""),
        ("just a sentence: nothing more", "", None, "", "just a sentence: nothing more"),
        ("10 errors were found", "", None, "", "10 errors were found"),
        ("", "", None, "", ""),
    ];

    #[test]
    fn common_formats_are_taken_apart() {
        for (line, time, level, logger, message) in CASES {
            let parsed = parse_line(line, reference());
            assert_eq!(parsed.message, *message, "message of {line}");
            assert_eq!(parsed.level, *level, "level of {line}");
            assert_eq!(parsed.logger.as_deref().unwrap_or_default(), *logger, "logger of {line}");
            let expected: Option<Timestamp> = time.parse().ok();
            assert_eq!(parsed.timestamp, expected, "time of {line}");
        }
    }

    #[test]
    fn what_a_json_line_carries_besides_is_kept() {
        let parsed = parse_line("{\"msg\":\"m\",\"level\":\"info\",\"order\":{\"id\":7}}", reference());
        assert_eq!(parsed.attributes, [(Cow::from("order"), serde_json::json!({ "id": 7 }))]);
        let parsed = parse_line("level=info msg=ready port=80 host=web1", reference());
        assert_eq!(parsed.attributes.len(), 2);
    }

    #[test]
    fn further_lines_stay_in_the_message() {
        let parsed = parse_line("2026-11-20 10:00:01 ERROR a.B: broke\n\tat a.B.c(B.java:1)", reference());
        assert_eq!(parsed.message, "broke\n\tat a.B.c(B.java:1)");
    }

    proptest! {
        #[test]
        fn no_line_panics_and_no_word_of_plain_text_is_lost(line in "\\PC{0,200}") {
            let parsed = parse_line(&line, reference());
            prop_assert!(parsed.message.len() <= line.len() || parsed.format == "json");
        }

        #[test]
        fn lines_made_of_header_pieces_never_panic(
            pieces in prop::collection::vec("(\\[|\\]|\\{|<[0-9]{1,3}>|Nov|20|2026-11-20|10:00:01[.,]?[0-9]{0,9}|ERROR|[DIWE]|a\\.b:|x\\[7\\]:|-|\\||=|\"|\u{e9}|99999999999999999999)", 0..12),
            separator in "[ |]{0,2}",
        ) {
            let _ = parse_line(&pieces.join(&separator), reference());
        }
    }
}
