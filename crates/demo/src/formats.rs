//! Events as lines of text, in the format of the service that writes them.

use crate::{event::Event, services::Format};
use jiff::Timestamp;
use serde_json::{Value, json};
use squall_grouping::Level;
use std::fmt::Write as _;

/// The event as its service writes it to its log, with the line feed; a trace makes it several lines.
pub(crate) fn text(event: &Event) -> String {
    let level = event.template.level;
    let Event { message, process, host, .. } = event;
    let logger = event.template.logger;
    match event.service.format {
        Format::Nginx => {
            let at = time(event.at_ms, "%Y/%m/%d %H:%M:%S");
            format!(
                "{at} [{}] {process}#{process}: *{} {message}\n",
                nginx_level(level),
                event.at_ms % 1_000_000
            )
        }
        Format::Logback => {
            let at = time(event.at_ms, "%Y-%m-%d %H:%M:%S%.3f");
            let line =
                format!("{at} {:5} [http-nio-8080-exec-{process}] {logger} - {message}\n", java_level(level));
            with_trace(line, event)
        }
        Format::Python => {
            let at = time(event.at_ms, "%Y-%m-%d %H:%M:%S");
            let line = format!(
                "{at},{:03} {} {logger}: {message}\n",
                event.at_ms.rem_euclid(1_000),
                python_level(level)
            );
            with_trace(line, event)
        }
        Format::Pino => pino(event),
        Format::Logfmt => logfmt(event),
        Format::Syslog => {
            let at = time(event.at_ms, "%Y-%m-%dT%H:%M:%S%.3fZ");
            // Facility 2 is mail, 9 is cron; the priority is eight times it, and the severity.
            let priority = if logger == "cron" { 9 } else { 2 } * 8 + syslog_severity(level);
            format!("<{priority}>1 {at} {host} {logger} {process} - - {message}\n")
        }
    }
}

fn with_trace(mut line: String, event: &Event) -> String {
    if let Some(thrown) = &event.thrown {
        line.push_str(&thrown.trace);
        line.push('\n');
    }
    line
}

fn pino(event: &Event) -> String {
    let level = match event.template.level {
        Level::Trace => 10,
        Level::Debug => 20,
        Level::Info => 30,
        Level::Warning => 40,
        Level::Error => 50,
        Level::Fatal => 60,
    };
    let mut object = json!({
        "level": level, "time": event.at_ms, "pid": event.process, "hostname": event.host,
        "name": event.template.logger, "msg": event.message,
    });
    if let Some(thrown) = &event.thrown {
        object["err"] = json!({ "type": thrown.kind, "message": thrown.message, "stack": thrown.trace });
    }
    if let Some(object) = object.as_object_mut() {
        object.extend(event.attributes_as_json());
    }
    format!("{object}\n")
}

fn logfmt(event: &Event) -> String {
    let at = time(event.at_ms, "%Y-%m-%dT%H:%M:%S%.3fZ");
    let level = event.template.level.name();
    let mut line =
        format!("time={at} level={level} logger={} msg={}", event.template.logger, quoted(&event.message));
    for (name, value) in &event.attributes {
        let bare = value.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'='));
        // Writing to a String cannot fail.
        let _ =
            if bare { write!(line, " {name}={value}") } else { write!(line, " {name}={}", quoted(value)) };
    }
    line.push('\n');
    with_trace(line, event)
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn time(at_ms: i64, format: &str) -> String {
    Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH).strftime(format).to_string()
}

fn nginx_level(level: Level) -> &'static str {
    match level {
        Level::Trace | Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warn",
        Level::Error => "error",
        Level::Fatal => "emerg",
    }
}

fn java_level(level: Level) -> &'static str {
    match level {
        Level::Trace => "TRACE",
        Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warning => "WARN",
        // Logback has nothing above ERROR.
        Level::Error | Level::Fatal => "ERROR",
    }
}

fn python_level(level: Level) -> &'static str {
    match level {
        Level::Trace | Level::Debug => "DEBUG",
        Level::Info => "INFO",
        Level::Warning => "WARNING",
        Level::Error => "ERROR",
        Level::Fatal => "CRITICAL",
    }
}

fn syslog_severity(level: Level) -> u8 {
    match level {
        Level::Trace | Level::Debug => 7,
        Level::Info => 6,
        Level::Warning => 4,
        Level::Error => 3,
        Level::Fatal => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::Random, services::SERVICES};

    const AT: i64 = 1_795_178_096_789;

    fn lines_of(name: &str) -> Vec<(Level, String)> {
        let service = SERVICES.into_iter().find(|service| service.name == name).unwrap();
        let events =
            service.templates.iter().map(|template| Event::new(AT, service, template, Random::of(1, 1)));
        events.map(|event| (event.template.level, text(&event))).collect()
    }

    #[test]
    fn every_first_line_carries_its_time_and_its_level() {
        for (service, time, level_of) in [
            (
                "gateway",
                "2026/11/20 12:34:56 [",
                (|l| format!(" [{}] ", nginx_level(l))) as fn(Level) -> String,
            ),
            ("checkout", "2026-11-20 12:34:56.789 ", |l| {
                format!(".789 {:5} [http-nio-8080-exec-", java_level(l))
            }),
            ("catalog", "2026-11-20 12:34:56,789 ", |l| format!(",789 {} catalog.", python_level(l))),
            ("inventory", "time=2026-11-20T12:34:56.789Z ", |l| format!(" level={} ", l.name())),
        ] {
            for (level, line) in lines_of(service) {
                assert!(line.starts_with(time), "{line}");
                assert!(line.contains(&level_of(level)), "{line}");
                assert!(line.ends_with('\n') && !line.ends_with("\n\n"), "{line}");
            }
        }
        for (level, line) in lines_of("mailer") {
            let (priority, rest) = line[1..].split_once(">1 2026-11-20T12:34:56.789Z mailer-1 ").unwrap();
            assert_eq!(priority.parse::<u8>().unwrap() % 8, syslog_severity(level), "{line}");
            assert!(rest.contains(" - - "), "{line}");
        }
    }

    #[test]
    fn a_pino_line_is_one_json_object() {
        for (level, line) in lines_of("payments") {
            let object: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((line.matches('\n').count(), object["time"].as_i64()), (1, Some(AT)));
            assert_eq!(object["level"].as_u64().unwrap() >= 50, level >= Level::Error);
            assert!(object["msg"].is_string());
        }
    }

    #[test]
    fn traces_follow_their_line_and_never_look_like_a_new_one() {
        for (service, starts) in
            [("checkout", "2026-11-20"), ("catalog", "2026-11-20"), ("inventory", "time=")]
        {
            let traces = lines_of(service).into_iter().filter(|(_, text)| text.lines().count() > 1);
            let followers: Vec<String> = traces
                .flat_map(|(_, text)| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>())
                .collect();
            assert!(
                !followers.is_empty() && followers.iter().all(|line| !line.starts_with(starts)),
                "{service}"
            );
        }
        assert!(
            lines_of("checkout")
                .iter()
                .any(|(_, text)| text.contains("\nCaused by: org.postgresql.util.PSQLException"))
        );
    }
}
