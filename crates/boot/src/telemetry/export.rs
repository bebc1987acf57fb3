//! Sending ended spans to the collector: a bounded queue, and one task that empties it.
//!
//! A span that ends goes into the queue or, when that is full, is dropped; the code that ended it
//! never waits. The task sends the spans of a second together. While the collector is down, the
//! task retries the same batch, the queue fills up, and new spans are dropped. Each change of that
//! state is logged once, and each span is counted in `squall_trace_spans_total`.

use super::{
    Traces,
    collector::{Collector, Refusal},
};
use crate::metrics;
use hyper::body::Bytes;
use opentelemetry::{
    Context,
    trace::{SpanKind, Status},
};
use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use prost::Message;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// Spans in the queue: about 2 MB.
const QUEUE: usize = 2048;

/// Spans in one request to the collector: about 150 kB.
const BATCH: usize = 512;

/// How long a span waits for others to be sent with it.
const LINGER: Duration = Duration::from_secs(1);

/// How long the process waits at its end for the remaining spans.
const FLUSH: Duration = Duration::from_secs(2);

/// How long to wait before a retry, at first and at most; doubled in between.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// After this time without a loss, the collector is keeping up again.
const QUIET: Duration = Duration::from_secs(60);

/// Sends the spans of a process, if tracing is on.
pub struct Export(Option<Queue>);

/// The receiving end of the queue, with the state of the task.
struct Queue {
    spans: mpsc::Receiver<SpanData>,
    dropped: Arc<AtomicU64>,
    collector: Collector,
    resource: ResourceAttributesWithSchema,
    state: Delivery,
    /// Spans that were dropped since the delivery state last changed.
    lost: u64,
    last_loss: Instant,
}

/// The sending end of the queue.
#[derive(Debug)]
pub(super) struct SpanQueue {
    spans: mpsc::Sender<SpanData>,
    dropped: Arc<AtomicU64>,
}

/// The state of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Healthy,
    /// Spans arrive faster than the collector accepts them.
    Overloaded,
    /// The collector cannot be reached.
    Unreachable,
    /// The collector refuses the spans.
    Refused,
}

/// Creates both ends of a queue.
pub(super) fn queue(service: &str, traces: &Traces) -> (SpanQueue, Export) {
    let (sender, spans) = mpsc::channel(QUEUE);
    let dropped = Arc::<AtomicU64>::default();
    let span_queue = SpanQueue { spans: sender, dropped: dropped.clone() };
    let queue = Queue {
        spans,
        dropped,
        collector: Collector::new(traces),
        resource: (&traces.resource(service)).into(),
        state: Delivery::Healthy,
        lost: 0,
        last_loss: Instant::now(),
    };
    (span_queue, Export(Some(queue)))
}

impl Export {
    /// For a process without tracing.
    pub fn none() -> Self {
        Self(None)
    }

    /// Runs the work of a process, sending its spans meanwhile and the remaining ones at its end.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        let Some(queue) = self.0 else { return work.await };
        let stop = CancellationToken::new();
        let mut sending = tokio::spawn(queue.run(stop.clone()));
        let done = work.await;
        stop.cancel();
        if timeout(FLUSH, &mut sending).await.is_err() {
            sending.abort();
            tracing::warn!("The last traces were dropped: the collector did not accept them in time.");
        }
        done
    }
}

impl Queue {
    async fn run(mut self, stop: CancellationToken) {
        while let Some(batch) = self.gather(&stop).await {
            self.deliver(batch, &stop).await;
        }
    }

