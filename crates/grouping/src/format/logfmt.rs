//! `time=… level=info msg="…" key=value`.

use super::{ParsedLine, level_of, time_of};
use jiff::Timestamp;
use std::borrow::Cow;

/// Pairs kept; no log line written by hand has more.
const MAX_PAIRS: usize = 64;

pub(super) fn parse(line: &str, reference: Timestamp) -> Option<ParsedLine<'_>> {
    let mut rest = line.trim();
    if !rest.split(' ').next()?.contains('=') || !(rest.contains("msg=") || rest.contains("message=")) {
        return None;
    }
    let mut parsed = ParsedLine {
        message: "".into(),
        level: None,
        logger: None,
        timestamp: None,
        attributes: Vec::new(),
        format: "logfmt",
    };
    let mut has_message = false;
    for _ in 0..MAX_PAIRS {
        if rest.is_empty() {
            break;
        }
        let (key, value, behind) = pair(rest)?;
        rest = behind;
        match key {
            "msg" | "message" if !has_message => (parsed.message, has_message) = (value, true),
            "level" | "lvl" | "severity" if parsed.level.is_none() && level_of(&value).is_some() => {
                parsed.level = level_of(&value);
            }
            "time" | "ts" | "timestamp" | "t"
                if parsed.timestamp.is_none() && time_of(&value, reference).is_some() =>
            {
                parsed.timestamp = time_of(&value, reference);
            }
            "logger" | "component" | "caller" if parsed.logger.is_none() => parsed.logger = Some(value),
            _ => parsed.attributes.push((key.into(), value.into_owned().into())),
        }
    }
    has_message.then_some(parsed)
}

/// The first pair, and what follows it.
fn pair(text: &str) -> Option<(&str, Cow<'_, str>, &str)> {
    let end = text.find(['=', ' '])?;
    let (key, rest) = text.split_at(end);
    let named =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@/".contains(&byte));
    let value = rest.strip_prefix('=').filter(|_| named)?;
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find(' ').unwrap_or(value.len());
        return Some((key, value[..end].into(), value[end..].trim_start()));
    };
    let mut escaped = false;
    let end = quoted.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    let inner = &quoted[..end];
    let value = if inner.contains('\\') {
        serde_json::from_str::<String>(&value[..end + 2]).map_or(Cow::Borrowed(inner), Cow::Owned)
    } else {
        inner.into()
    };
    Some((key, value, quoted[end + 1..].trim_start()))
}
