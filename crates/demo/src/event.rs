//! One event of the demo, before it takes a form: a line of text ([`crate::formats`]) or JSON for the API.

use crate::{
    random::Random,
    services::{Service, Template},
    values::Values,
};
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub(crate) struct Event {
    /// Milliseconds since 1970 UTC.
    pub(crate) at_ms: i64,
    pub(crate) service: &'static Service,
    pub(crate) template: &'static Template,
    pub(crate) message: String,
    pub(crate) thrown: Option<Thrown>,
    /// `checkout-2`
    pub(crate) host: String,
    /// The process, thread or connection id, for formats that show one.
    pub(crate) process: u64,
    /// The values in the message, by attribute name.
    pub(crate) attributes: Vec<(&'static str, String)>,
}

/// An exception with its values filled in.
#[derive(Debug)]
pub(crate) struct Thrown {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) trace: String,
}

impl Event {
    /// Fills a template with random values.
    pub(crate) fn new(
        at_ms: i64,
        service: &'static Service,
        template: &'static Template,
        random: Random,
    ) -> Self {
        let mut values = Values::new(random);
        let message = values.fill(template.message);
        let thrown = template.exception.map(|exception| Thrown {
            kind: exception.kind,
            message: values.fill(exception.message),
            trace: values.fill(exception.trace),
        });
        let host = format!("{}-{}", service.name, values.random().between(1, service.hosts));
        let process = values.random().between(1, 40);
        let mut attributes = values.attributes();
        if let Some(route) = template.route {
            attributes.push(("http.route", route.to_owned()));
        }
        Self { at_ms, service, template, message, thrown, host, process, attributes }
    }

    /// The form that `POST /api/v1/ingest` accepts.
    pub(crate) fn to_json(&self) -> Value {
        let mut event = json!({
            "timestamp": self.at_ms,
            "level": self.template.level.name(),
            "logger": self.template.logger,
            "message": self.message,
            "service": self.service.name,
            "environment": "production",
            "release": self.service.release,
            "host": self.host,
            "attributes": self.attributes_as_json(),
        });
        if let Some(thrown) = &self.thrown {
            event["exception"] =
                json!({ "type": thrown.kind, "message": thrown.message, "stacktrace": thrown.trace });
        }
        event
    }

    pub(crate) fn attributes_as_json(&self) -> Map<String, Value> {
        self.attributes.iter().map(|(name, value)| ((*name).to_owned(), attribute(name, value))).collect()
    }
}

/// Durations, status codes and amounts are numbers; identifiers are text, even those made of digits.
fn attribute(name: &str, value: &str) -> Value {
    let is_number =
        matches!(name, "duration_ms" | "http.response.status_code" | "order.amount" | "retry.attempt");
    let number = is_number.then(|| serde_json::from_str(value).ok()).flatten();
    number.unwrap_or_else(|| Value::String(value.to_owned()))
}
