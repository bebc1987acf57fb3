//! `/healthz` says that the process lives; `/readyz` that it can work.

use anyhow::{Context, Result};
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;

/// Answers on `address` until `stop` is cancelled.
///
/// # Errors
/// When the address cannot be listened on: it is taken, or not this machine's.
pub async fn serve(address: SocketAddr, pool: PgPool, stop: CancellationToken) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await.with_context(|| {
        format!("listening on {address} for health checks. Another process may have the port; set SQUALL_HEALTH_LISTEN to a free one")
    })?;
    axum::serve(listener, router(pool))
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
        .context("answering health checks")
}

fn router(pool: PgPool) -> Router {
    Router::new()
        .route(
            "/healthz",
            get(|| async { Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })) }),
        )
        .route("/readyz", get(ready))
        .with_state(pool)
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
