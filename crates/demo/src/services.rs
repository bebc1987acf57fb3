//! The shop: its services, and what each of them writes.
//!
//! A service is a list of templates. A template is a message with `{placeholders}`, its frequency and,
//! for some errors, an exception. *When* it is written is its [`Occurrence`], which [`crate::scenario`]
//! interprets.

mod gateway;
mod checkout;
mod catalog;
mod payments;
mod inventory;
mod mailer;

use squall_grouping::Level;

/// Every service of the shop, in the order of a request.
pub(crate) static SERVICES: [&Service; 6] = [
    &gateway::SERVICE,
    &checkout::SERVICE,
    &catalog::SERVICE,
    &payments::SERVICE,
    &inventory::SERVICE,
    &mailer::SERVICE,
];

pub(crate) fn named(name: &str) -> Option<&'static Service> {
    SERVICES.into_iter().find(|service| service.name == name)
}

/// How a program writes its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `2026/11/20 12:34:56 [error] 31#31: *7 message`
    Nginx,
    /// `2026-11-20 12:34:56.789 ERROR [http-nio-8080-exec-7] c.e.shop.Orders - message`, then the trace.
    Logback,
    /// `2026-11-20 12:34:56,789 ERROR catalog.search: message`, then the traceback.
    Python,
    /// One JSON object a line, the level as a number, the stack in `err`.
    Pino,
    /// `time=… level=error msg="…" name=value …`
    Logfmt,
    /// RFC 5424: `<11>1 2026-11-20T12:34:56.789Z mailer-1 mailer 7 - - message`
    Syslog,
}

/// One program of the shop.
#[derive(Debug)]
pub(crate) struct Service {
    /// `checkout`; also the stem of its log file.
    pub(crate) name: &'static str,
    pub(crate) release: &'static str,
    /// The number of hosts: `checkout-1`, `checkout-2`, …
    pub(crate) hosts: u64,
    pub(crate) format: Format,
    pub(crate) templates: &'static [Template],
}

/// When a template is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Occurrence {
    /// In the daily rhythm.
    Steady,
    /// In the daily rhythm, and this many times as often while the database is down.
    Outage(f64),
    /// Only after a new release is deployed, some minutes after the start.
    New,
    /// Only before it was fixed, some hours before the start.
    Fixed,
}

/// One message a service writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    pub(crate) level: Level,
    pub(crate) logger: &'static str,
    /// May contain the `{placeholders}` of [`crate::values`].
    pub(crate) message: &'static str,
    /// Its share of all lines, relative to the sum of all weights.
    pub(crate) weight: f64,
    pub(crate) occurrence: Occurrence,
    /// The attribute `http.route`.
    pub(crate) route: Option<&'static str>,
    pub(crate) exception: Option<Exception>,
}

/// An exception, as the service's language prints it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exception {
    pub(crate) kind: &'static str,
    pub(crate) message: &'static str,
    /// The whole trace, kind and message included; placeholders are filled with the message's values.
    pub(crate) trace: &'static str,
}

impl Template {
    const fn new(level: Level, weight: f64, logger: &'static str, message: &'static str) -> Self {
        Self { level, logger, message, weight, occurrence: Occurrence::Steady, route: None, exception: None }
    }

    const fn debug(weight: f64, logger: &'static str, message: &'static str) -> Self {
        Self::new(Level::Debug, weight, logger, message)
    }

    const fn info(weight: f64, logger: &'static str, message: &'static str) -> Self {
        Self::new(Level::Info, weight, logger, message)
    }

    const fn warning(weight: f64, logger: &'static str, message: &'static str) -> Self {
        Self::new(Level::Warning, weight, logger, message)
    }

    const fn error(weight: f64, logger: &'static str, message: &'static str) -> Self {
        Self::new(Level::Error, weight, logger, message)
    }

    const fn fatal(weight: f64, logger: &'static str, message: &'static str) -> Self {
        Self::new(Level::Fatal, weight, logger, message)
    }

    const fn when(mut self, occurrence: Occurrence) -> Self {
        self.occurrence = occurrence;
        self
    }

    const fn on(mut self, route: &'static str) -> Self {
        self.route = Some(route);
        self
    }

    const fn throws(mut self, kind: &'static str, message: &'static str, trace: &'static str) -> Self {
        self.exception = Some(Exception { kind, message, trace });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Values;
    use std::collections::HashSet;

    #[test]
    fn the_shop_has_about_fifty_messages_and_twenty_errors() {
        let all: Vec<&Template> = SERVICES.iter().flat_map(|service| service.templates).collect();
        let errors = all.iter().filter(|template| template.level >= Level::Error).count();
        assert!((40..=60).contains(&all.len()), "{} templates", all.len());
        assert!((18..=26).contains(&errors), "{errors} errors");
        let distinct: HashSet<_> = all.iter().map(|template| template.message).collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn every_placeholder_is_known_and_every_trace_names_what_was_thrown() {
        for template in SERVICES.iter().flat_map(|service| service.templates) {
            let mut values = Values::new(crate::random::Random::of(1, 1));
            let message = values.fill(template.message);
            assert!(!message.contains(['{', '}']), "{message}");
            if let Some(exception) = template.exception {
                let trace = values.fill(exception.trace);
                let thrown = values.fill(exception.message);
                assert!(trace.contains(&thrown), "{thrown} is not in {trace}");
                assert!(trace.lines().count() >= 4, "{trace}");
            }
        }
    }
}
