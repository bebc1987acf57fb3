//! The lines to send: 200 templates with varying parameters, rendered before the clock starts.
//!
//! There are twenty subjects with ten phrases each. Four of five lines are structured events (time, level,
//! logger, message, service, host); the fifth is a line of a Java program, whose format the worker has to
//! detect. No line has a stack trace.

use std::{fmt::Write as _, io::Write as _};

const SUBJECTS: [&str; 20] = [
    "order",
    "cart",
    "payment",
    "refund",
    "invoice",
    "shipment",
    "parcel",
    "voucher",
    "session",
    "account",
    "product",
    "price",
    "stock",
    "supplier",
    "warehouse",
    "newsletter",
    "review",
    "search",
    "image",
    "export",
];

/// Share of 100 lines, level, message. `%s` is the subject, `%n` a small and `%d` a large number, `%i` an
/// address, `%x` and `%X` short and long hexadecimal.
const PHRASES: [(u64, &str, &str); 10] = [
    (30, "info", "%s %d accepted for user %d from %i in %n ms, trace %X"),
    (24, "info", "request GET /api/%s/%d answered 200 with %d bytes in %n ms for client %i, trace %X"),
    (16, "info", "stored %s %d in partition %n at offset %d with checksum %x, lag %n ms"),
    (10, "info", "refreshed the cache of every %s: %d entries, %d evicted, took %n ms, next in 300 s"),
    (8, "debug", "looked up %s %d by token %X on node %n, found in tier %n after %n probes"),
    (5, "warning", "slow %s query took %d ms for user %d: select id, state from %s_view where owner = %d"),
    (3, "warning", "retrying %s %d on %i:%n, attempt %n of 50 after %d ms"),
    (2, "error", "could not save %s %d for user %d: connection to %i:5432 refused, trace %X"),
    (1, "error", "timeout after %d ms while waiting for the %s lock %x held by session %d"),
    (1, "error", "cannot parse %s payload %X: unexpected end of input at line %n column %d"),
];

/// One in this many lines is text rather than a structured event.
const TEXT_ONE_IN: u64 = 5;

/// The times of lines are within the last minute.
const SPAN_MS: i64 = 60_000;

/// Counts of what was rendered.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mix {
    pub(crate) lines: u64,
    /// Bytes of all lines, including line feeds.
    pub(crate) bytes: u64,
    /// Bytes of the messages only.
    pub(crate) message_bytes: u64,
    pub(crate) errors: u64,
}

/// Renders lines that are all different.
#[derive(Debug)]
pub(crate) struct Corpus {
    state: u64,
    message: String,
    mix: Mix,
}

