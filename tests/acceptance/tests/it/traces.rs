//! Traces of the real processes, and a collector that is there, away, or never answers.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::PgPool;
use squall_acceptance::{
    PATIENCE, Stack,
    collector::{Collector, Received},
    process,
};
use std::time::Instant;
use tokio::{net::TcpListener, time::timeout};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// A trace and a span of a caller's.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// More than the queue, a batch under way and one that is gathered hold together.
const MORE_THAN_WAIT: usize = 2048 + 2 * 512 + 100;

fn line_with<'a>(log: &'a str, piece: &str) -> Option<&'a str> {
    log.lines().find(|line| line.contains(piece))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_and_each_turn_that_did_work_is_a_span_and_says_nothing_of_a_strangers() -> Result<()> {
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
    let is_outage = |it: &Received| it.is_failed() && it.name() == "digest";
    let failed = collector.wait_for(is_outage).await?;
    assert_eq!(failed.attribute("error.type").as_deref(), Some("database_unavailable"));
    let log = stack.worker_log()?;
    let mut failures = log.lines().filter(|line| line.contains("A stage failed and tries again."));
    assert!(
        failures.any(|line| line.contains(&failed.trace_id())),
        "the log does not name {failed:?}:\n{log}"
    );

    stack.stop_gently()?;
    let all = format!("{:?}", collector.so_far());
    for strange in ["424242", "secret", "wp-login", "readyz", &stack.key] {
        assert!(!all.contains(strange), "a span says {strange}: {all}");
    }
    let mut polls = collector.so_far().iter().filter(|it| it.name() == "poll");
    assert!(polls.all(|it| it.attribute("squall.source_id").is_some()), "a poll that read nothing is a span");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_holds_up_nobody_whether_it_is_away_or_never_answers() -> Result<()> {
    let address = format!("127.0.0.1:{}", process::free_port()?);
    let mut stack = Stack::start_with(vec![(ENDPOINT, format!("http://{address}"))]).await?;
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build()?;
    let ask =
        async |path: &str| client.get(stack.url(path)).send().await.map(|answer| answer.status().as_u16());

    // Away: told once, tried again, and what waited is delivered.
    assert_eq!(ask("/api/v1/session").await?, 401);
    let away = "The traces cannot be delivered.";
    let begun = Instant::now();
    while line_with(&stack.api_log()?, away).is_none() {
        ensure!(begun.elapsed() < PATIENCE, "the log does not say that the collector is away");
        tokio::task::yield_now().await;
    }
    let mut collector = Collector::at(&address).await?;
    let api = |it: &Received| it.service == "squall-api";
    collector.wait_for(|it| api(it) && it.name() == "GET /api/v1/session").await?;

    // Asked for and stopped at once: it is there when the process has ended.
    assert_eq!(ask("/api/v1/setup").await?, 200);
    stack.stop_api().await?;
    assert!(
        collector.so_far().iter().any(|it| api(it) && it.name() == "GET /api/v1/setup"),
        "the end has lost a span"
    );
    let log = stack.api_log()?;
    assert_eq!(log.matches(away).count(), 1, "{log}");
    assert_eq!(log.matches("The traces are delivered again.").count(), 1, "{log}");

    // It takes connections and never answers, and the api is told to have more patience with it than this test has.
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
        let answer = timeout(PATIENCE, client.get(stack.url("/nowhere")).send()).await??;
        assert_eq!(answer.status(), 404);
    }
    let counted = client.get(format!("http://{metrics}/metrics")).send().await?.text().await?;
    let dropped = line_with(&counted, "squall_trace_spans_total{outcome=\"dropped\"}").context("no count")?;
    assert!(!dropped.ends_with(" 0"), "{dropped}");
    timeout(PATIENCE, stack.stop_api()).await??;
    assert!(line_with(&stack.api_log()?, "The last traces were not delivered").is_some());
    Ok(())
}

#[test]
fn a_collector_that_cannot_be_used_stops_the_start_with_a_sentence() -> Result<()> {
    for program in ["squall-api", "squall-worker"] {
        let variables = [
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            (ENDPOINT, "https://collector.example.org"),
        ];
        let said = process::run(program, &["serve"], &variables).err().context("it started")?.to_string();
        assert!(said.contains("nothing was started") && said.contains("Run a collector beside it"), "{said}");
    }
    Ok(())
}
