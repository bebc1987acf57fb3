//! Proven backups on the status page and in the metrics.

use crate::support::Api;
use axum::{body::Body, http::Request};
use sqlx::PgPool;
use squall_api::metrics;
use tower::ServiceExt;

const DRILL: &str = "insert into backup_drills (backup_id, location, made_at, ok, duration_ms, bytes, rows)
    values ('20261121T010000Z-9f3a', '/backups', now() - $1 * interval '1 hour', $2, 1200, 4096, 7)";

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_backup_counts_when_a_drill_has_restored_it_within_26_hours(pool: PgPool) {
    let api = Api::new(pool.clone());
    let viewer = api.sign_in_as("viewer").await;
    let backups = api.get("/api/v1/backups", &viewer).await;
    assert_eq!(
        (&backups.body["ok"], &backups.body["newest_proven_age_seconds"]),
        (&false.into(), &serde_json::Value::Null)
    );
    assert!(backups.body["message"].as_str().unwrap().contains("cargo xtask backup create"));

    for (hours, ok, expected) in [(26.1, true, false), (1.0, false, false), (25.9, true, true)] {
        sqlx::query(DRILL).bind(hours).bind(ok).execute(&pool).await.unwrap();
        let backups = api.get("/api/v1/backups", &viewer).await;
        assert_eq!(backups.body["ok"], expected, "{hours} hours, {ok}");
    }
    let backups = api.get("/api/v1/backups", &viewer).await;
    assert_eq!(backups.body["drills"].as_array().unwrap().len(), 3);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn the_metric_is_infinite_until_a_backup_is_proven(pool: PgPool) {
    let api = Api::new(pool.clone());
    assert!(scrape(&api).await.contains("\nsquall_backup_newest_proven_age_seconds +Inf\n"));
    sqlx::query(DRILL).bind(2.0).bind(true).execute(&pool).await.unwrap();
    let text = scrape(&api).await;
    assert!(text.contains("\nsquall_backup_newest_proven_age_seconds 720"), "{text}");
    assert!(text.contains("\nsquall_database_up 1\n"), "{text}");
}

async fn scrape(api: &Api) -> String {
    let exporter = squall_boot::metrics::install(squall_boot::metrics::Service::Api).unwrap();
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = metrics::app(api.state.clone(), exporter).oneshot(request).await.unwrap();
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}
