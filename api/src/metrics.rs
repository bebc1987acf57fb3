//! `/metrics` in Prometheus' text format, on an address of its own that the outside never reaches.

use crate::{AppState, routes::newest_proven_age};
use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use squall_boot::metrics::{self, Exporter};

/// A proven backup older than this is worth an alert: one a day, and some hours of grace would hide a missed one.
pub const STALE_AFTER_SECONDS: i64 = 86_400;

/// What the internal listener serves.
pub fn app(state: AppState, exporter: Exporter) -> Router {
    Router::new().route("/metrics", get(render)).with_state((state, exporter))
}

async fn render(State((state, exporter)): State<(AppState, Exporter)>) -> impl IntoResponse {
    let is_up = metrics::observe_database(&state.pool).await;
    observe_inbox(&state, is_up).await;
    observe_backups(&state, is_up).await;
    ([(header::CONTENT_TYPE, Exporter::CONTENT_TYPE)], exporter.render())
}

/// What is not known is not a number, which no alert takes for nought and none for much.
async fn observe_inbox(state: &AppState, is_up: bool) {
    let found = if is_up { inbox(state).await.ok() } else { None };
    let inbox = found.unwrap_or(Inbox { batches: [f64::NAN; 2], events: [f64::NAN; 2], oldest: f64::NAN });
    for (at, kept) in ["waiting", "set_aside"].into_iter().enumerate() {
        metrics::INBOX_BATCHES.set(&[kept], inbox.batches[at]);
        metrics::INBOX_EVENTS.set(&[kept], inbox.events[at]);
    }
    metrics::INBOX_OLDEST.set(&[], inbox.oldest);
}

async fn observe_backups(state: &AppState, is_up: bool) {
    let age = match is_up {
        true => newest_proven_age(state).await.ok(),
        false => None,
    };
    // No proven backup at all is infinitely old, so that the alert needs no second rule.
    let age = age.map_or(f64::NAN, |age| age.map_or(f64::INFINITY, |age| age as f64));
    metrics::BACKUP_AGE.set(&[], age);
}

/// What waits, then what was set aside.
struct Inbox {
    batches: [f64; 2],
    events: [f64; 2],
    oldest: f64,
}

async fn inbox(state: &AppState) -> Result<Inbox, sqlx::Error> {
    let row = sqlx::query!(
        "select count(*) filter (where set_aside_at is null)::float8 as \"waiting!\",
                count(*) filter (where set_aside_at is not null)::float8 as \"set_aside!\",
                coalesce(sum(events) filter (where set_aside_at is null), 0)::float8 as \"waiting_events!\",
                coalesce(sum(events) filter (where set_aside_at is not null), 0)::float8 as \"set_aside_events!\",
                coalesce(extract(epoch from now() - min(received_at) filter (where set_aside_at is null)), 0)::float8 as \"oldest!\"
         from inbox"
    )
    .fetch_one(&state.pool)
    .await?;
    Ok(Inbox {
        batches: [row.waiting, row.set_aside],
        events: [row.waiting_events, row.set_aside_events],
        oldest: row.oldest,
    })
}
