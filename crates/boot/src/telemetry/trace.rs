//! Spans: what a process did, for how long, and whether it went well.
//!
//! Where no collector is set, each function here is a look at a flag. The current span travels with the future that
//! [`request`] or [`turn`] goes through, and [`note`] and [`fail`] write on it from wherever they are called. A span holds
//! what a label of a metric may hold, and numbers: no address, no message and nothing else that a stranger has sent. What
//! went wrong in detail stands in the log, under the trace id.

use super::{Export, Traces, export};
use hyper::HeaderMap;
use opentelemetry::{
    Context,
    context::FutureExt,
    propagation::{Extractor, TextMapPropagator},
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt, TraceId, Tracer as _, TracerProvider},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use std::{borrow::Cow, sync::OnceLock};

pub use opentelemetry::{KeyValue, Value};

/// Makes the spans of this process, once a collector is set.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Begins to trace; what it returns sends the spans away. A second call in one process changes nothing.
pub fn begin(service: &str, traces: &Traces) -> Export {
    let (entrance, export) = export::queue(service, traces);
    let provider =
        SdkTracerProvider::builder().with_span_processor(entrance).with_sampler(traces.sampler.clone());
    match TRACER.set(provider.build().tracer("squall")) {
        Ok(()) => {
            let collector = traces.address.authority().map(ToString::to_string);
            tracing::info!(collector, "The process is traced.");
            export
        }
        Err(_) => Export::none(),
    }
}

/// Whether spans are made at all.
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

/// The span of whoever sent a request, if it is part of one.
pub struct Caller(Context);

impl Caller {
    /// Reads W3C `traceparent` and `tracestate`; what cannot be read names nobody.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers)))
    }
}

/// Work for a request, as a span of a server that continues its caller's trace.
pub async fn request<T>(
    name: impl Into<Cow<'static, str>>,
    notes: Vec<KeyValue>,
    caller: Caller,
    work: impl Future<Output = T>,
) -> T {
    let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(notes);
    span(builder, &caller.0, work).await
}

/// One turn of a stage. A turn that neither noted anything nor failed did nothing, and is never sent.
pub async fn turn<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    span(SpanBuilder::from_name(name).with_kind(SpanKind::Internal), &Context::new(), work).await
}

/// Writes on the current span.
pub fn note(key: &'static str, value: impl Into<Value>) {
    if is_on() {
        Context::map_current(|context| context.span().set_attribute(KeyValue::new(key, value)));
    }
}

/// Writes a number of things on the current span.
pub fn count(key: &'static str, number: usize) {
    note(key, i64::try_from(number).unwrap_or(i64::MAX));
}

/// Marks the current span as failed. The reason is one of a few.
pub fn fail(reason: &'static str) {
    if is_on() {
        Context::map_current(|context| context.span().set_status(Status::error(reason)));
    }
}

/// The trace that this code runs in.
pub(super) fn current_id() -> Option<TraceId> {
    let id = Context::map_current(|context| context.span().span_context().trace_id());
    (id != TraceId::INVALID).then_some(id)
}

async fn span<T>(builder: SpanBuilder, parent: &Context, work: impl Future<Output = T>) -> T {
    let Some(tracer) = TRACER.get() else { return work.await };
    let context = Context::new().with_span(tracer.build_with_context(builder, parent));
    // The span ends with its last context, also when the future is dropped on the way.
    work.with_context(context).await
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(hyper::header::HeaderName::as_str).collect()
    }
}
