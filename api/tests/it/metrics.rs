//! The metrics of the api.

use crate::support::Api;
use axum::{body::Body, http::Request};
use sqlx::PgPool;
use squall_boot::metrics::{ALL, Service, install};
use std::collections::BTreeSet;
use tower::ServiceExt;

/// The names of the metrics in a scrape, without the suffixes of histograms.
fn names(text: &str) -> BTreeSet<&str> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    types.collect()
}

async fn scrape(api: &Api) -> String {
    let exporter = install(Service::Api).unwrap();
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = squall_api::metrics::app(api.state.clone(), exporter).oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    String::from_utf8(axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_outcome_of_an_event_and_every_response_is_counted(pool: PgPool) {
    install(Service::Api).unwrap();
    let api = Api::new(pool.clone());
    let admin = api.sign_in_as("admin").await;
    let key = api.project_with_key(&admin, "shop").await;
    let body = "{\"message\":\"one\"}\n{\"message\":\"two\"}\nno event\n{\"level\":\"error\"}\n";
    let request =
        Request::post("/api/v1/ingest").header("x-squall-key", &key).body(Body::from(body)).unwrap();
    assert_eq!(api.send(request).await.body["accepted"], 2);
    api.get("/api/v1/issues/424242?q=a-secret-word", &admin).await;
    api.get("/wp-login.php", "").await;
    api.call("BREW", "/api/v1/projects/a-secret-slug", &admin, None).await;

    let text = scrape(&api).await;
    for line in [
        "squall_events_accepted_total{door=\"http\"} 2",
        "squall_events_accepted_total{door=\"poll\"} 0",
        "squall_events_rejected_total{reason=\"not_json\"} 1",
        "squall_events_rejected_total{reason=\"no_message\"} 1",
        "squall_inbox_batches{state=\"waiting\"} 1",
        "squall_inbox_events{state=\"waiting\"} 2",
        "squall_http_request_seconds_count{method=\"POST\",route=\"/api/v1/ingest\",status=\"2xx\"} 1",
        "squall_http_request_seconds_count{method=\"GET\",route=\"/api/v1/issues/{id}\",status=\"4xx\"} 1",
        "squall_http_request_seconds_count{method=\"GET\",route=\"none\",status=\"4xx\"} 1",
        "squall_http_request_seconds_count{method=\"other\",route=\"/api/v1/projects/{slug}\",status=\"4xx\"} 1",
        "squall_http_errors_total{code=\"method_not_allowed\"} 1",
        "squall_http_requests_in_flight 0",
        "squall_database_up 1",
        "squall_backup_newest_proven_age_seconds +Inf",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
    for strange in ["424242", "secret", "wp-login", "BREW"] {
        assert!(!text.contains(strange), "{strange} became a label:\n{text}");
    }
    let declared =
        ALL.iter().filter(|metric| metric.is_from(Service::Api)).map(|metric| metric.name).collect();
    assert_eq!(names(&text), declared, "the api exports other metrics than it declares");

    pool.close().await;
    let text = scrape(&api).await;
    for line in [
        "squall_database_up 0",
        "squall_inbox_oldest_seconds NaN",
        "squall_backup_newest_proven_age_seconds NaN",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in:\n{text}");
    }
}
