//! An OpenTelemetry collector: takes spans by OTLP over HTTP and keeps them.

use crate::PATIENCE;
use anyhow::{Context, Result};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use std::net::SocketAddr;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// A collector on loopback.
pub struct Collector {
    address: SocketAddr,
    incoming: UnboundedReceiver<Received>,
    received: Vec<Received>,
}

/// A span as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    /// The name of its process.
    pub service: String,
    /// The `x-tenant` header of the request that brought it.
    pub tenant: String,
    span: Span,
}

impl Collector {
    /// Listens on any port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        Self::at("127.0.0.1:0").await
    }

    /// Listens on an address.
    ///
    /// # Errors
    /// When it is taken.
    pub async fn at(address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (outgoing, incoming) = unbounded_channel();
        let router = Router::new().route("/v1/traces", post(take)).with_state(outgoing);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, incoming, received: Vec::new() })
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` has to be.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first span that is as wanted, once it is there.
    ///
    /// # Errors
    /// When none comes, with those that did.
    pub async fn wait_for(&mut self, wanted: impl Fn(&Received) -> bool) -> Result<Received> {
        loop {
            if let Some(found) = self.so_far().iter().find(|span| wanted(span)) {
                return Ok(found.clone());
            }
            let next = timeout(PATIENCE, self.incoming.recv()).await;
            let next = next.with_context(|| format!("no such span among {:#?}", self.received))?;
            self.received.push(next.context("the collector has ended")?);
        }
    }

    /// Everything that is there, without waiting.
    pub fn so_far(&mut self) -> &[Received] {
        while let Ok(next) = self.incoming.try_recv() {
            self.received.push(next);
        }
        &self.received
    }
}

impl Received {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.span.name
    }

    /// Its trace, in hexadecimal digits.
    pub fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// The span above it, in hexadecimal digits; empty for the first of a trace.
    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// Whether it is marked as failed.
    pub fn is_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }

    /// One of its attributes as text.
    pub fn attribute(&self, name: &str) -> Option<String> {
        text_of(&self.span.attributes, name)
    }
}

async fn take(State(kept): State<UnboundedSender<Received>>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    let is_protobuf = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).ok().filter(|_| is_protobuf).unwrap_or_default();
    let tenant = headers.get("x-tenant").and_then(|it| it.to_str().ok()).unwrap_or_default();
    for of_process in request.resource_spans {
        let resource = of_process.resource.unwrap_or_default();
        let service = text_of(&resource.attributes, "service.name").unwrap_or_default();
        for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            // The test may have ended; then nobody misses it.
            let _ = kept.send(Received { service: service.clone(), tenant: tenant.to_owned(), span });
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
