//! One run: the history, unless it was sent before, then live events.
//!
//! Log files and the API each have their own position. While the API is unavailable its position waits
//! and catches up later; the files continue.

use crate::{
    Args,
    event::Event,
    history::History,
    log_files::LogFiles,
    scenario::{SECOND, Scenario, second_of},
    sender::Sender,
    services::Service,
};
use anyhow::{Context, Result};
use std::{convert::Infallible, time::Duration};

/// About 300 kB before compression.
const BATCH_EVENTS: usize = 1_000;

/// Runs until it is dropped. It only returns an error that a retry cannot fix.
pub(crate) async fn run(args: Args, clock: fn() -> i64) -> Result<()> {
    let key = std::fs::read_to_string(&args.key_file)
        .with_context(|| format!("reading the project key in {}", args.key_file.display()))?;
    let key = key.trim();
    let sender = Sender::new(&args.api, key)?;
    let log_files = LogFiles::open(&args.dir)?;

    let now = second_of(clock());
    let mut history = History::open(&args.dir, key, now, i64::from(args.history_hours))?;
    let scenario = Scenario { seed: args.seed, start_ms: history.start_ms, rate: args.rate };
    backfill(&scenario, &mut history, &sender).await?;

    let (to_files, to_api) = (Stream { scenario, clock, next: now }, Stream { scenario, clock, next: now });
    let never = tokio::select! {
        never = follow_files(to_files, &log_files, &args.files) => never,
        never = follow_api(to_api, &sender, &args.files) => never,
    };
    match never {}
}

async fn backfill(scenario: &Scenario, history: &mut History, sender: &Sender) -> Result<()> {
    if history.is_complete() {
        return Ok(());
    }
    let mut sent = 0;
    while !history.is_complete() {
        let (events, until) = gather(scenario, history.sent_until_ms, history.start_ms, |_| true);
        sender.deliver(&events).await;
        sent += events.len();
        history.advance(until)?;
    }
    tracing::info!(events = sent, "Sent the history of the demo.");
    Ok(())
}

async fn follow_files(mut stream: Stream, log_files: &LogFiles, writing: &[&'static Service]) -> Infallible {
    loop {
        let events = stream.next(|event| writes(writing, event)).await;
        for service in writing {
            let written: Vec<&Event> =
                events.iter().filter(|event| event.service.name == service.name).collect();
            log_files.append(service.name, &written).await;
        }
    }
}

async fn follow_api(mut stream: Stream, sender: &Sender, writing: &[&'static Service]) -> Infallible {
    loop {
        let events = stream.next(|event| !writes(writing, event)).await;
        sender.deliver(&events).await;
    }
}

fn writes(writing: &[&'static Service], event: &Event) -> bool {
    writing.iter().any(|service| service.name == event.service.name)
}

/// A position in the scenario that follows the clock.
struct Stream {
    scenario: Scenario,
    clock: fn() -> i64,
    /// The next second to return.
    next: i64,
}

impl Stream {
    /// The events since the last call, as soon as a second has passed. After a long wait, a limited number.
    async fn next(&mut self, keep: impl Fn(&Event) -> bool) -> Vec<Event> {
        loop {
            let now = (self.clock)();
            let wait = self.next + SECOND - now;
            if wait <= 0 {
                let (events, until) = gather(&self.scenario, self.next, second_of(now), keep);
                self.next = until;
                return events;
            }
            // If the clock was set back far, do not stay silent for that long.
            if wait > 60 * SECOND {
                self.next = second_of(now);
                continue;
            }
            tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
        }
    }
}

/// The events of whole seconds from `from` until `end` or a full batch, and the next second.
fn gather(scenario: &Scenario, from: i64, end: i64, keep: impl Fn(&Event) -> bool) -> (Vec<Event>, i64) {
    let (mut events, mut second) = (Vec::new(), from);
    while second < end && events.len() < BATCH_EVENTS {
        events.extend(scenario.second(second).into_iter().filter(&keep));
        second += SECOND;
    }
    (events, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: Scenario = Scenario { seed: 3, start_ms: 1_795_178_096_000, rate: 2.0 };

    #[test]
    fn batches_have_no_gap_and_no_overlap() {
        let (from, end) = (SCENARIO.start_ms - 3_600 * SECOND, SCENARIO.start_ms);
        let whole: usize = (from..end).step_by(1_000).map(|second| SCENARIO.second(second).len()).sum();
        let (mut position, mut gathered) = (from, 0);
        while position < end {
            let (events, until) = gather(&SCENARIO, position, end, |_| true);
            assert!(events.len() >= BATCH_EVENTS || until == end);
            (position, gathered) = (until, gathered + events.len());
        }
        assert_eq!(gathered, whole);
    }

    #[test]
    fn each_event_goes_either_to_a_file_or_to_the_api() {
        let writing =
            [crate::services::named("checkout").unwrap(), crate::services::named("gateway").unwrap()];
        let end = SCENARIO.start_ms + 120 * SECOND;
        let (all, _) = gather(&SCENARIO, SCENARIO.start_ms, end, |_| true);
        let (files, _) = gather(&SCENARIO, SCENARIO.start_ms, end, |event| writes(&writing, event));
        let (api, _) = gather(&SCENARIO, SCENARIO.start_ms, end, |event| !writes(&writing, event));
        assert_eq!(files.len() + api.len(), all.len());
        assert!(!files.is_empty() && !api.is_empty());
    }

    #[tokio::test]
    async fn a_stream_returns_a_second_once_when_it_is_over() {
        let mut stream =
            Stream { scenario: SCENARIO, clock: || SCENARIO.start_ms + 10_500, next: SCENARIO.start_ms };
        let events = stream.next(|_| true).await;
        assert_eq!(stream.next, SCENARIO.start_ms + 10 * SECOND);
        assert!(events.iter().all(|event| event.at_ms < stream.next));
    }
}
