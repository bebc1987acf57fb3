//! The client of the collector: OTLP as protobuf over plain HTTP.
//!
//! Plain HTTP on purpose: a TLS library would add 3.7 MB to a static binary, while all of tracing
//! adds 0.8. A collector beside Squall receives the spans and forwards them over TLS.

use super::Traces;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::{error::Error, time::Duration};

/// A response is a few bytes; a longer one is not read to its end.
const ANSWER_BYTES: usize = 64 << 10;

/// A collector, which may be down.
pub(super) struct Collector {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

/// Why a collector did not accept a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was down or busy and may accept the same batch later.
    Later(String),
    /// It will never accept it.
    Never(String),
}

impl Collector {
    /// A client; it connects with the first batch.
    pub(super) fn new(traces: &Traces) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            address: traces.address.clone(),
            headers: traces.headers.clone(),
            timeout: traces.timeout,
        }
    }

    /// Its host and port, for the log: the rest of the address may hold a secret.
    pub(super) fn name(&self) -> &str {
        self.address.authority().map_or("", |authority| authority.as_str())
    }

    /// Sends a batch. Returns how many of its spans the collector rejected.
    pub(super) async fn send(&self, body: Bytes) -> Result<u64, Refusal> {
        match tokio::time::timeout(self.timeout, self.try_send(body)).await {
            Ok(answered) => answered,
            Err(_) => Err(Refusal::Later(format!("it did not answer within {:?}", self.timeout))),
        }
    }

    async fn try_send(&self, body: Bytes) -> Result<u64, Refusal> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let answer = self.client.request(request).await.map_err(|error| Refusal::Later(innermost(&error)))?;
        match answer.status() {
            status if status.is_success() => {}
            status @ (StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT) => return Err(Refusal::Later(format!("it answered {status}"))),
            status => return Err(Refusal::Never(format!("it answered {status}"))),
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        // The spans were accepted, even when the response cannot be read.
        let answer = body.ok().and_then(|body| ExportTraceServiceResponse::decode(body.to_bytes()).ok());
        let rejected = answer.and_then(|answer| answer.partial_success).map_or(0, |it| it.rejected_spans);
        Ok(u64::try_from(rejected).unwrap_or(0))
    }
}

/// The innermost cause: the outer ones only report that a request failed.
fn innermost(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => innermost(cause),
        None => error.to_string(),
    }
}