    /// The spans that arrive within [`LINGER`] of the first; `None` at the end of the queue.
    async fn gather(&mut self, stop: &CancellationToken) -> Option<Vec<SpanData>> {
        let mut batch = Vec::new();
        let mut until = None;
        loop {
            let room = BATCH - batch.len();
            tokio::select! {
                biased;
                () = stop.cancelled(), if !self.spans.is_closed() => self.spans.close(),
                count = self.spans.recv_many(&mut batch, room) => {
                    if count == 0 || batch.len() == BATCH {
                        return (!batch.is_empty()).then_some(batch);
                    }
                    until.get_or_insert_with(|| Instant::now() + LINGER);
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return Some(batch),
            }
        }
    }

    /// Sends a batch until the collector accepts or refuses it, or the process stops.
    async fn deliver(&mut self, batch: Vec<SpanData>, stop: &CancellationToken) {
        let spans = batch.len() as u64;
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = Bytes::from(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        let mut pause = RETRY_PAUSE.0;
        loop {
            match self.collector.send(body.clone()).await {
                Ok(rejected) => {
                    metrics::TRACE_SPANS.add(&["delivered"], spans.saturating_sub(rejected));
                    return self.delivered(rejected, Instant::now());
                }
                Err(Refusal::Never(reason)) => {
                    self.turn_to(Delivery::Refused, &reason);
                    return lose(&self.dropped, spans);
                }
                Err(Refusal::Later(reason)) => {
                    self.turn_to(Delivery::Unreachable, &reason);
                    if stop.is_cancelled() {
                        return lose(&self.dropped, spans);
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(RETRY_PAUSE.1);
        }
    }
}

impl Queue {
    /// Logs once that spans are no longer delivered, and why.
    fn turn_to(&mut self, state: Delivery, reason: &str) {
        if self.state == state {
            return;
        }
        self.state = state;
        let collector = self.collector.name();
        match state {
            Delivery::Refused => tracing::warn!(
                collector,
                reason,
                "The collector refuses the traces; dropping them. Check its address and OTEL_EXPORTER_OTLP_HEADERS."
            ),
            _ => tracing::warn!(
                collector,
                reason,
                "The traces cannot be delivered; retrying. Everything else continues."
            ),
        }
    }

    /// Logs once when spans are dropped although the collector accepts some, and when it keeps up
    /// again.
    fn delivered(&mut self, rejected: u64, now: Instant) {
        lose(&self.dropped, rejected);
        let lost = self.dropped.swap(0, Ordering::Relaxed);
        self.lost += lost;
        if lost > 0 {
            self.last_loss = now;
        }
        let collector = self.collector.name();
        match self.state {
            Delivery::Healthy if lost > 0 => {
                self.state = Delivery::Overloaded;
                tracing::warn!(
                    collector,
                    dropped = lost,
                    "Dropping traces: the collector does not accept them fast enough."
                );
            }
            Delivery::Overloaded if now - self.last_loss < QUIET => {}
            Delivery::Healthy => {}
            Delivery::Overloaded | Delivery::Unreachable | Delivery::Refused => {
                self.state = Delivery::Healthy;
                let dropped = std::mem::take(&mut self.lost);
                tracing::info!(collector, dropped, "The traces are delivered again.");
            }
        }
    }
}

impl SpanProcessor for SpanQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && !is_idle(&span) && self.spans.try_send(span).is_err() {
            lose(&self.dropped, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The queue is emptied at the end of the process, in [`Export::around`].
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// An idle turn: there are several per second, and none is worth a trace.
fn is_idle(span: &SpanData) -> bool {
    span.span_kind == SpanKind::Internal && span.attributes.is_empty() && span.status == Status::Unset
}

fn lose(dropped: &AtomicU64, spans: u64) {
    dropped.fetch_add(spans, Ordering::Relaxed);
    metrics::TRACE_SPANS.add(&["dropped"], spans);
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::{
        KeyValue,
        trace::{Span as _, Tracer, TracerProvider},
    };
    use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
    use squall_base::Environment;

    fn traced(sampler: &'static str) -> (SdkTracer, Queue) {
        let mut env = Environment::from_lookup(move |name| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://127.0.0.1:9".to_owned()),
            "OTEL_TRACES_SAMPLER" => Some(sampler.to_owned()),
            _ => None,
        });
        let traces = Traces::read(&mut env).unwrap();
        let (span_queue, Export(queue)) = queue("api", &traces);
        let provider =
            SdkTracerProvider::builder().with_span_processor(span_queue).with_sampler(traces.sampler);
        (provider.build().tracer("test"), queue.unwrap())
    }

    fn work(tracer: &SdkTracer) {
        tracer.start("digest").set_attribute(KeyValue::new("squall.events", 1));
    }

    #[test]
    fn a_full_queue_drops_and_counts_new_spans_without_waiting() {
        let (tracer, queue) = traced("always_on");
        (0..QUEUE + 5).for_each(|_| work(&tracer));
        assert_eq!((queue.spans.len(), queue.dropped.load(Ordering::Relaxed)), (QUEUE, 5));
    }

    #[test]
    fn idle_turns_and_unsampled_traces_stay_out_of_the_queue() {
        let (tracer, queue) = traced("always_on");
        drop(tracer.start("digest"));
        assert_eq!(queue.spans.len(), 0);
        tracer.start("digest").set_status(Status::error("The turn failed."));
        work(&tracer);
        assert_eq!(queue.spans.len(), 2);
        let (tracer, queue) = traced("always_off");
        work(&tracer);
        assert_eq!((queue.spans.len(), queue.dropped.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn an_overload_ends_after_a_while_without_a_loss() {
        let (_, mut queue) = traced("always_on");
        let start = Instant::now();
        for (rejected, after, state, lost) in [
            (0, 0, Delivery::Healthy, 0),
            (3, 1, Delivery::Overloaded, 3),
            (2, 50, Delivery::Overloaded, 5),
            (0, 109, Delivery::Overloaded, 5),
            (0, 110, Delivery::Healthy, 0),
        ] {
            queue.delivered(rejected, start + Duration::from_secs(after));
            assert_eq!((queue.state, queue.lost), (state, lost), "after {after} s");
        }
        for state in [Delivery::Unreachable, Delivery::Refused] {
            queue.turn_to(state, "it answered 503");
            assert_eq!(queue.state, state);
            queue.delivered(0, start);
            assert_eq!(queue.state, Delivery::Healthy);
        }
    }
}
