//! Graceful stops, and processes without a database: no event is lost or stored twice.

use anyhow::Result;
use serde_json::Value;
use sqlx::PgPool;
use squall_acceptance::{Sender, Stack};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Concurrent connections.
const SENDERS: usize = 8;

/// Events per batch.
const BATCH: usize = 10;

/// Stops under load.
const ROUNDS: usize = 3;

/// Acknowledged batches between two stops.
const BATCHES_A_ROUND: usize = 150;

/// Shared by the senders.
#[derive(Default)]
struct Load {
    next: AtomicUsize,
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

/// The responses to one sender.
#[derive(Default)]
struct Responses {
    acknowledged: BTreeSet<usize>,
    /// Batches without a response, which may or may not have been accepted.
    unanswered: Vec<String>,
}

async fn send_until_over(sender: Sender, load: Arc<Load>) -> Responses {
    // One keep-alive connection, as between an edge and the api.
    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build().unwrap_or_default();
    let mut responses = Responses::default();
    while !load.is_over.load(Ordering::Relaxed) {
        let batch = load.next.fetch_add(1, Ordering::Relaxed);
        let body: String = (batch * BATCH..(batch + 1) * BATCH)
            .map(|n| format!("{{\"message\":\"order lost\",\"n\":{n}}}\n"))
            .collect();
        // A refused connection means that nothing was sent, so the batch is sent again.
        loop {
            match sender.ingest(&client, body.clone()).await {
                Ok(202) => {
                    responses.acknowledged.insert(batch);
                    load.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if error.is_connect() && !load.is_over.load(Ordering::Relaxed) => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    continue;
                }
                Err(error) if error.is_connect() => {}
                other => responses.unanswered.push(format!("batch {batch}: {other:?}")),
            }
            break;
        }
    }
    responses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_answers_every_request_and_stores_each_event_once() -> Result<()> {
    let mut stack = Stack::start().await?;
    let load = Arc::new(Load::default());
    let senders: Vec<_> =
        (0..SENDERS).map(|_| tokio::spawn(send_until_over(stack.sender(), load.clone()))).collect();
    for round in 1..=ROUNDS {
        while load.acknowledged.load(Ordering::Relaxed) < round * BATCHES_A_ROUND {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stack.stop_api().await?;
        stack.kill_worker();
        stack.start_api().await?;
        stack.start_worker().await?;
    }
    load.is_over.store(true, Ordering::Relaxed);
    let (mut acknowledged, mut unanswered) = (BTreeSet::new(), Vec::new());
    for sender in senders {
        let mut responses = sender.await?;
        acknowledged.append(&mut responses.acknowledged);
        unanswered.append(&mut responses.unanswered);
    }
    assert_eq!(unanswered, Vec::<String>::new(), "a graceful stop left requests without a response");
    let pool = PgPool::connect(&stack.postgres.url()).await?;
    let expected = i64::try_from(acknowledged.len() * BATCH)?;
    stack.wait_for(&pool, "select count(*) from events", expected).await?;
    let stored: i64 =
        sqlx::query_scalar("select count(distinct attributes->>'n') from events").fetch_one(&pool).await?;
    assert_eq!(stored, expected, "events were stored twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_database_is_down_keeps_running_reports_it_once_and_recovers() -> Result<()> {
    let mut stack = Stack::start().await?;
    let client = reqwest::Client::new();
    stack.stop_api().await?;
    stack.postgres.kill()?;
    stack.spawn_api()?;
    // It listens before it can reach its database.
    let refused = loop {
        if let Ok(answer) = client.get(stack.url("/readyz")).send().await {
            break answer;
        }
    };
    assert_eq!(refused.status(), 503);
    let body: Value = refused.json().await?;
    assert_eq!(
        (&body["code"], &body["message"]),
        (&"not_ready".into(), &"The database is unreachable.".into())
    );
    assert_eq!(client.get(stack.url("/healthz")).send().await?.status(), 200);
    stack.postgres.restart().await?;
    stack.wait_until_api_ready().await?;
    assert_eq!(stack.ingest(&client, "{\"message\":\"one\"}".into()).await?, 202);

    // Database lost while running: events are refused, then accepted again without a restart.
    stack.postgres.kill()?;
    assert_eq!(stack.ingest(&client, "{\"message\":\"two\"}".into()).await?, 503);
    stack.postgres.restart().await?;
    stack.wait_until_api_ready().await?;
    assert_eq!(stack.ingest(&client, "{\"message\":\"three\"}".into()).await?, 202);
    let pool = PgPool::connect(&stack.postgres.url()).await?;
    stack.wait_for(&pool, "select count(*) from events", 2).await?;

    let log = stack.api_log()?;
    let waits = log.lines().filter(|line| line.contains("The process waits for its database."));
    let mut reasons: Vec<Value> = waits.map(serde_json::from_str).collect::<Result<_, _>>()?;
    reasons.iter_mut().for_each(|line| *line = line["waiting_for"].take());
    assert!(!reasons.is_empty(), "the log does not mention the unreachable database:\n{log}");
    assert!(
        reasons.windows(2).all(|pair| pair[0] != pair[1]) || reasons.len() <= 2,
        "reported repeatedly: {reasons:?}"
    );
    Ok(())
}