impl Corpus {
    /// The same seed renders the same lines, apart from their times.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, message: String::new(), mix: Mix::default() }
    }

    pub(crate) fn mix(&self) -> Mix {
        self.mix
    }

    /// Renders `lines` lines in bodies of at most `batch`, with times in the minute before `now_ms`.
    pub(crate) fn batches(&mut self, lines: u64, batch: u64, now_ms: i64) -> Vec<(u64, Vec<u8>)> {
        let mut batches = Vec::new();
        let mut rendered = 0;
        while rendered < lines {
            let events = batch.min(lines - rendered);
            // A line has about 210 bytes.
            let mut body = Vec::with_capacity(usize::try_from(events * 230).unwrap_or_default());
            for line in rendered..rendered + events {
                let at_ms = now_ms - SPAN_MS + SPAN_MS * line.cast_signed() / lines.cast_signed();
                self.line(&mut body, at_ms);
            }
            rendered += events;
            batches.push((events, body));
        }
        batches
    }

    /// Appends one line with the time `at_ms`, including the line feed.
    pub(crate) fn line(&mut self, body: &mut Vec<u8>, at_ms: i64) {
        let length = body.len();
        let subject = SUBJECTS[self.index(SUBJECTS.len())];
        let (level, phrase) = self.phrase();
        self.say(phrase, subject);
        let host = self.below(12);
        // A Vec takes every write. No message holds a character that JSON would escape.
        let _ = if self.below(TEXT_ONE_IN) == 0 {
            let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            let (at, level) = (at.strftime("%Y-%m-%d %H:%M:%S%.3f"), shouted(level));
            writeln!(body, r#""{at} {level:5} [worker-{host}] shop.{subject}.store - {}""#, self.message)
        } else {
            writeln!(
                body,
                r#"{{"timestamp":{at_ms},"level":"{level}","logger":"shop.{subject}.store","message":"{}","service":"{subject}s","host":"app-{host}"}}"#,
                self.message
            )
        };
        self.mix.lines += 1;
        self.mix.bytes += (body.len() - length) as u64;
        self.mix.message_bytes += self.message.len() as u64;
        self.mix.errors += u64::from(level == "error");
    }

    fn phrase(&mut self) -> (&'static str, &'static str) {
        let mut part = self.below(100);
        for (parts, level, phrase) in PHRASES {
            if part < parts {
                return (level, phrase);
            }
            part -= parts;
        }
        ("info", PHRASES[0].2)
    }

    fn say(&mut self, phrase: &str, subject: &str) {
        let mut message = std::mem::take(&mut self.message);
        message.clear();
        let mut parts = phrase.split('%');
        message.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (kind, rest) = part.split_at(1);
            // Writing to a String cannot fail.
            let _ = match kind {
                "s" => message.write_str(subject),
                "n" => write!(message, "{}", self.below(48) + 1),
                "d" => write!(message, "{}", self.below(9_000_000) + 1_000),
                "i" => write!(message, "10.{}.{}.{}", self.below(4), self.below(250), self.below(250)),
                "x" => write!(message, "{:08x}", self.below(1 << 32)),
                _ => write!(message, "{:016x}", self.next()),
            };
            message.push_str(rest);
        }
        self.message = message;
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Mix {
    /// The mix, for the report.
    pub(crate) fn describe(self) -> String {
        format!(
            "{} templates, one line in {TEXT_ONE_IN} plain text and the others structured events; {} bytes a line as sent \
             ({} of them message), {:.1} % errors; sent uncompressed.",
            SUBJECTS.len() * PHRASES.len(),
            self.bytes / self.lines.max(1),
            self.message_bytes / self.lines.max(1),
            percent(self.errors, self.lines),
        )
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let percent = 100.0 * part as f64 / whole.max(1) as f64;
    percent
}

fn shouted(level: &str) -> &'static str {
    match level {
        "debug" => "DEBUG",
        "warning" => "WARN",
        "error" => "ERROR",
        _ => "INFO",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn lines_are_events_of_about_two_hundred_bytes_and_all_levels() {
        let mut corpus = Corpus::new(1);
        let batches = corpus.batches(10_500, 1_000, 1_795_178_096_000);
        assert_eq!(batches.iter().map(|(events, _)| *events).collect::<Vec<_>>()[9..], [1_000, 500]);
        let mut levels = std::collections::BTreeMap::<String, u32>::new();
        for (events, body) in &batches {
            let lines: Vec<Value> =
                body.split_inclusive(|b| *b == b'\n').map(|l| serde_json::from_slice(l).unwrap()).collect();
            assert_eq!(lines.len() as u64, *events);
            for line in lines {
                let level =
                    line["level"].as_str().or_else(|| line.as_str().map(|text| &text[24..29])).unwrap();
                *levels.entry(level.trim().to_lowercase()).or_default() += 1;
            }
        }
        assert_eq!(
            levels.keys().map(String::as_str).collect::<Vec<_>>(),
            ["debug", "error", "info", "warn", "warning"]
        );
        let mix = corpus.mix();
        assert!((180..220).contains(&(mix.bytes / mix.lines)), "{}", mix.describe());
        assert!((3.0..5.0).contains(&percent(mix.errors, mix.lines)), "{}", mix.describe());
    }

    #[test]
    fn the_parts_of_the_phrases_are_a_hundred() {
        assert_eq!(PHRASES.iter().map(|(parts, ..)| parts).sum::<u64>(), 100);
    }
}
