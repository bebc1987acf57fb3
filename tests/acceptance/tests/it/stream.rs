//! Live updates through the real processes, from intake to the client.

use anyhow::{Context, Result, bail};
use sqlx::PgPool;
use squall_acceptance::{Stack, TIMEOUT};
use tokio::time::timeout;

/// Reads until the text arrives.
async fn read_until(stream: &mut reqwest::Response, expected: &str) -> Result<()> {
    let mut text = String::new();
    while !text.contains(expected) {
        let chunk = timeout(TIMEOUT, stream.chunk())
            .await
            .with_context(|| format!("only this arrived: {text}"))??;
        let Some(chunk) = chunk else { bail!("the stream ended after {text}") };
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_get_an_event_live_and_the_api_stops_without_waiting_for_them() -> Result<()> {
    let mut stack = Stack::start().await?;
    let pool = PgPool::connect(&stack.postgres.url()).await?;
    sqlx::query(
        "insert into api_keys (project_id, name, secret_hash, secret_hint, scope)
         select id, 'watch', sha256('sq_watch'), 'sq_w', 'read' from projects",
    )
    .execute(&pool)
    .await?;
    let client = reqwest::Client::new();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(stack.watch(&client, "sq_watch").await?);
    }
    let sent =
        stack.ingest(&client, "{\"message\":\"cart lost order 7\",\"level\":\"error\"}".into()).await?;
    assert_eq!(sent, 202);
    for stream in &mut streams {
        read_until(stream, "event: issue.new").await?;
        read_until(stream, "event: counts").await?;
    }
    let stopping = tokio::task::spawn_blocking(move || stack.stop().map(|()| stack));
    timeout(TIMEOUT, stopping).await.context("the api waits for its streams")???;
    for stream in &mut streams {
        assert!(stream.chunk().await.is_ok_and(|chunk| chunk.is_none()), "a stream was cut and not ended");
    }
    Ok(())
}
