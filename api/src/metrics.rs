//! `/metrics` in Prometheus' text format, on an address of its own that the outside never reaches.

use crate::{AppState, routes::newest_proven_age};
use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};

/// A proven backup older than this is worth an alert: one a day, and some hours of grace would hide a missed one.
pub const STALE_AFTER_SECONDS: i64 = 86_400;

/// What the internal listener serves.
pub fn app(state: AppState) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(state)
}

async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    let age = newest_proven_age(&state).await;
    let reachable = i32::from(age.is_ok());
    let mut text = format!(
        "# HELP squall_database_up Whether the database answers.\n# TYPE squall_database_up gauge\nsquall_database_up {reachable}\n"
    );
    if let Ok(age) = age {
        // No proven backup at all is infinitely old, so that the alert needs no second rule.
        let age = age.map_or("+Inf".to_owned(), |age| age.to_string());
        text += &format!(
            "# HELP squall_backup_newest_proven_age_seconds Age of the newest backup that a drill has restored.\n\
             # TYPE squall_backup_newest_proven_age_seconds gauge\nsquall_backup_newest_proven_age_seconds {age}\n"
        );
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
