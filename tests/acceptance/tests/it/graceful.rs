//! A process that is asked to stop, and one whose database is away: neither loses nor doubles anything.

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

/// Connections that send at once.
const SENDERS: usize = 8;

/// Events a batch.
const BATCH: usize = 10;

/// Stops under load.
const ROUNDS: usize = 3;

/// Batches that are acknowledged between two stops.
const BATCHES_A_ROUND: usize = 150;

/// What the senders share.
#[derive(Default)]
struct Load {
    next: AtomicUsize,
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

/// What one sender heard.
#[derive(Default)]
struct Heard {
    acknowledged: BTreeSet<usize>,
    /// Sent, and no answer came: nobody can know whether these were kept.
    torn: Vec<String>,
}

async fn send_on(sender: Sender, load: Arc<Load>) -> Heard {
    // One connection, kept alive as an edge keeps its own.
    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build().unwrap_or_default();
    let mut heard = Heard::default();
    while !load.is_over.load(Ordering::Relaxed) {
        let batch = load.next.fetch_add(1, Ordering::Relaxed);
        let body: String = (batch * BATCH..(batch + 1) * BATCH)
            .map(|n| format!("{{\"message\":\"order lost\",\"n\":{n}}}\n"))
            .collect();
        // Refused before anything was sent: the same batch goes to whoever listens next.
        loop {
            match sender.ingest(&client, body.clone()).await {
                Ok(202) => {
                    heard.acknowledged.insert(batch);
                    load.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if error.is_connect() && !load.is_over.load(Ordering::Relaxed) => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    continue;
                }
                Err(error) if error.is_connect() => {}
                other => heard.torn.push(format!("batch {batch}: {other:?}")),
            }
            break;
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_answers_every_request_and_stores_each_event_once() -> Result<()> {
    let mut stack = Stack::start().await?;
    let load = Arc::new(Load::default());
    let senders: Vec<_> = (0..SENDERS).map(|_| tokio::spawn(send_on(stack.sender(), load.clone()))).collect();
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
    let (mut acknowledged, mut torn) = (BTreeSet::new(), Vec::new());
    for sender in senders {
        let mut heard = sender.await?;
        acknowledged.append(&mut heard.acknowledged);
        torn.append(&mut heard.torn);
    }
    assert_eq!(torn, Vec::<String>::new(), "a gentle stop left requests without an answer");
    let pool = PgPool::connect(&stack.postgres.url()).await?;
    let expected = i64::try_from(acknowledged.len() * BATCH)?;
    stack.wait_for(&pool, "select count(*) from events", expected).await?;
    let stored: i64 =
        sqlx::query_scalar("select count(distinct attributes->>'n') from events").fetch_one(&pool).await?;
    assert_eq!(stored, expected, "events were stored twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_database_is_away_lives_says_so_once_and_recovers_by_itself() -> Result<()> {
    let mut stack = Stack::start().await?;
    let client = reqwest::Client::new();
    stack.stop_api().await?;
    stack.postgres.kill()?;
    stack.spawn_api()?;
    // It listens before its database is there.
    let refused = loop {
        if let Ok(answer) = client.get(stack.url("/readyz")).send().await {
            break answer;
        }
    };
    assert_eq!(refused.status(), 503);
    let body: Value = refused.json().await?;
    assert_eq!(
        (&body["code"], &body["message"]),
        (&"not_ready".into(), &"The database cannot be reached.".into())
    );
    assert_eq!(client.get(stack.url("/healthz")).send().await?.status(), 200);
    stack.postgres.restart().await?;
    stack.wait_until_api_ready().await?;
    assert_eq!(stack.ingest(&client, "{\"message\":\"one\"}".into()).await?, 202);

    // Lost in the middle: refused and not kept, then taken again without a restart.
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
    assert!(!reasons.is_empty(), "the log says nothing of the database that was away:\n{log}");
    assert!(
        reasons.windows(2).all(|pair| pair[0] != pair[1]) || reasons.len() <= 2,
        "said again: {reasons:?}"
    );
    Ok(())
}
