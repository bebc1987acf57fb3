//! Headers with a form of their own: syslog's priority, RFC 5424, glog, web access.

use crate::{
    format::{ParsedLine, time::{has_clock, interpret}},
    level::Level,
};
use jiff::Timestamp;
use serde_json::Value;
use std::borrow::Cow;

/// `<11>`: facility times eight plus severity (RFC 3164).
pub(super) fn priority(line: &str) -> (&str, Option<Level>) {
    let number = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match number.and_then(|(number, rest)| Some((number.parse::<u8>().ok()?, rest))) {
        Some((priority, rest)) if priority < 192 => (rest, Some(Level::from_syslog(priority % 8))),
        _ => (line, None),
    }
}

/// `1 time host app process id data message` (RFC 5424).
pub(super) fn rfc5424(line: &str, priority: Option<Level>, reference: Timestamp) -> Option<ParsedLine<'_>> {
    priority?;
    let mut parts = line.strip_prefix("1 ")?.splitn(6, ' ');
    let (time, host, app, process, _id) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let rest = parts.next().unwrap_or_default();
    let message = match rest.strip_prefix('-') {
        Some(rest) => rest,
        None => rest.rfind(']').map_or(rest, |at| &rest[at + 1..]),
    };
    let present = [("host.name", host), ("process.pid", process)].into_iter().filter(|(_, value)| *value != "-");
    Some(ParsedLine {
        message: Cow::Borrowed(message.trim_start_matches([' ', '\u{feff}'])),
        level: priority,
        logger: (app != "-").then_some(Cow::Borrowed(app)),
        timestamp: interpret(time, reference),
        attributes: present.map(|(name, value)| (Cow::Borrowed(name), Value::from(value))).collect(),
        format: "header",
    })
}

/// Whether a line begins as glog and klog write.
pub(super) fn is_glog(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() > 20
        && b"IWEF".contains(&bytes[0])
        && bytes[1..5].iter().all(u8::is_ascii_digit)
        && bytes[5] == b' '
        && line.get(6..14).is_some_and(has_clock)
}

/// `E1120 10:00:01.123456  4711 server.go:42] message`
pub(super) fn glog(line: &str, reference: Timestamp) -> Option<ParsedLine<'_>> {
    if !is_glog(line) {
        return None;
    }
    let (head, message) = line.split_once("] ")?;
    let words: Vec<&str> = head.split_ascii_whitespace().collect();
    let [date, clock, .., place] = words.as_slice() else { return None };
    let time = format!("{}-{} {clock}", date.get(1..3)?, date.get(3..5)?);
    Some(ParsedLine {
        message: Cow::Borrowed(message),
        level: Level::parse(date.get(..1)?),
        logger: Some(Cow::Borrowed(place)),
        timestamp: interpret(&time, reference),
        attributes: Vec::new(),
        format: "header",
    })
}

/// `address - user [time] "GET /path HTTP/1.1" 200 12`: the level is that of the status.
pub(super) fn access<'a>(line: &'a str, rest: &'a str, timestamp: Option<Timestamp>) -> Option<ParsedLine<'a>> {
    let request = rest.trim_start().strip_prefix('"')?;
    let (request, behind) = request.split_once('"')?;
    let (method, _) = request.split_once(' ')?;
    let status: u16 = behind.split_ascii_whitespace().next()?.parse().ok()?;
    if !method.bytes().all(|byte| byte.is_ascii_uppercase()) || !(100..600).contains(&status) {
        return None;
    }
    let client = line.split(' ').next().unwrap_or_default();
    let level = match status {
        500.. => Level::Error,
        400.. => Level::Warning,
        _ => Level::Info,
    };
    let request = request.rsplit_once(" HTTP/").map_or(request, |(request, _)| request);
    Some(ParsedLine {
        message: Cow::Owned(format!("{request} answered {status}")),
        level: Some(level),
        logger: None,
        timestamp,
        attributes: vec![
            (Cow::Borrowed("http.response.status_code"), Value::from(status)),
            (Cow::Borrowed("client.address"), Value::from(client)),
        ],
        format: "access",
    })
}
