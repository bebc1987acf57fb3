//! What Prometheus reads from the worker.

use crate::support::{context, number, project, put};
use sqlx::PgPool;
use squall_boot::metrics::{ALL, EVENTS_REJECTED, Service, install};
use squall_intake::{RejectionReason, batch::Shape};
use squall_worker::{health, pipeline};
use std::collections::BTreeSet;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// What `/metrics` says.
async fn scrape(address: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

// The counts are exact only in a process of its own, which nextest gives each test.
#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_ending_of_an_event_is_counted(pool: PgPool) {
    let exporter = install(Service::Worker).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, health::router(pool.clone(), exporter)).into_future());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.log"), "one line\nanother line\n").unwrap();
    let shop = project(&pool, "shop").await;
    sqlx::query(
        "insert into sources (project_id, kind, name, settings) values ($1, 'file', 'files', jsonb_build_object('glob', $2))",
    )
    .bind(shop.project_id)
    .bind(format!("{}/*.log", folder.path().display()))
    .execute(&pool)
    .await
    .unwrap();
    put(&pool, shop, Shape::Ndjson, "{\"message\":\"one\"}\n{\"message\":\"two\"}\n{\"message\":\"two\"}")
        .await;

    let stop = CancellationToken::new();
    let running = tokio::spawn(pipeline::run(context(&pool), stop.clone()));
    while number(&pool, "select count(*) from events").await < 5 {
        tokio::task::yield_now().await;
    }
    // Stages end their turns before they stop, and count them.
    stop.cancel();
    running.await.unwrap();

    let text = scrape(address).await;
    for line in [
        "squall_events_stored_total 5",
        "squall_events_set_aside_total 0",
        "squall_issues_created_total 4",
        "squall_events_accepted_total{door=\"poll\"} 2",
        "squall_polls_total{kind=\"file\",outcome=\"failed\"} 0",
        "squall_poll_bytes_total{kind=\"file\"} 22",
        "squall_digest_batches_total{outcome=\"failed\"} 0",
        "squall_sources{kind=\"file\",state=\"working\"} 1",
        "squall_sources{kind=\"http\",state=\"working\"} 1",
        "squall_partitions 2",
        "squall_partition_days_ahead 1",
        "squall_database_up 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let declared: BTreeSet<_> =
        ALL.iter().filter(|metric| metric.is_from(Service::Worker)).map(|metric| metric.name).collect();
    assert_eq!(types.collect::<BTreeSet<_>>(), declared, "what the worker serves is not what it declares");
    serving.abort();
}

#[test]
fn the_metric_of_rejections_has_a_label_for_every_reason() {
    let [(_, values)] = EVENTS_REJECTED.labels else { panic!("{EVENTS_REJECTED:?}") };
    assert_eq!(*values, RejectionReason::ALL.map(RejectionReason::name));
}
