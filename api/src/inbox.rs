//! The inbox as seen from outside: how many batches wait to be digested, and for how long.
//!
//! Events get into it through [`squall_intake`].

use sqlx::PgPool;

/// Batches and events that wait, and those set aside because they failed too often.
pub struct InboxState {
    pub waiting: i64,
    pub set_aside: i64,
    pub waiting_events: i64,
    pub set_aside_events: i64,
    /// Age of the oldest waiting batch; 0 if none waits.
    pub oldest_seconds: f64,
}

pub async fn state(pool: &PgPool) -> sqlx::Result<InboxState> {
    sqlx::query_as!(
        InboxState,
        "select count(*) filter (where set_aside_at is null) as \"waiting!\",
                count(*) filter (where set_aside_at is not null) as \"set_aside!\",
                coalesce(sum(events) filter (where set_aside_at is null), 0)::bigint as \"waiting_events!\",
                coalesce(sum(events) filter (where set_aside_at is not null), 0)::bigint as \"set_aside_events!\",
                coalesce(extract(epoch from now() - min(received_at) filter (where set_aside_at is null)), 0)::float8 as \"oldest_seconds!\"
         from inbox"
    )
    .fetch_one(pool)
    .await
}
