//! An OpenTelemetry collector that accepts spans by OTLP over HTTP and keeps them.

use crate::TIMEOUT;
use anyhow::{Context, Result};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use squall_base::random::hex;
use std::net::SocketAddr;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// A collector on loopback.
pub struct Collector {
    address: SocketAddr,
    incoming: UnboundedReceiver<ReceivedSpan>,
    received: Vec<ReceivedSpan>,
}

/// A span as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedSpan {
    /// The name of its process.
    pub service: String,
    /// The `x-tenant` header of the request that brought it.
    pub tenant: String,
    span: Span,
}

impl Collector {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> Result<Self> {
        Self::at("127.0.0.1:0").await
    }

    /// Listens on an address.
    ///
    /// # Errors
    /// When it is in use.
    pub async fn at(address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (outgoing, incoming) = unbounded_channel();
        let router = Router::new().route("/v1/traces", post(take)).with_state(outgoing);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, incoming, received: Vec::new() })
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for a span that matches.
    ///
    /// # Errors
    /// When none arrives, with those that did.
    pub async fn wait_for(&mut self, wanted: impl Fn(&ReceivedSpan) -> bool) -> Result<ReceivedSpan> {
        loop {
            if let Some(found) = self.received().iter().find(|span| wanted(span)) {
                return Ok(found.clone());
            }
            let next = timeout(TIMEOUT, self.incoming.recv()).await;
            let next = next.with_context(|| format!("no such span among {:#?}", self.received))?;
            self.received.push(next.context("the collector has ended")?);
        }
    }

    /// Everything that has arrived, without waiting.
    pub fn received(&mut self) -> &[ReceivedSpan] {
        while let Ok(next) = self.incoming.try_recv() {
            self.received.push(next);
        }
        &self.received
    }
}

impl ReceivedSpan {
    /// The name of the span.
    pub fn name(&self) -> &str {
        &self.span.name
    }

    /// The trace id, in hexadecimal digits.
    pub fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// The parent span id, in hexadecimal digits; empty for a root span.
    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// Whether its status is an error.
    pub fn is_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }

    /// An attribute as text.
    pub fn attribute(&self, name: &str) -> Option<String> {
        text_of(&self.span.attributes, name)
    }
}

async fn take(
    State(spans): State<UnboundedSender<ReceivedSpan>>,
    headers: HeaderMap,
    body: Bytes,
) -> Vec<u8> {
    let is_protobuf = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).ok().filter(|_| is_protobuf).unwrap_or_default();
    let tenant = headers.get("x-tenant").and_then(|it| it.to_str().ok()).unwrap_or_default();
    for of_process in request.resource_spans {
        let resource = of_process.resource.unwrap_or_default();
        let service = text_of(&resource.attributes, "service.name").unwrap_or_default();
        for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            // Fails when the test has ended.
            let _ = spans.send(ReceivedSpan { service: service.clone(), tenant: tenant.to_owned(), span });
        }
    }
    ExportTraceServiceResponse::default().encode_to_vec()
}

fn text_of(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|it| it.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}
