//! OpenTelemetry's variables by their standard names, so that the settings of an organisation work
//! for Squall as well. They are checked only when a collector is set.

use hyper::{
    HeaderMap, Uri,
    header::{HeaderName, HeaderValue},
};
use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, trace::Sampler};
use percent_encoding::percent_decode_str;
use squall_base::Environment;
use std::time::Duration;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS_FILE"];
const TIMEOUT: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Where traces go, and which of them.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The collector's address with its path.
    pub address: Uri,
    /// Headers of every request to it; the values are marked as secret.
    pub headers: HeaderMap,
    /// How long it may take to answer a request.
    pub timeout: Duration,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// The name of the process, if not the default.
    pub service_name: Option<String>,
    /// Further attributes of the process.
    pub attributes: Vec<(String, String)>,
}

impl Traces {
    /// Reads the variables; `None` when no collector is set.
    pub fn read(env: &mut Environment) -> Option<Self> {
        let endpoint = env.optional_text(
            ENDPOINT,
            "The OpenTelemetry collector for traces: http://host:port. Without it nothing is traced.",
        );
        let traces_endpoint = env.optional_text(
            TRACES_ENDPOINT,
            "Full address for traces, if the collector does not receive them at `/v1/traces`.",
        );
        let protocol = env.text(PROTOCOL, "http/protobuf", "The protocol; no other is supported.");
        let headers = env.secret(HEADERS, "Headers of each request to it: `name=value,name=value`.");
        let timeout = env.text(
            TIMEOUT,
            "10000",
            "How long the collector may take to respond, in milliseconds; requests to Squall never wait for it.",
        );
        let sampler = env.text(SAMPLER, "parentbased_always_on", SAMPLERS_ABOUT);
        let argument =
            env.text(SAMPLER_ARG, "1", "The share of traces that the `traceidratio` samplers keep.");
        let service_name = env.optional_text(
            SERVICE_NAME,
            "The service name in traces, instead of `squall-api` or `squall-worker`.",
        );
        let attributes = env.optional_text(RESOURCE, "Further resource attributes: `name=value,name=value`.");
        let endpoint = match (traces_endpoint, endpoint) {
            (Some(whole), _) => parse_address(TRACES_ENDPOINT, &whole, ""),
            (None, Some(base)) => parse_address(ENDPOINT, &base, "/v1/traces"),
            (None, None) => return None,
        };
        let address = or_reject(env, endpoint);
        or_reject(env, check_protocol(&protocol));
        let headers =
            or_reject(env, headers.map_or_else(|| Ok(HeaderMap::new()), |text| parse_headers(&text)));
        let timeout = or_reject(env, parse_milliseconds(&timeout));
        let sampler = or_reject(env, parse_sampler(&sampler, &argument));
        let attributes =
            or_reject(env, attributes.map_or_else(|| Ok(Vec::new()), |text| parse_attributes(&text)));
        Some(Self {
            address: address?,
            headers: headers?,
            timeout: timeout?,
            sampler: sampler?,
            service_name,
            attributes: attributes?,
        })
    }

    /// The attributes of the process.
    pub(super) fn resource(&self, service: &str) -> Resource {
        let given = self.attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        let resource = Resource::builder_empty()
            .with_service_name(format!("squall-{service}"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attributes(given);
        match &self.service_name {
            Some(name) => resource.with_service_name(name.clone()).build(),
            None => resource.build(),
        }
    }
}

/// The value; a problem is added to the others.
fn or_reject<T>(env: &mut Environment, value: Result<T, String>) -> Option<T> {
    value.map_err(|problem| env.reject(problem)).ok()
}

fn parse_address(name: &str, text: &str, path: &str) -> Result<Uri, String> {
    let form = "an address such as http://127.0.0.1:4318";
    if text.starts_with("https://") {
        return Err(format!(
            "{name} is an https address, but Squall sends traces over plain http only. Run a collector beside it, set \
             {form}, and let the collector forward the traces over https"
        ));
    }
    // An address with a password must not be repeated.
    if text.contains('@') {
        return Err(format!(
            "{name} holds a user or password, which would appear in logs. Set the credentials of the collector in \
             OTEL_EXPORTER_OTLP_HEADERS"
        ));
    }
    let whole = format!("{}{path}", if path.is_empty() { text } else { text.trim_end_matches('/') });
    let parsed = whole
        .parse::<Uri>()
        .ok()
        .filter(|uri| uri.scheme_str() == Some("http") && uri.host().is_some_and(|it| !it.is_empty()));
    parsed.ok_or_else(|| format!("{name} is {text:?}, which is not {form}"))
}

fn check_protocol(protocol: &str) -> Result<(), String> {
    match protocol {
        "http/protobuf" => Ok(()),
        other => Err(format!(
            "{PROTOCOL} is {other:?}, which Squall does not support. Remove it or set http/protobuf; a collector accepts \
             that on port 4318"
        )),
    }
}

fn parse_headers(text: &str) -> Result<HeaderMap, String> {
    // The values are secrets, so no message repeats them.
    let problem = || format!("{} is not a list such as name=value,name=value", HEADERS[0]);
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(text).ok_or_else(problem)? {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| problem())?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| problem())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

fn parse_attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    pairs(text)
        .ok_or_else(|| format!("{RESOURCE} is {text:?}, which is not a list such as name=value,name=value"))
}

/// `name=value,name=value`; commas and other separators in a value are percent-encoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        (!name.trim().is_empty()).then(|| (name.trim().to_owned(), value.into_owned()))
    };
    text.split(',').filter(|piece| !piece.trim().is_empty()).map(pair).collect()
}

