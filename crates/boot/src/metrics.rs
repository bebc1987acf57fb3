//! The metrics for Prometheus: [`ALL`] lists every metric of every process with its labels and its
//! meaning.
//!
//! Code records only through these constants, so that the docs, the dashboard and the alert rules
//! can be tested against them. Until [`install`] is called, recording only checks a flag. Labels
//! have few values: a route is its template, and nothing that a client sends becomes a label.

use anyhow::Context;
use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use sqlx::PgPool;
use std::{
    fmt::Write as _,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// Its labels with their values; no values where there are many.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// Which process serves it.
    pub from: From,
    /// What it measures.
    pub about: &'static str,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only increases, from zero at the start of the process.
    Counter,
    /// Up and down.
    Gauge,
    /// Seconds, in buckets.
    Histogram,
}

/// Who serves a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The api, on SQUALL_METRICS_LISTEN.
    Api,
    /// The worker, on SQUALL_HEALTH_LISTEN.
    Worker,
    /// Both.
    Both,
}

/// A process that serves metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `squall-api`
    Api,
    /// `squall-worker`
    Worker,
}

macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal {$($label:literal: [$($value:literal),*]),*} $from:ident $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$(($label, &[$($value),*])),*],
                from: From::$from,
                about: $about,
            };
        )*
        /// All metrics, in reading order.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD_INFO: Gauge "squall_build_info" {"service": [], "version": []} Both
        "Always 1; its labels say which process and which version.";
    HTTP_REQUESTS: Histogram "squall_http_request_seconds" {"method": [], "route": [], "status": []} Api
        "Duration of requests by route template, method and status class (`2xx`); `none` is an address without a route.";
    HTTP_IN_FLIGHT: Gauge "squall_http_requests_in_flight" {} Api
        "Requests in progress.";
    HTTP_ERRORS: Counter "squall_http_errors_total" {"code": []} Api
        "Responses with status 400 or above, by error code.";
    EVENTS_ACCEPTED: Counter "squall_events_accepted_total" {"door": ["http", "poll"]} Both
        "Events that are durable in the inbox, by the way they arrived.";
    EVENTS_REJECTED: Counter "squall_events_rejected_total" {"reason": ["not_json", "no_message"]} Api
        "Rejected pieces of accepted requests, by reason. Requests rejected as a whole are in `squall_http_errors_total`.";
    EVENTS_STORED: Counter "squall_events_stored_total" {} Worker
        "Events stored and counted.";
    EVENTS_SET_ASIDE: Counter "squall_events_set_aside_total" {} Worker
        "Events that failed too often and were set aside in the inbox.";
    DIGEST_BATCHES: Counter "squall_digest_batches_total" {"outcome": ["stored", "failed"]} Worker
        "Batches that the digest processed; a failed one is retried alone and later.";
    ISSUES_CREATED: Counter "squall_issues_created_total" {} Worker
        "New issues.";
    STAGE_SECONDS: Histogram "squall_stage_seconds" {"stage": ["digest", "retain"], "outcome": ["did", "idle", "failed"]} Worker
        "Duration of turns by stage and outcome.";
    POLLS: Counter "squall_polls_total" {"kind": ["file"], "outcome": ["read", "idle", "failed"]} Worker
        "Polls by kind of source and outcome.";
    POLL_BYTES: Counter "squall_poll_bytes_total" {"kind": ["file"]} Worker
        "Bytes that polls have read and saved.";
    SOURCES: Gauge "squall_sources" {"kind": ["file", "http"], "state": ["working", "failing", "disabled"]} Worker
        "Sources by kind and state.";
    INBOX_BATCHES: Gauge "squall_inbox_batches" {"state": ["waiting", "set_aside"]} Api
        "Rows in the inbox.";
    INBOX_EVENTS: Gauge "squall_inbox_events" {"state": ["waiting", "set_aside"]} Api
        "Events in these rows.";
    INBOX_OLDEST: Gauge "squall_inbox_oldest_seconds" {} Api
        "Age of the oldest waiting row: how far the worker is behind.";
    BACKUP_AGE: Gauge "squall_backup_newest_proven_age_seconds" {} Api
        "Age of the newest backup that a drill has restored; infinite without one.";
    PARTITIONS: Gauge "squall_partitions" {} Worker
        "Days of events in the database.";
    PARTITIONS_AHEAD: Gauge "squall_partition_days_ahead" {} Worker
        "Days after today that already have a partition; negative if today's is missing.";
    PARTITIONS_DROPPED: Counter "squall_partitions_dropped_total" {} Worker
        "Days of events that were dropped because no project keeps them.";
    DATABASE_BYTES: Gauge "squall_database_bytes" {} Worker
        "Size of the database on disk.";
    DATABASE_UP: Gauge "squall_database_up" {} Both
        "1 when the database answers this process, else 0.";
    POOL_CONNECTIONS: Gauge "squall_database_pool_connections" {"state": ["used", "idle"]} Both
        "Open connections to the database.";
    POOL_LIMIT: Gauge "squall_database_pool_limit" {} Both
        "Limit of connections to the database (SQUALL_POOL_SIZE).";
    POOL_WAIT: Gauge "squall_database_pool_wait_seconds" {} Both
        "How long this scrape waited for a connection from the pool.";
    TRACE_SPANS: Counter "squall_trace_spans_total" {"outcome": ["delivered", "dropped"]} Both
        "Spans for the collector at OTEL_EXPORTER_OTLP_ENDPOINT, by outcome.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" {} Both "CPU time, user and system.";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" {} Both "Resident memory.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" {} Both "Virtual memory.";
    PROCESS_VIRTUAL_MAX: Gauge "process_virtual_memory_max_bytes" {} Both "Limit of virtual memory.";
    PROCESS_FILES: Gauge "process_open_fds" {} Both "Open files and sockets.";
    PROCESS_FILES_MAX: Gauge "process_max_fds" {} Both "Limit of open files and sockets.";
    PROCESS_START: Gauge "process_start_time_seconds" {} Both "When the process started, in seconds since 1970.";
    PROCESS_THREADS: Gauge "process_threads" {} Both "Threads.";
}

