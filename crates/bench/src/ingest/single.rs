//! `ingest.single`: one event per request over many keep-alive connections, each durable when acknowledged.

use super::{Args, corpus::Corpus, stack::Stack};
use crate::{
    cpu,
    report::{Goal, Report, quantile},
};
use anyhow::{Context, Result};
use std::time::Duration;
use tokio::{task::JoinSet, time::Instant};

/// Rendered before the clock starts and sent in turn.
const EVENTS_A_CONNECTION: usize = 256;

/// An unmeasured round comes first.
const WARM_UP: Duration = Duration::from_secs(1);

/// Different from the corpora of the other parts.
const SEED: u64 = 1 << 20;

struct Round {
    requests: f64,
    seconds: f64,
    /// Seconds from the first byte sent to the last byte of the response, ascending.
    latencies: Vec<f64>,
    cpu_seconds: f64,
}

pub(crate) async fn measure(stack: &Stack, args: &Args, report: &mut Report) -> Result<()> {
    round(stack, args, WARM_UP).await?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let round = round(stack, args, Duration::from_secs(args.single_seconds)).await?;
        eprintln!("ingest.single, round {number}: {:.0} requests in {:.2} s", round.requests, round.seconds);
        rounds.push(round);
    }
    let each = |figure: &dyn Fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<_>>();
    let goal = Goal::AtLeast { asked: None, goal: 20_000.0 };
    report.row(
        "ingest.single",
        "requests acknowledged",
        "requests/s",
        &each(&|round| round.requests / round.seconds),
        Some(goal),
    );
    report.row(
        "",
        "time to the answer, p50",
        "ms",
        &each(&|round| quantile(&round.latencies, 0.50) * 1e3),
        None,
    );
    report.row(
        "",
        "time to the answer, p99",
        "ms",
        &each(&|round| quantile(&round.latencies, 0.99) * 1e3),
        None,
    );
    report.row(
        "",
        "CPU, generator included",
        "µs/request",
        &each(&|round| round.cpu_seconds * 1e6 / round.requests),
        None,
    );
    report.remark(format!(
        "ingest.single: {} connections with one request in flight each, {} rounds of {} s; every event was checked to be visible afterwards.",
        args.connections, args.rounds, args.single_seconds
    ));
    Ok(())
}

async fn round(stack: &Stack, args: &Args, time: Duration) -> Result<Round> {
    let mut corpus = Corpus::new(SEED);
    let mut connections = Vec::new();
    for _ in 0..args.connections {
        connections.push((stack.api.connect().await?, requests(stack, &mut corpus)));
    }
    let visible_before = stack.settle().await?;
    let cpu_before = stack.processes.cpu_seconds();
    let began = Instant::now();
    let until = began + time;

    let mut sending = JoinSet::new();
    for (mut connection, requests) in connections {
        sending.spawn(async move {
            let mut latencies = Vec::new();
            for request in requests.iter().cycle() {
                let sent = Instant::now();
                if sent >= until {
                    break;
                }
                connection.ingest(request, 1).await?;
                latencies.push(sent.elapsed().as_secs_f64());
            }
            anyhow::Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(sent) = sending.join_next().await {
        latencies.extend(sent.context("a connection")??);
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu_seconds = cpu::used(&cpu_before, &stack.processes.cpu_seconds()).values().sum();

    latencies.sort_by(f64::total_cmp);
    stack.visible(visible_before + i64::try_from(latencies.len())?).await?;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let requests = latencies.len() as f64;
    Ok(Round { requests, seconds, latencies, cpu_seconds })
}

fn requests(stack: &Stack, corpus: &mut Corpus) -> Vec<Vec<u8>> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let mut request = || {
        let mut body = Vec::new();
        corpus.line(&mut body, now_ms);
        stack.api.request(&body)
    };
    (0..EVENTS_A_CONNECTION).map(|_| request()).collect()
}