fn parse_milliseconds(text: &str) -> Result<Duration, String> {
    let number = text.parse().ok().filter(|number| (1..=600_000).contains(number));
    number.map(Duration::from_millis).ok_or_else(|| {
        format!("{TIMEOUT} is {text:?}, which is not a whole number from 1 to 600000, in milliseconds")
    })
}

const SAMPLERS_ABOUT: &str = "Which traces are kept: `always_on`, `always_off`, `traceidratio`, or one of them with the prefix \
                              `parentbased_`, which follows the decision of the caller, if there is one.";

fn parse_sampler(text: &str, argument: &str) -> Result<Sampler, String> {
    let (own, by_parent) = text.strip_prefix("parentbased_").map_or((text, false), |own| (own, true));
    let own =
        match own {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::TraceIdRatioBased(
                argument.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
                    format!("{SAMPLER_ARG} is {argument:?}, which is not a number from 0 to 1")
                })?,
            ),
            _ => {
                return Err(format!(
                    "{SAMPLER} is {text:?}, which is not one of always_on, always_off, traceidratio, \
                 parentbased_always_on, parentbased_always_off, parentbased_traceidratio"
                ));
            }
        };
    Ok(if by_parent { Sampler::ParentBased(Box::new(own)) } else { own })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<Option<Traces>, String> {
        let pairs = pairs.to_vec();
        let mut env = Environment::from_lookup(move |name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        let traces = Traces::read(&mut env);
        env.finish().map(|_| traces).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_collector_nothing_is_traced_and_nothing_is_checked() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[(SAMPLER, "xray"), (PROTOCOL, "grpc"), (TIMEOUT, "soon")]).unwrap().is_none());
    }

    #[test]
    fn the_address_comes_from_the_base_or_the_full_one() {
        for (pairs, expected) in [
            (&[(ENDPOINT, "http://c:4318")][..], "http://c:4318/v1/traces"),
            (&[(ENDPOINT, "http://c:4318/")], "http://c:4318/v1/traces"),
            (&[(ENDPOINT, "http://c/otlp")], "http://c/otlp/v1/traces"),
            (&[(TRACES_ENDPOINT, "http://c:4318/mine")], "http://c:4318/mine"),
            (&[(ENDPOINT, "http://c:4318"), (TRACES_ENDPOINT, "http://d:1")], "http://d:1/"),
        ] {
            assert_eq!(read(pairs).unwrap().unwrap().address.to_string(), expected);
        }
    }

    #[test]
    fn an_invalid_value_is_reported_without_repeating_a_secret() {
        let good = (ENDPOINT, "http://c:4318");
        for (pairs, expected) in [
            (&[(ENDPOINT, "https://c:4318")][..], "Run a collector beside it"),
            (&[(ENDPOINT, "c:4318")], "OTEL_EXPORTER_OTLP_ENDPOINT is \"c:4318\", which is not an address"),
            (&[(ENDPOINT, "http://")], "which is not an address"),
            (
                &[(TRACES_ENDPOINT, "http://me:hunter2@c:4318")],
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT holds a user",
            ),
            (&[good, (PROTOCOL, "grpc")], "Remove it or set http/protobuf"),
            (&[good, (HEADERS[0], "hunter2")], "OTEL_EXPORTER_OTLP_HEADERS is not a list"),
            (&[good, (HEADERS[0], "key=hunter2%0A")], "OTEL_EXPORTER_OTLP_HEADERS is not a list"),
            (&[good, (HEADERS[0], "a key=hunter2")], "OTEL_EXPORTER_OTLP_HEADERS is not a list"),
            (&[good, (TIMEOUT, "10s")], "OTEL_EXPORTER_OTLP_TIMEOUT is \"10s\""),
            (&[good, (SAMPLER, "xray")], "OTEL_TRACES_SAMPLER is \"xray\", which is not one of always_on"),
            (&[good, (SAMPLER, "traceidratio"), (SAMPLER_ARG, "50%")], "not a number from 0 to 1"),
            (&[good, (SAMPLER, "traceidratio"), (SAMPLER_ARG, "NaN")], "not a number from 0 to 1"),
            (&[good, (RESOURCE, "production")], "OTEL_RESOURCE_ATTRIBUTES is \"production\""),
        ] {
            let problem = read(pairs).unwrap_err();
            assert!(problem.contains(expected) && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn values_are_read_as_the_standard_defines_them() {
        let traces = read(&[
            (ENDPOINT, "http://c:4318"),
            (HEADERS[0], "authorization=Bearer%20hunter2, x-tenant = a"),
            (SAMPLER, "parentbased_traceidratio"),
            (SAMPLER_ARG, "0.25"),
            (RESOURCE, "service.name=logs,deployment.environment.name=a%2Cb,service.version=7"),
        ]);
        let traces = traces.unwrap().unwrap();
        assert_eq!(
            (&traces.headers["authorization"], &traces.headers["x-tenant"]),
            (&"Bearer hunter2".parse().unwrap(), &"a".parse().unwrap())
        );
        let shown = format!("{traces:?}");
        assert!(
            shown.contains("ParentBased") && shown.contains("0.25") && !shown.contains("hunter2"),
            "{shown}"
        );
        let resource = traces.resource("api");
        let of = |name: &'static str| resource.get(&name.into()).map(|value| value.to_string());
        assert_eq!(of("service.name").as_deref(), Some("logs"));
        assert_eq!(of("deployment.environment.name").as_deref(), Some("a,b"));
        let named = Traces { service_name: Some("front".into()), ..traces }.resource("api");
        assert_eq!(named.get(&"service.name".into()).unwrap().to_string(), "front");
    }

    #[test]
    fn a_process_has_a_default_name() {
        let resource = read(&[(ENDPOINT, "http://c:4318")]).unwrap().unwrap().resource("worker");
        assert_eq!(resource.get(&"service.name".into()).unwrap().to_string(), "squall-worker");
    }
}
