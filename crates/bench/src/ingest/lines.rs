//! `ingest.lines`: lines in batches over a few connections, from the first request until every line is
//! stored, grouped and counted.

use super::{Args, corpus::Corpus, stack::Stack};
use crate::{
    cpu::{self, CpuSeconds},
    report::{Goal, Report},
};
use anyhow::{Context, Result};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

/// Enough for the worker to learn every template and create every partition.
const WARM_UP_LINES: u64 = 50_000;

/// Seed of the warm-up; rounds count on from it.
const SEED: u64 = 1;

#[derive(Debug)]
struct Round {
    lines: u64,
    accepted: Duration,
    visible: Duration,
    put_off: u32,
    cpu: CpuSeconds,
}

pub(crate) async fn warm_up(stack: &Stack, args: &Args) -> Result<()> {
    let lines = WARM_UP_LINES.min(args.lines);
    round(stack, args, &mut Corpus::new(SEED), lines).await.map(drop)
}

/// Measures the rounds, adds them to the report and returns how many lines were sent.
pub(crate) async fn measure(stack: &Stack, args: &Args, report: &mut Report) -> Result<u64> {
    let mut corpus = Corpus::new(SEED + 1);
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let round = round(stack, args, &mut corpus, args.lines / args.rounds).await?;
        eprintln!(
            "ingest.lines, round {number}: {} lines accepted in {:.2} s, visible in {:.2} s",
            round.lines,
            round.accepted.as_secs_f64(),
            round.visible.as_secs_f64()
        );
        rounds.push(round);
    }
    add_to(report, &rounds, args);
    report.remark(corpus.mix().describe());
    Ok(rounds.iter().map(|round| round.lines).sum())
}

fn add_to(report: &mut Report, rounds: &[Round], args: &Args) {
    let each = |figure: &dyn Fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<_>>();
    let visible = each(&|round| per_second(round.lines, round.visible));
    let goal = Goal::AtLeast { asked: Some(30_000.0), goal: 150_000.0 };
    report.row("ingest.lines", "lines visible, end to end", "lines/s", &visible, Some(goal));
    let accepted = each(&|round| per_second(round.lines, round.accepted));
    report.row("", "lines accepted", "lines/s", &accepted, None);
    for name in rounds.iter().flat_map(|round| round.cpu.keys()).collect::<std::collections::BTreeSet<_>>() {
        let cost = each(&|round| micros_a_line(round, round.cpu.get(name).copied().unwrap_or_default()));
        report.row("", &format!("CPU of {name}"), "µs/line", &cost, None);
    }
    let total = each(&|round| micros_a_line(round, round.cpu.values().sum()));
    report.row("", "CPU of all of these", "µs/line", &total, None);
    let put_off: u32 = rounds.iter().map(|round| round.put_off).sum();
    report.remark(format!(
        "ingest.lines: {} rounds of {} lines in batches of {} over {} connections, after a warm-up of {}; rendered before the clock starts; visible means counted \
         in source_minutes with the inbox empty, asked every 20 ms; {put_off} batches were put off by the API and sent again.",
        rounds.len(),
        rounds.first().map_or(0, |round| round.lines),
        args.batch,
        args.senders,
        WARM_UP_LINES.min(args.lines),
    ));
}

/// Renders the lines, then starts the clock, sends them and waits until all are visible.
async fn round(stack: &Stack, args: &Args, corpus: &mut Corpus, lines: u64) -> Result<Round> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let batches = corpus.batches(lines, args.batch, now_ms);
    let requests = batches.into_iter().map(|(events, body)| (events, stack.api.request(&body)));
    let requests: Arc<Vec<(u64, Vec<u8>)>> = Arc::new(requests.collect());
    let visible_before = stack.settle().await?;
    let cpu_before = stack.processes.cpu_seconds();

    let began = Instant::now();
    let put_off = send(stack, args.senders, &requests).await?;
    let accepted = began.elapsed();
    stack.visible(visible_before + lines.cast_signed()).await?;
    let visible = began.elapsed();

    let cpu = cpu::used(&cpu_before, &stack.processes.cpu_seconds());
    Ok(Round { lines, accepted, visible, put_off, cpu })
}

/// Each sender takes the next request as soon as its last one was acknowledged.
async fn send(stack: &Stack, senders: u64, requests: &Arc<Vec<(u64, Vec<u8>)>>) -> Result<u32> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut sending = JoinSet::new();
    for _ in 0..senders {
        let (requests, next) = (requests.clone(), next.clone());
        let mut connection = stack.api.connect().await?;
        sending.spawn(async move {
            let mut put_off = 0;
            while let Some((events, request)) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                put_off += connection.ingest(request, *events).await?;
            }
            anyhow::Ok(put_off)
        });
    }
    let mut put_off = 0;
    while let Some(sent) = sending.join_next().await {
        put_off += sent.context("a sender")??;
    }
    Ok(put_off)
}

fn per_second(lines: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let rate = lines as f64 / time.as_secs_f64();
    rate
}

fn micros_a_line(round: &Round, seconds: f64) -> f64 {
    seconds * 1e6 / per_second(round.lines, Duration::from_secs(1))
}