/// From a cache hit to the longest request, about one bucket per doubling.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How often histogram values move from memory into buckets, scraped or not.
const UPKEEP: Duration = Duration::from_secs(5);

impl Metric {
    /// Adds to a counter. The label values are in the order of [`Metric::labels`].
    pub fn add(&self, values: &[&'static str], number: u64) {
        counter!(self.name, self.labelled(values)).increment(number);
    }

    /// Sets a gauge.
    pub fn set(&self, values: &[&'static str], value: f64) {
        gauge!(self.name, self.labelled(values)).set(value);
    }

    /// Moves a gauge.
    pub fn move_by(&self, step: f64) {
        gauge!(self.name).increment(step);
    }

    /// Adds a time to a histogram.
    pub fn observe(&self, labels: Vec<Label>, time: Duration) {
        debug_assert!(labels.iter().map(Label::key).eq(self.labels.iter().map(|(name, _)| *name)));
        histogram!(self.name, labels).record(time);
    }

    /// Labels with these values.
    pub fn labelled(&self, values: &[&'static str]) -> Vec<Label> {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        let labels = self.labels.iter().zip(values);
        labels.map(|((name, _), value)| Label::from_static_parts(name, value)).collect()
    }

    /// Whether a process serves it.
    pub fn is_from(&self, service: Service) -> bool {
        match self.from {
            From::Both => true,
            From::Api => service == Service::Api,
            From::Worker => service == Service::Worker,
        }
    }

    fn describe(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.about),
            Kind::Gauge => describe_gauge!(self.name, self.about),
            Kind::Histogram => describe_histogram!(self.name, self.about),
        }
    }

    /// Starts counters at zero where all label values are known: a rate needs the step from 0 to 1.
    fn start_at_zero(&self) {
        let mut all: Vec<Vec<&'static str>> = vec![Vec::new()];
        for (_, values) in self.labels {
            let with = |one: &Vec<&'static str>| {
                values.iter().map(|value| [one.clone(), vec![*value]].concat()).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
        if self.kind == Kind::Counter {
            all.iter().for_each(|values| self.add(values, 0));
        }
    }
}

/// Renders what was recorded.
#[derive(Clone)]
pub struct Exporter {
    handle: PrometheusHandle,
    process: metrics_process::Collector,
}

/// One per process, even when a test starts several servers in it.
static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts recording on the current runtime.
///
/// # Errors
/// When another recorder is installed.
pub fn install(service: Service) -> anyhow::Result<Exporter> {
    let process = metrics_process::Collector::default();
    if let Some(handle) = HANDLE.get() {
        return Ok(Exporter { handle: handle.clone(), process });
    }
    let suffix = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(suffix, &SECONDS);
    let handle =
        builder.context("preparing the metrics")?.install_recorder().context("starting the metrics")?;
    let handle = HANDLE.get_or_init(|| handle).clone();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    for metric in ALL.iter().filter(|metric| metric.is_from(service)) {
        metric.describe();
        metric.start_at_zero();
    }
    let name = match service {
        Service::Api => "api",
        Service::Worker => "worker",
    };
    BUILD_INFO.set(&[name, env!("CARGO_PKG_VERSION")], 1.0);
    Ok(Exporter { handle, process })
}

impl Exporter {
    /// The media type of [`Exporter::render`].
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        self.process.collect();
        // Prometheus spells infinity differently from Rust.
        self.handle.render().replace(" inf\n", " +Inf\n")
    }
}

/// Records the state of the pool and returns whether the database answers.
pub async fn observe_database(pool: &PgPool) -> bool {
    let start = Instant::now();
    let acquired = pool.acquire().await;
    POOL_WAIT.set(&[], start.elapsed().as_secs_f64());
    let is_up = acquired.is_ok();
    drop(acquired);
    let (size, idle) = (f64::from(pool.size()), u32::try_from(pool.num_idle()).map_or(0.0, f64::from));
    POOL_CONNECTIONS.set(&["idle"], idle);
    POOL_CONNECTIONS.set(&["used"], (size - idle).max(0.0));
    POOL_LIMIT.set(&[], f64::from(pool.options().get_max_connections()));
    DATABASE_UP.set(&[], if is_up { 1.0 } else { 0.0 });
    is_up
}

/// All metrics as a Markdown table, for the docs.
pub fn markdown() -> String {
    let mut table = String::from(
        "| metric | kind | labels | from | what it measures |\n| --- | --- | --- | --- | --- |\n",
    );
    for Metric { name, kind, labels, from, about } in ALL {
        let label = |(name, values): &(&str, &[&str])| match values.is_empty() {
            true => format!("`{name}`"),
            false => format!("`{name}` ({})", values.join(", ")),
        };
        let labels = labels.iter().map(label).collect::<Vec<_>>().join(", ");
        let (kind, from) = (format!("{kind:?}").to_lowercase(), format!("{from:?}").to_lowercase());
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {from} | {about} |");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for metric in ALL {
            let name = metric.name;
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(metric.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(metric.about.ends_with('.'), "{name}");
            assert_eq!(ALL.iter().filter(|other| other.name == name).count(), 1, "{name} is defined twice");
        }
    }
}
