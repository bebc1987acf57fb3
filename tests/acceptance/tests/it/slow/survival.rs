//! SIGKILL of any process at any time loses no acknowledged event and counts none twice.

use anyhow::Result;
use sqlx::PgPool;
use squall_acceptance::Stack;
use std::{collections::BTreeSet, fmt::Write as _, fs::File, io::Write as _};

/// Events per batch; few, so that many commits happen between two kills.
const BATCH: usize = 20;

/// The sums of all counts, which are equal when nothing was lost or counted twice.
const COUNTS_AGREE: &str = "select count(*) from (
    select count(*) as n from events
    union select sum(events) from issues
    union select sum(events) from issue_minutes
    union select sum(events) from source_minutes
    union select sum(events) from sources
) counts";

fn batch(first: usize) -> String {
    let mut body = String::new();
    for n in first..first + BATCH {
        let service = ["cart", "mail", "auth"][n % 3];
        let _ = writeln!(body, "{{\"message\":\"{service} lost order {n}\",\"level\":\"error\",\"n\":{n}}}");
    }
    body
}

/// Every acknowledged number is stored exactly once; every other one at most once.
async fn nothing_lost_and_nothing_doubled(pool: &PgPool, acknowledged: &BTreeSet<usize>) -> Result<()> {
    let stored: Vec<i64> =
        sqlx::query_scalar("select (attributes->>'n')::bigint from events where attributes ? 'n' order by 1")
            .fetch_all(pool)
            .await?;
    let distinct: BTreeSet<usize> = stored.iter().map(|n| usize::try_from(*n).unwrap_or_default()).collect();
    assert_eq!(stored.len(), distinct.len(), "events were stored twice");
    let lost: Vec<_> = acknowledged.difference(&distinct).collect();
    assert!(lost.is_empty(), "{} acknowledged events are lost: {lost:?}", lost.len());
    let different: i64 = sqlx::query_scalar(COUNTS_AGREE).fetch_one(pool).await?;
    assert_eq!(different, 1, "the counts disagree");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_events_are_stored_once_whichever_process_is_killed() -> Result<()> {
    let mut stack = Stack::start().await?;
    let client = reqwest::Client::new();
    let mut acknowledged = BTreeSet::new();
    for round in 0..60 {
        let first = round * BATCH;
        // The kill happens while this batch is in the api, the inbox or the digest.
        let sent = {
            let sending = stack.ingest(&client, batch(first));
            tokio::pin!(sending);
            // Polling once sends the request before the kill.
            match poll_once(&mut sending).await {
                Some(answer) => answer,
                None if round % 5 == 1 => Err(anyhow::anyhow!("killed before the answer")),
                None => sending.await,
            }
        };
        if sent.is_ok_and(|status| status == 202) {
            acknowledged.extend(first..first + BATCH);
        }
        match round % 15 {
            3 => stack.kill_worker(),
            5 => stack.start_worker().await?,
            6 => {
                stack.kill_api();
                stack.start_api().await?;
            }
            9 => {
                stack.kill_worker();
                stack.start_worker().await?;
            }
            12 => {
                stack.postgres.kill()?;
                stack.postgres.restart().await?;
            }
            _ => {}
        }
    }
    let pool = PgPool::connect(&stack.postgres.url()).await?;
    stack.wait_for(&pool, "select count(*) from inbox", 0).await?;
    assert!(
        acknowledged.len() > 30 * BATCH,
        "too little was acknowledged to prove anything: {}",
        acknowledged.len()
    );
    nothing_lost_and_nothing_doubled(&pool, &acknowledged).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_file_is_counted_once_through_kills_of_the_worker() -> Result<()> {
    let mut stack = Stack::start().await?;
    let pool = PgPool::connect(&stack.postgres.url()).await?;
    let mut file = File::create(stack.log_file("app.log"))?;
    let mut lines = 0;
    for round in 0..12 {
        for n in 0..250 {
            writeln!(
                file,
                "2026-11-20 10:00:00,123 ERROR [main] shop.Cart: order {} lost in round {round}",
                n * 7
            )?;
            lines += 1;
        }
        if round % 3 == 1 {
            stack.kill_worker();
            stack.start_worker().await?;
        }
    }
    stack.wait_for(&pool, "select count(*) from events", lines).await?;
    stack.stop()?;
    stack.start_worker().await?;
    stack.wait_for(&pool, "select coalesce(sum(events), 0)::bigint from issues", lines).await?;
    let different: i64 = sqlx::query_scalar(COUNTS_AGREE).fetch_one(&pool).await?;
    assert_eq!(different, 1, "the counts disagree");
    Ok(())
}

/// The result of a future if it is ready after one poll.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        answer = future => Some(answer),
        () = tokio::task::yield_now() => None,
    }
}
