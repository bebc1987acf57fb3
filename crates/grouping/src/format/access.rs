//! The access log of web servers: `host ident user [time] "request" status size …`.

use super::{ParsedLine, timestamp};
use crate::level::Level;
use jiff::Timestamp;

pub(super) fn parse(line: &str, reference: Timestamp) -> Option<ParsedLine<'_>> {
    let line = line.trim();
    let (head, rest) = line.split_once(" [")?;
    if head.len() > 300 || head.split(' ').count() < 3 {
        return None;
    }
    let (time, rest) = rest.split_once("] \"")?;
    let (_, time) = timestamp::read(time, reference).filter(|(length, _)| *length == time.len())?;
    let (request, rest) = rest.split_once("\" ")?;
    let status: u16 = rest.split(' ').next()?.parse().ok().filter(|status| (100..600).contains(status))?;
    let (level, outcome) = match status {
        500.. => (Level::Error, "failed with a server error"),
        400.. => (Level::Warning, "was refused with a client error"),
        _ => (Level::Info, "was answered"),
    };
    // The version of the protocol only adds noise.
    let line = request.rsplit_once(" HTTP/").map_or(request, |(line, _)| line);
    let target = line.split('?').next().unwrap_or(line);
    let text = |text: &str| serde_json::Value::from(text);
    let attributes = vec![
        ("client".into(), text(head.split(' ').next().unwrap_or_default())),
        ("request".into(), text(request)),
        ("status".into(), status.into()),
    ];
    Some(ParsedLine {
        message: format!("{target} {outcome}").into(),
        level: Some(level),
        logger: None,
        timestamp: Some(time),
        attributes,
        format: "access",
    })
}
