//! `ingest.latency`: the time from the acknowledgement of an event until it is visible in the database, at
//! a steady 10,000 lines per minute.
//!
//! Ten events are sent every 60 ms. One of the ten is a numbered probe; a batch is digested in one
//! transaction, so its events become visible with its probe. A watcher queries new probes every 10 ms,
//! through the index of the issue page, which adds up to 10 ms and the query's time to each result.

use super::{Args, VISIBLE_WITHIN, corpus::Corpus, stack::Stack};
use crate::report::{Goal, Report, quantile};
use anyhow::{Context, Result, ensure};
use sqlx::PgPool;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

/// 10 events every 60 ms are 10,000 a minute.
const EVERY: Duration = Duration::from_millis(60);
const EVENTS: u64 = 10;

const POLL: Duration = Duration::from_millis(10);

/// A probe that is late by this much is searched in all issues: it may have been grouped elsewhere.
const LOOK_EVERYWHERE: Duration = Duration::from_secs(2);

/// Different from the corpora of the other parts.
const SEED: u64 = 1 << 21;

/// Probes that were acknowledged but are not visible yet.
type Outstanding = Arc<Mutex<BTreeMap<String, Acknowledged>>>;

#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    occurred_at_ms: i64,
    sent: Instant,
    acknowledged: Instant,
}

/// Times of the probes in seconds, ascending once complete.
#[derive(Debug, Default)]
struct Seen {
    after_acknowledgement: Vec<f64>,
    after_sending: Vec<f64>,
    /// How often a late probe was searched in all issues. If found there, it was visible earlier.
    looked_everywhere: u32,
}

pub(crate) async fn measure(stack: &Stack, args: &Args, report: &mut Report) -> Result<()> {
    let issue_ids = issues_of_first_probe(stack).await?;
    let visible_before = stack.settle().await?;
    let batches = args.latency_seconds * 1_000 / u64::try_from(EVERY.as_millis())?;
    let outstanding = Outstanding::default();
    let sending = send(stack, batches, outstanding.clone());
    let watching = watch(&stack.pool, issue_ids, batches, &outstanding);
    let ((), mut seen) = tokio::try_join!(sending, watching)?;
    stack.visible(visible_before + (batches * EVENTS).cast_signed()).await?;

    seen.after_acknowledgement.sort_by(f64::total_cmp);
    seen.after_sending.sort_by(f64::total_cmp);
    let at = |part| [quantile(&seen.after_acknowledgement, part) * 1e3];
    report.row("ingest.latency", "accepted to visible, p50", "ms", &at(0.50), None);
    report.row(
        "",
        "accepted to visible, p99",
        "ms",
        &at(0.99),
        Some(Goal::AtMost { asked: Some(30_000.0), goal: 100.0 }),
    );
    report.row("", "accepted to visible, longest", "ms", &at(1.0), None);
    report.row("", "sent to visible, p99", "ms", &[quantile(&seen.after_sending, 0.99) * 1e3], None);
    report.remark(format!(
        "ingest.latency: {EVENTS} events every {} ms for {} s; one of the {EVENTS} is a probe that the database is asked for every {} ms; \
         {batches} probes, all seen; {} times a probe was late by {} s and looked for in all issues.",
        EVERY.as_millis(),
        args.latency_seconds,
        POLL.as_millis(),
        seen.looked_everywhere,
        LOOK_EVERYWHERE.as_secs()
    ));
    Ok(())
}

/// The issue of the probes, found with one that is not measured.
async fn issues_of_first_probe(stack: &Stack) -> Result<Vec<i64>> {
    let visible_before = stack.settle().await?;
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let request = stack.api.request(probe_line(&probe(0, now_ms), now_ms).as_bytes());
    stack.api.connect().await?.ingest(&request, 1).await?;
    stack.visible(visible_before + 1).await?;
    issues_of_probes(&stack.pool, now_ms).await
}

