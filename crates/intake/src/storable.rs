//! What PostgreSQL can store: text without NUL, and JSON that `jsonb` takes.
//!
//! One odd value must not fail a transaction with the events of other senders, so intake makes
//! every value storable.

use serde_json::value::RawValue;
use std::borrow::Cow;

/// Deeper JSON is kept as text: PostgreSQL parses `jsonb` recursively and has a bounded stack.
const MAX_DEPTH: usize = 64;

/// A number whose exponent has more digits is kept as text: `numeric` ends at 131,072 digits before
/// the point and 16,383 after it.
const MAX_EXPONENT_DIGITS: usize = 3;

/// A number written with more digits is kept as text for the same reason.
const MAX_DIGITS: usize = 1000;

/// `text` with every NUL replaced, since a PostgreSQL text cannot hold one.
pub fn text(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr(0, text.as_bytes()).is_none() {
        return text;
    }
    Cow::Owned(text.replace('\0', "\u{fffd}"))
}

/// `json` in a form that `jsonb` accepts. Nearly all JSON is returned unchanged after one pass.
///
/// # Errors
/// When the result cannot be written as JSON, which no known input causes.
pub fn json(json: &RawValue) -> Result<Cow<'_, RawValue>, serde_json::Error> {
    match hazard(json.get()) {
        None => Ok(Cow::Borrowed(json)),
        Some(Hazard::Escape) => match RawValue::from_string(replace_escapes(json.get())) {
            Ok(harmless) => Ok(Cow::Owned(harmless)),
            Err(_) => as_text(json.get()),
        },
        Some(Hazard::Shape) => as_text(json.get()),
    }
}

fn as_text(json: &str) -> Result<Cow<'_, RawValue>, serde_json::Error> {
    let kept = serde_json::json!({ "squall.unreadable": replace_escapes(json) });
    Ok(Cow::Owned(serde_json::value::to_raw_value(&kept)?))
}

enum Hazard {
    /// A `\u` escape, which may be NUL or half of a surrogate pair.
    Escape,
    /// Nesting or a number that `jsonb` refuses.
    Shape,
}

fn hazard(json: &str) -> Option<Hazard> {
    let bytes = json.as_bytes();
    let (mut depth, mut escape, mut at) = (0usize, false, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let (end, has_unicode_escape) = string_end(bytes, at + 1);
                escape |= has_unicode_escape;
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(Hazard::Shape);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            // Outside a string an `e` after a digit is an exponent; `true` and `false` end in one
            // too.
            b'e' | b'E' if at > 0 && (bytes[at - 1].is_ascii_digit() || bytes[at - 1] == b'.') => {
                let digits = bytes[at + 1..]
                    .iter()
                    .skip_while(|b| matches!(b, b'+' | b'-'))
                    .take_while(|b| b.is_ascii_digit());
                if digits.count() > MAX_EXPONENT_DIGITS {
                    return Some(Hazard::Shape);
                }
            }
            b'0'..=b'9' => {
                let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
                if digits > MAX_DIGITS {
                    return Some(Hazard::Shape);
                }
                at += digits - 1;
            }
            _ => {}
        }
        at += 1;
    }
    escape.then_some(Hazard::Escape)
}

/// Where the string that starts at `at` ends (the place of its closing quote), and whether it holds
/// `\u`.
fn string_end(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut has_unicode_escape = false;
    while let Some(next) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        at += next;
        if bytes[at] == b'"' {
            return (at, has_unicode_escape);
        }
        has_unicode_escape |= bytes.get(at + 1) == Some(&b'u');
        at += 2;
        if at > bytes.len() {
            break;
        }
    }
    (bytes.len(), has_unicode_escape)
}

/// Replaces `\u0000` and every surrogate escape without its other half by the replacement
/// character.
fn replace_escapes(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let code = unicode_escape(rest);
        let taken = match code {
            None => {
                // Any other escape is one backslash and one character.
                let width = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..width]);
                width
            }
            Some(0) => {
                out.push('\u{fffd}');
                6
            }
            Some(high @ 0xD800..=0xDBFF) => match unicode_escape(&rest[6..]) {
                Some(low @ 0xDC00..=0xDFFF) => {
                    let scalar = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    out.push(char::from_u32(scalar).unwrap_or('\u{fffd}'));
                    12
                }
                _ => {
                    out.push('\u{fffd}');
                    6
                }
            },
            Some(0xDC00..=0xDFFF) => {
                out.push('\u{fffd}');
                6
            }
            Some(_) => {
                out.push_str(&rest[..6]);
                6
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

fn unicode_escape(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn made_storable(input: &str) -> String {
        let raw: Box<RawValue> = serde_json::from_str(input).unwrap();
        json(&raw).unwrap().get().to_owned()
    }

    #[test]
    fn what_jsonb_refuses_is_changed_and_the_rest_is_not() {
        let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
        let (long, long_kept) = (
            format!("[{0},0.{0}]", "7".repeat(1001)),
            format!("{{\"squall.unreadable\":\"[{0},0.{0}]\"}}", "7".repeat(1001)),
        );
        let deep_kept = format!("{{\"squall.unreadable\":\"{deep}\"}}");
        for (input, expected) in [
            (r#"{"a":"plain","b":[1,2.5e3,true]}"#, r#"{"a":"plain","b":[1,2.5e3,true]}"#),
            (r#"{"a":"x\u0000y"}"#, "{\"a\":\"x\u{fffd}y\"}"),
            (r#"{"a":"\ud83d\ude00"}"#, "{\"a\":\"😀\"}"),
            (r#"{"a":"\ud83d!"}"#, "{\"a\":\"\u{fffd}!\"}"),
            (r#"{"a":"\ude00\ud83d"}"#, "{\"a\":\"\u{fffd}\u{fffd}\"}"),
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (r#"{"a":1e99999}"#, r#"{"squall.unreadable":"{\"a\":1e99999}"}"#),
            (deep.as_str(), deep_kept.as_str()),
            (long.as_str(), long_kept.as_str()),
        ] {
            assert_eq!(made_storable(input), expected, "{input}");
        }
    }

    proptest! {
        #[test]
        fn any_json_string_becomes_storable(text in "(\\\\u[0-9a-f]{4}|\\\\n|\\\\\\\\|[a-z \u{e9}]){0,12}") {
            let stored = made_storable(&format!("{{\"a\":\"{text}\"}}"));
            let value: Value = serde_json::from_str(&stored).unwrap();
            prop_assert!(!value["a"].as_str().unwrap().contains('\0'));
        }

        #[test]
        fn text_never_holds_a_nul(input in ".*") {
            prop_assert!(!text(Cow::Borrowed(&input)).contains('\0'));
        }
    }
}
