//! Spans: what a process did, for how long, and whether it succeeded.
//!
//! Without a collector, each function here only checks a flag. The current span belongs to the
//! future inside [`request`] or [`turn`]; [`note`] and [`fail`] write to it from anywhere in that
//! future. A span holds numbers and values that a metric label may have: no address, no message,
//! nothing else that a client sent. Details of a failure are in the log, with the trace id.

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

/// Creates the spans of this process, once a collector is set.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Starts tracing; the returned [`Export`] sends the spans. A second call in one process changes
/// nothing.
pub fn begin(service: &str, traces: &Traces) -> Export {
    let (entrance, export) = export::queue(service, traces);
    let provider =
        SdkTracerProvider::builder().with_span_processor(entrance).with_sampler(traces.sampler.clone());
    match TRACER.set(provider.build().tracer("squall")) {
        Ok(()) => {
            let collector = traces.address.authority().map(ToString::to_string);
            tracing::info!(collector, "Tracing is on.");
            export
        }
        Err(_) => Export::none(),
    }
}

/// Whether tracing is on.
pub fn is_on() -> bool {
    TRACER.get().is_some()
}

/// The span of the client that sent a request, if any.
pub struct Caller(Context);

impl Caller {
    /// Reads W3C `traceparent` and `tracestate`; invalid headers count as none.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers)))
    }
}

/// Runs the work for a request in a server span that continues the caller's trace.
pub async fn request<T>(
    name: impl Into<Cow<'static, str>>,
    notes: Vec<KeyValue>,
    caller: Caller,
    work: impl Future<Output = T>,
) -> T {
    let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Server).with_attributes(notes);
    span(builder, &caller.0, work).await
}

/// Runs one turn of a stage in a span. A span without notes and without a failure is dropped: the
/// turn was idle.
pub async fn turn<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    span(SpanBuilder::from_name(name).with_kind(SpanKind::Internal), &Context::new(), work).await
}

/// Sets an attribute of the current span.
pub fn note(key: &'static str, value: impl Into<Value>) {
    if is_on() {
        Context::map_current(|context| context.span().set_attribute(KeyValue::new(key, value)));
    }
}

/// Sets a count on the current span.
pub fn count(key: &'static str, number: usize) {
    note(key, i64::try_from(number).unwrap_or(i64::MAX));
}

/// Marks the current span as failed. The reason is a fixed sentence, never a message with values.
pub fn fail(reason: &'static str) {
    if is_on() {
        Context::map_current(|context| context.span().set_status(Status::error(reason)));
    }
}

/// The id of the current trace.
pub(super) fn current_id() -> Option<TraceId> {
    let id = Context::map_current(|context| context.span().span_context().trace_id());
    (id != TraceId::INVALID).then_some(id)
}

async fn span<T>(builder: SpanBuilder, parent: &Context, work: impl Future<Output = T>) -> T {
    let Some(tracer) = TRACER.get() else { return work.await };
    let context = Context::new().with_span(tracer.build_with_context(builder, parent));
    // The span ends with its last context, also when the future is dropped early.
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
