//! What Prometheus reads: every metric of every process stands in [`ALL`], with its labels and what it says.
//!
//! Code records only through these constants, so that the page of the docs, the dashboard and the alert rules can be
//! tested against them. Until [`install`] is called, recording costs one look at a flag. Labels have few values: a
//! route is its template, and nothing that a stranger sends becomes a label.

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
    /// Its labels, each with its values; none where they are many.
    pub labels: &'static [(&'static str, &'static [&'static str])],
    /// Who serves it.
    pub from: From,
    /// What it says.
    pub about: &'static str,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only upwards, from nought at the start of the process.
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
        /// Every metric there is, in reading order.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD_INFO: Gauge "squall_build_info" {"service": [], "version": []} Both
        "Always 1; its labels say which process and which version.";
    HTTP_REQUESTS: Histogram "squall_http_request_seconds" {"method": [], "route": [], "status": []} Api
        "Time of requests by route template, method and class of status (`2xx`); `none` is an address that is no route.";
    HTTP_IN_FLIGHT: Gauge "squall_http_requests_in_flight" {} Api
        "Requests that are being answered.";
    HTTP_ERRORS: Counter "squall_http_errors_total" {"code": []} Api
        "Answers from 400 up, by the code of the error contract.";
    EVENTS_ACCEPTED: Counter "squall_events_accepted_total" {"door": ["http", "poll"]} Both
        "Events that are durable in the inbox, by the door they came through.";
    EVENTS_REJECTED: Counter "squall_events_rejected_total" {"reason": ["not_json", "no_message"]} Api
        "Pieces of accepted requests that are no events. Whole requests that were refused are in `squall_http_errors_total`.";
    EVENTS_STORED: Counter "squall_events_stored_total" {} Worker
        "Events that are stored and counted.";
    EVENTS_SET_ASIDE: Counter "squall_events_set_aside_total" {} Worker
        "Events that failed too often and wait in the inbox for a person.";
    DIGEST_BATCHES: Counter "squall_digest_batches_total" {"outcome": ["stored", "failed"]} Worker
        "Batches the digest took up; one that failed is tried again, alone and later.";
    ISSUES_CREATED: Counter "squall_issues_created_total" {} Worker
        "Issues that were not there before.";
    STAGE_SECONDS: Histogram "squall_stage_seconds" {"stage": ["digest", "retain"], "outcome": ["did", "idle", "failed"]} Worker
        "Time of turns by stage, and whether there was work.";
    POLLS: Counter "squall_polls_total" {"kind": ["file"], "outcome": ["read", "idle", "failed"]} Worker
        "Polls by kind of source and result.";
    POLL_BYTES: Counter "squall_poll_bytes_total" {"kind": ["file"]} Worker
        "Bytes that polls have read and saved.";
    SOURCES: Gauge "squall_sources" {"kind": ["file", "http"], "state": ["working", "failing", "disabled"]} Worker
        "Sources by kind and state.";
    INBOX_BATCHES: Gauge "squall_inbox_batches" {"state": ["waiting", "set_aside"]} Api
        "Rows of the inbox.";
    INBOX_EVENTS: Gauge "squall_inbox_events" {"state": ["waiting", "set_aside"]} Api
        "Events in these rows.";
    INBOX_OLDEST: Gauge "squall_inbox_oldest_seconds" {} Api
        "Age of the oldest row that waits: how far the worker is behind.";
    BACKUP_AGE: Gauge "squall_backup_newest_proven_age_seconds" {} Api
        "Age of the newest backup that a drill has restored; infinite when there is none.";
    PARTITIONS: Gauge "squall_partitions" {} Worker
        "Days of events that are kept.";
    PARTITIONS_AHEAD: Gauge "squall_partition_days_ahead" {} Worker
        "Days from today that have their partition already; below 0 today's is missing.";
    PARTITIONS_DROPPED: Counter "squall_partitions_dropped_total" {} Worker
        "Days of events that were dropped because no project keeps them.";
    DATABASE_BYTES: Gauge "squall_database_bytes" {} Worker
        "Size of the database on its disk.";
    DATABASE_UP: Gauge "squall_database_up" {} Both
        "Whether the database answers this process: 1 or 0.";
    POOL_CONNECTIONS: Gauge "squall_database_pool_connections" {"state": ["used", "idle"]} Both
        "Connections to the database this process has open.";
    POOL_LIMIT: Gauge "squall_database_pool_limit" {} Both
        "Connections it may open (SQUALL_POOL_SIZE).";
    POOL_WAIT: Gauge "squall_database_pool_wait_seconds" {} Both
        "How long this scrape waited for a connection: what every request waits when the pool is used up.";
    TRACE_SPANS: Counter "squall_trace_spans_total" {"outcome": ["delivered", "dropped"]} Both
        "Spans for the collector of OTEL_EXPORTER_OTLP_ENDPOINT, by what became of them.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" {} Both "CPU time, user and system.";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" {} Both "Resident memory.";
    PROCESS_VIRTUAL: Gauge "process_virtual_memory_bytes" {} Both "Virtual memory.";
    PROCESS_VIRTUAL_MAX: Gauge "process_virtual_memory_max_bytes" {} Both "Limit of virtual memory.";
    PROCESS_FILES: Gauge "process_open_fds" {} Both "Open files and sockets.";
    PROCESS_FILES_MAX: Gauge "process_max_fds" {} Both "Limit of open files and sockets.";
    PROCESS_START: Gauge "process_start_time_seconds" {} Both "When the process started, in seconds since 1970.";
    PROCESS_THREADS: Gauge "process_threads" {} Both "Threads.";
}

/// From a cache hit to the longest request, one bucket each doubling or so.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Values of a histogram wait in memory until they are put into buckets: this often, scraped or not.
const UPKEEP: Duration = Duration::from_secs(5);

impl Metric {
    /// Adds to a counter. The values of its labels stand in the order of [`Metric::labels`].
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

    /// The labels of these values.
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

    /// Begins at nought where all values of the labels are known: a rate needs the step from 0 to 1.
    fn begin(&self) {
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

/// One for each process, also when a test makes several servers in one.
static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts recording on the current runtime.
///
/// # Errors
/// When something else records already.
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
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept.run_upkeep();
        }
    });
    for metric in ALL.iter().filter(|metric| metric.is_from(service)) {
        metric.describe();
        metric.begin();
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
        // The format of Prometheus writes infinity so; the exporter writes it as Rust does.
        self.handle.render().replace(" inf\n", " +Inf\n")
    }
}

/// Looks at the pool and through it at the database; says whether that answers.
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
    let mut table =
        String::from("| metric | kind | labels | from | what it says |\n| --- | --- | --- | --- | --- |\n");
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
            assert_eq!(ALL.iter().filter(|other| other.name == name).count(), 1, "{name} is there twice");
        }
    }
}
