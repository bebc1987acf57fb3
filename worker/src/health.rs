//! `/healthz`: the process runs. `/readyz`: it can work. `/metrics`: for Prometheus.

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use squall_boot::metrics::{self, Exporter, Service};
use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;

/// Answers on `address` until `stop` is cancelled.
///
/// # Errors
/// When the address is in use, or does not belong to this machine.
pub async fn serve(address: SocketAddr, pool: PgPool, stop: CancellationToken) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
        format!("listening on {address} for health checks. Another process may use the port; set SQUALL_HEALTH_LISTEN to a free one")
    })?;
    let exporter = metrics::install(Service::Worker)?;
    axum::serve(listener, router(pool, exporter))
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .context("answering health checks")
}

/// The routes of the worker.
pub fn router(pool: PgPool, exporter: Exporter) -> Router {
    let metrics = Router::new().route("/metrics", get(render)).with_state((pool.clone(), exporter));
    Router::new()
        .route(
            "/healthz",
            get(|| async { Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })) }),
        )
        .route("/readyz", get(ready))
        .with_state(pool)
        .merge(metrics)
}

async fn render(State((pool, exporter)): State<(PgPool, Exporter)>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, Exporter::CONTENT_TYPE)], crate::metrics::render(&pool, &exporter).await)
}

async fn ready(State(pool): State<PgPool>) -> (StatusCode, Json<Value>) {
    let expected = squall_migrations::expected_version();
    match squall_migrations::found_version(&pool).await {
        Ok(Some(found)) if found >= expected => (StatusCode::OK, Json(json!({ "status": "ready" }))),
        Ok(found) => {
            let message = format!(
                "The schema is at version {}, version {expected} is needed.",
                found.unwrap_or_default()
            );
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not_ready", "message": message })))
        }
        Err(error) => {
            tracing::debug!(error = %error, "The database did not answer a readiness check.");
            let message = "The database cannot be reached.";
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not_ready", "message": message })))
        }
    }
}