async fn send(stack: &Stack, batches: u64, outstanding: Outstanding) -> Result<()> {
    let mut corpus = Corpus::new(SEED);
    let mut connection = stack.api.connect().await?;
    let run = jiff::Timestamp::now().as_millisecond();
    let mut ticks = interval(EVERY);
    // A late answer must not thin the stream out.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0..batches {
        ticks.tick().await;
        let occurred_at_ms = jiff::Timestamp::now().as_millisecond();
        let probe = probe(number, run);
        let mut body = probe_line(&probe, occurred_at_ms).into_bytes();
        for _ in 1..EVENTS {
            corpus.line(&mut body, occurred_at_ms);
        }
        let request = stack.api.request(&body);
        // The watcher waits for this lock, and so cannot see a probe before its time is noted.
        let mut outstanding = outstanding.lock().await;
        let sent = Instant::now();
        connection.ingest(&request, EVENTS).await?;
        outstanding.insert(probe, Acknowledged { occurred_at_ms, sent, acknowledged: Instant::now() });
    }
    Ok(())
}

/// All of the same length, so that they are grouped together.
fn probe(number: u64, run: i64) -> String {
    format!("ingest latency probe {number:06} of run {run} passes")
}

fn probe_line(probe: &str, at_ms: i64) -> String {
    format!("{{\"timestamp\":{at_ms},\"level\":\"info\",\"logger\":\"bench\",\"message\":\"{probe}\"}}\n")
}

async fn watch(
    pool: &PgPool,
    mut issue_ids: Vec<i64>,
    batches: u64,
    outstanding: &Outstanding,
) -> Result<Seen> {
    let mut seen = Seen::default();
    let (mut last_seen, mut looked_everywhere) = (Instant::now(), Instant::now());
    while (seen.after_acknowledgement.len() as u64) < batches {
        sleep(POLL).await;
        let oldest = outstanding.lock().await.values().min_by_key(|probe| probe.acknowledged).copied();
        let Some(oldest) = oldest else { continue };
        if oldest.acknowledged.elapsed().min(looked_everywhere.elapsed()) > LOOK_EVERYWHERE {
            issue_ids = issues_of_probes(pool, oldest.occurred_at_ms).await?;
            looked_everywhere = Instant::now();
            seen.looked_everywhere += 1;
        }
        let messages: Vec<String> = sqlx::query_scalar(PROBES)
            .bind(&issue_ids)
            .bind(milliseconds(oldest.occurred_at_ms))
            .fetch_all(pool)
            .await
            .context("looking for probes")?;
        let now = Instant::now();
        let mut outstanding = outstanding.lock().await;
        for probe in messages.iter().filter_map(|message| outstanding.remove(message)) {
            seen.after_acknowledgement.push((now - probe.acknowledged).as_secs_f64());
            seen.after_sending.push((now - probe.sent).as_secs_f64());
            last_seen = now;
        }
        ensure!(last_seen.elapsed() < VISIBLE_WITHIN, "{} probes were never seen", outstanding.len());
    }
    Ok(seen)
}

async fn issues_of_probes(pool: &PgPool, since_ms: i64) -> Result<Vec<i64>> {
    let found = sqlx::query_scalar(ISSUES_OF_PROBES).bind(milliseconds(since_ms)).fetch_all(pool).await;
    found.context("looking for the issue of the probes")
}

/// The query's time format.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are below 2^53")]
fn milliseconds(at_ms: i64) -> f64 {
    at_ms as f64 / 1e3
}

/// Scans the whole day's partition, so it is used once and then only for late probes.
const ISSUES_OF_PROBES: &str = "
    select distinct issue_id from events
    where occurred_at >= to_timestamp($1) - interval '1 second' and message like 'ingest latency probe %'";

/// One millisecond is subtracted because `to_timestamp` takes a floating-point number.
const PROBES: &str = "
    select message from events
    where issue_id = any($1) and occurred_at >= to_timestamp($2) - interval '1 millisecond'";
