//! The way of ended spans to the collector: a bounded queue, and one task that empties it.
//!
//! Whoever ends a span puts it into the queue or, when that is full, drops it; nobody ever waits. The task sends what has
//! come together within a second. A collector that is away gets the same batch again and again, while the queue behind it
//! fills up and then loses what is new. Every change of that state is one line of the log, every span one step of
//! `squall_trace_spans_total`.

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

/// Spans that wait: about 2 MB.
const QUEUE: usize = 2048;

/// Spans in one request to the collector: about 150 kB.
const BATCH: usize = 512;

/// How long a span waits for others to travel with it.
const LINGER: Duration = Duration::from_secs(1);

/// How long the end of the process waits for what is left.
const FLUSH: Duration = Duration::from_secs(2);

/// How long to wait before a collector that is away is tried again, at first and at most; doubled in between.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Without a loss for so long, the collector keeps up again.
const QUIET: Duration = Duration::from_secs(60);

/// What sends the spans of a process away, if it makes any.
pub struct Export(Option<Queue>);

/// The task's end of the queue.
struct Queue {
    spans: mpsc::Receiver<SpanData>,
    dropped: Arc<AtomicU64>,
    collector: Collector,
    resource: ResourceAttributesWithSchema,
    condition: Condition,
    /// Spans that were lost since the condition last changed.
    lost: u64,
    last_loss: Instant,
}

/// The other end, where spans come in.
#[derive(Debug)]
pub(super) struct Entrance {
    spans: mpsc::Sender<SpanData>,
    dropped: Arc<AtomicU64>,
}

/// How the delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Well,
    /// Spans come faster than they go.
    Lossy,
    /// The collector cannot be reached.
    Away,
    /// It can, and does not want them.
    Refused,
}

/// A queue with its two ends.
pub(super) fn queue(service: &str, traces: &Traces) -> (Entrance, Export) {
    let (sender, spans) = mpsc::channel(QUEUE);
    let dropped = Arc::<AtomicU64>::default();
    let entrance = Entrance { spans: sender, dropped: dropped.clone() };
    let queue = Queue {
        spans,
        dropped,
        collector: Collector::new(traces),
        resource: (&traces.resource(service)).into(),
        condition: Condition::Well,
        lost: 0,
        last_loss: Instant::now(),
    };
    (entrance, Export(Some(queue)))
}

impl Export {
    /// For a process that is not traced.
    pub fn none() -> Self {
        Self(None)
    }

    /// Does the work of a process, sends its spans away meanwhile, and the rest of them at its end.
    pub async fn around<T>(self, work: impl Future<Output = T>) -> T {
        let Some(queue) = self.0 else { return work.await };
        let stop = CancellationToken::new();
        let mut sending = tokio::spawn(queue.run(stop.clone()));
        let done = work.await;
        stop.cancel();
        if timeout(FLUSH, &mut sending).await.is_err() {
            sending.abort();
            tracing::warn!("The last traces were not delivered: the collector took too long at the end.");
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

    /// What came together within [`LINGER`] of its first span; nothing when the queue is at its end.
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

    /// Sends a batch until the collector takes it, or says that it never will, or the process stops.
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
                    self.turn_to(Condition::Refused, &reason);
                    return lose(&self.dropped, spans);
                }
                Err(Refusal::Later(reason)) => {
                    self.turn_to(Condition::Away, &reason);
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
    /// Says once when spans are not delivered any more, and why.
    fn turn_to(&mut self, condition: Condition, reason: &str) {
        if self.condition == condition {
            return;
        }
        self.condition = condition;
        let collector = self.collector.name();
        match condition {
            Condition::Refused => tracing::warn!(
                collector,
                reason,
                "The collector refuses the traces, which are dropped. Check its address and OTEL_EXPORTER_OTLP_HEADERS."
            ),
            _ => tracing::warn!(
                collector,
                reason,
                "The traces cannot be delivered. It is tried again; everything else goes on."
            ),
        }
    }

    /// Says once when spans are lost although the collector takes some, and when all is well again.
    fn delivered(&mut self, rejected: u64, now: Instant) {
        lose(&self.dropped, rejected);
        let lost = self.dropped.swap(0, Ordering::Relaxed);
        self.lost += lost;
        if lost > 0 {
            self.last_loss = now;
        }
        let collector = self.collector.name();
        match self.condition {
            Condition::Well if lost > 0 => {
                self.condition = Condition::Lossy;
                tracing::warn!(
                    collector,
                    dropped = lost,
                    "Traces are lost: there are more than the collector takes."
                );
            }
            Condition::Lossy if now - self.last_loss < QUIET => {}
            Condition::Well => {}
            Condition::Lossy | Condition::Away | Condition::Refused => {
                self.condition = Condition::Well;
                let dropped = std::mem::take(&mut self.lost);
                tracing::info!(collector, dropped, "The traces are delivered again.");
            }
        }
    }
}

impl SpanProcessor for Entrance {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && !is_idle(&span) && self.spans.try_send(span).is_err() {
            lose(&self.dropped, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The queue has its end with the process, in [`Export::around`].
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// A turn that found nothing to do: there are several a second, and none is news.
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
        let (entrance, Export(queue)) = queue("api", &traces);
        let provider =
            SdkTracerProvider::builder().with_span_processor(entrance).with_sampler(traces.sampler);
        (provider.build().tracer("test"), queue.unwrap())
    }

    fn work(tracer: &SdkTracer) {
        tracer.start("digest").set_attribute(KeyValue::new("squall.events", 1));
    }

    #[test]
    fn a_full_queue_drops_and_counts_what_is_new_and_makes_nobody_wait() {
        let (tracer, queue) = traced("always_on");
        (0..QUEUE + 5).for_each(|_| work(&tracer));
        assert_eq!((queue.spans.len(), queue.dropped.load(Ordering::Relaxed)), (QUEUE, 5));
    }

    #[test]
    fn idle_turns_and_traces_that_are_not_kept_stay_out_of_the_queue() {
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
    fn a_loss_is_over_when_there_was_none_for_a_while() {
        let (_, mut queue) = traced("always_on");
        let start = Instant::now();
        for (rejected, after, condition, lost) in [
            (0, 0, Condition::Well, 0),
            (3, 1, Condition::Lossy, 3),
            (2, 50, Condition::Lossy, 5),
            (0, 109, Condition::Lossy, 5),
            (0, 110, Condition::Well, 0),
        ] {
            queue.delivered(rejected, start + Duration::from_secs(after));
            assert_eq!((queue.condition, queue.lost), (condition, lost), "after {after} s");
        }
        for condition in [Condition::Away, Condition::Refused] {
            queue.turn_to(condition, "it answered 503");
            assert_eq!(queue.condition, condition);
            queue.delivered(0, start);
            assert_eq!(queue.condition, Condition::Well);
        }
    }
}
