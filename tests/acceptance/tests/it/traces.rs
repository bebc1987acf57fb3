//! Traces of the real processes, with a collector that is running, down, or never answers.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::PgPool;
use squall_acceptance::{
    Stack, TIMEOUT,
    collector::{Collector, ReceivedSpan},
    process,
};
use std::time::Instant;
use tokio::{net::TcpListener, time::timeout};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The trace and span of a caller.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// More than the queue and two batches hold together.
const MORE_THAN_WAIT: usize = 2048 + 2 * 512 + 100;

fn line_with<'a>(log: &'a str, piece: &str) -> Option<&'a str> {
    log.lines().find(|line| line.contains(piece))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_turns_with_work_are_spans_without_content_of_clients() -> Result<()> {
    let mut collector = Collector::start().await?;
    let variables =
        vec![(ENDPOINT, collector.endpoint()), ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ours".into())];
    let mut stack = Stack::start_with(variables).await?;
    let client = reqwest::Client::new();
    let sent = client
        .post(stack.url("/api/v1/ingest"))
        .bearer_auth(&stack.key)
        .header("traceparent", format!("00-{TRACE}-{SPAN}-01"))
        .header("x-request-id", "from-the-caller")
        .body("{\"message\":\"a-secret-word\"}\n{\"message\":\"another\"}");
    assert_eq!(sent.send().await?.status(), 202);
    std::fs::write(stack.log_file("app.log"), "a-secret-word in a file\n")?;
    for path in ["/api/v1/issues/424242?q=a-secret-word", "/wp-login.php"] {
        client.get(stack.url(path)).send().await?;
    }

    let ingest = collector.wait_for(|it| it.name() == "POST /api/v1/ingest").await?;
    assert_eq!((ingest.trace_id().as_str(), ingest.parent().as_str()), (TRACE, SPAN));
    assert_eq!((ingest.service.as_str(), ingest.tenant.as_str()), ("squall-api", "ours"));
    for (name, expected) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/v1/ingest"),
        ("http.response.status_code", "202"),
        ("squall.request_id", "from-the-caller"),
        ("squall.events", "2"),
    ] {
        assert_eq!(ingest.attribute(name).as_deref(), Some(expected), "{name}");
    }
    let log = stack.api_log()?;
    let line: Value = serde_json::from_str(line_with(&log, "from-the-caller").context("no line")?)?;
    assert_eq!((&line["trace_id"], &line["route"]), (&TRACE.into(), &"/api/v1/ingest".into()));

    let refused = collector.wait_for(|it| it.name() == "GET /api/v1/issues/{id}").await?;
    assert_eq!(refused.attribute("error.type").as_deref(), Some("unauthenticated"));
    assert!(!refused.is_failed() && refused.parent().is_empty(), "{refused:?}");
    collector.wait_for(|it| it.name() == "GET" && it.attribute("http.route").is_none()).await?;
    let poll = collector.wait_for(|it| it.name() == "poll").await?;
    assert_eq!(
        (poll.service.as_str(), poll.attribute("squall.source_kind").as_deref()),
        ("squall-worker", Some("file"))
    );
    assert!(poll.attribute("squall.source_id").is_some() && poll.attribute("squall.events").is_some());
    let pool = PgPool::connect(&stack.postgres.url()).await?;
    stack.wait_for(&pool, "select count(*) from events", 3).await?;
    pool.close().await;
    let digest =
        collector.wait_for(|it| it.name() == "digest" && it.attribute("squall.events").is_some()).await?;
    assert!(digest.attribute("squall.batches").is_some() && !digest.is_failed());

    stack.postgres.kill()?;
    let is_outage = |it: &ReceivedSpan| it.is_failed() && it.name() == "digest";
    let failed = collector.wait_for(is_outage).await?;
    assert_eq!(failed.attribute("error.type").as_deref(), Some("database_unavailable"));
    let log = stack.worker_log()?;
    let mut failures = log.lines().filter(|line| line.contains("Stage failed; retrying."));
    assert!(
        failures.any(|line| line.contains(&failed.trace_id())),
        "the log does not name {failed:?}:\n{log}"
    );

    stack.stop()?;
    let all = format!("{:?}", collector.received());
    for strange in ["424242", "secret", "wp-login", "readyz", &stack.key] {
        assert!(!all.contains(strange), "a span says {strange}: {all}");
    }
    let mut polls = collector.received().iter().filter(|it| it.name() == "poll");
    assert!(polls.all(|it| it.attribute("squall.source_id").is_some()), "a poll that read nothing is a span");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_down_or_never_answers_delays_nothing() -> Result<()> {
    let address = format!("127.0.0.1:{}", process::free_port()?);
    let mut stack = Stack::start_with(vec![(ENDPOINT, format!("http://{address}"))]).await?;
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build()?;
    let ask =
        async |path: &str| client.get(stack.url(path)).send().await.map(|answer| answer.status().as_u16());

    // Down: reported once, retried, and queued spans are delivered.
    assert_eq!(ask("/api/v1/session").await?, 401);
    let unreachable = "The traces cannot be delivered; retrying.";
    let begun = Instant::now();
    while line_with(&stack.api_log()?, unreachable).is_none() {
        ensure!(begun.elapsed() < TIMEOUT, "the log does not report that the collector is down");
        tokio::task::yield_now().await;
    }
    let mut collector = Collector::at(&address).await?;
    let api = |it: &ReceivedSpan| it.service == "squall-api";
    collector.wait_for(|it| api(it) && it.name() == "GET /api/v1/session").await?;

    // A span right before the stop is delivered before the process ends.
    assert_eq!(ask("/api/v1/setup").await?, 200);
    stack.stop_api().await?;
    assert!(
        collector.received().iter().any(|it| api(it) && it.name() == "GET /api/v1/setup"),
        "the stop lost a span"
    );
    let log = stack.api_log()?;
    assert_eq!(log.matches(unreachable).count(), 1, "{log}");
    assert_eq!(log.matches("The traces are delivered again.").count(), 1, "{log}");

    // It accepts connections and never answers, and the timeout of the api is longer than that of
    // this test.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let metrics = format!("127.0.0.1:{}", process::free_port()?);
    stack.variables = vec![
        (ENDPOINT, format!("http://{}", silent.local_addr()?)),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000".into()),
        ("SQUALL_METRICS_LISTEN", metrics.clone()),
    ];
    stack.start_api().await?;
    let client = reqwest::Client::new();
    for _ in 0..MORE_THAN_WAIT {
        let answer = timeout(TIMEOUT, client.get(stack.url("/nowhere")).send()).await??;
        assert_eq!(answer.status(), 404);
    }
    let counted = client.get(format!("http://{metrics}/metrics")).send().await?.text().await?;
    let dropped = line_with(&counted, "squall_trace_spans_total{outcome=\"dropped\"}").context("no count")?;
    assert!(!dropped.ends_with(" 0"), "{dropped}");
    timeout(TIMEOUT, stack.stop_api()).await??;
    assert!(line_with(&stack.api_log()?, "The last traces were dropped").is_some());
    Ok(())
}

#[test]
fn an_unusable_collector_address_stops_the_start_with_a_reason() -> Result<()> {
    for program in ["squall-api", "squall-worker"] {
        let variables = [
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            (ENDPOINT, "https://collector.example.org"),
        ];
        let error = process::run(program, &["serve"], &variables).err().context("it started")?.to_string();
        assert!(
            error.contains("nothing was started") && error.contains("Run a collector beside it"),
            "{error}"
        );
    }
    Ok(())
}
