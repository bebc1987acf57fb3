//! `/metrics` in the text format of Prometheus, on an address of its own that is not exposed.

use crate::{
    AppState, backup,
    inbox::{self, InboxState},
};
use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use squall_boot::metrics::{self, Exporter};

/// The routes of the internal listener.
pub fn app(state: AppState, exporter: Exporter) -> Router {
    Router::new().route("/metrics", get(render)).with_state((state, exporter))
}

async fn render(State((state, exporter)): State<(AppState, Exporter)>) -> impl IntoResponse {
    let is_up = metrics::observe_database(&state.pool).await;
    observe_inbox(if is_up { inbox::state(&state.pool).await.ok() } else { None });
    observe_backups(if is_up { backup::newest_proven_age(&state.pool).await.ok() } else { None });
    ([(header::CONTENT_TYPE, Exporter::CONTENT_TYPE)], exporter.render())
}

/// An unknown value is NaN, which no alert mistakes for zero or for a large value.
fn observe_inbox(inbox: Option<InboxState>) {
    let value = |of: fn(&InboxState) -> f64| inbox.as_ref().map_or(f64::NAN, of);
    metrics::INBOX_BATCHES.set(&["waiting"], value(|inbox| inbox.waiting as f64));
    metrics::INBOX_BATCHES.set(&["set_aside"], value(|inbox| inbox.set_aside as f64));
    metrics::INBOX_EVENTS.set(&["waiting"], value(|inbox| inbox.waiting_events as f64));
    metrics::INBOX_EVENTS.set(&["set_aside"], value(|inbox| inbox.set_aside_events as f64));
    metrics::INBOX_OLDEST.set(&[], value(|inbox| inbox.oldest_seconds));
}

/// Without any proven backup the age is infinite, so that the alert needs no second rule.
fn observe_backups(age: Option<Option<i64>>) {
    let age = age.map_or(f64::NAN, |age| age.map_or(f64::INFINITY, |age| age as f64));
    metrics::BACKUP_AGE.set(&[], age);
}
