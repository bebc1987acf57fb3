//! Publishing updates: at once after a pause, and then at most ten times a second.
//!
//! After the commit, and not in it. A NOTIFY inside the digest's transaction would hold
//! PostgreSQL's one lock of all notifying transactions while thousands of events are flushed to
//! disk, and every other commit would queue behind it. Here the transaction contains only the
//! notification and is not flushed. A crash in between loses a hint.

use crate::{Redis, Update};
use anyhow::Result;
use sqlx::PgPool;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// The channel of PostgreSQL.
pub(crate) const CHANNEL: &str = "live";

/// The shortest time between two updates: too short to notice, while the digest may take hundreds
/// of turns a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Collects updates and never makes the caller wait. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    pending: Arc<Mutex<Update>>,
    request: mpsc::Sender<()>,
}

impl Publisher {
    /// Starts publishing on the current runtime: always through PostgreSQL, and also through Redis
    /// if there is one, so that an api that cannot reach Redis misses nothing. The task ends with
    /// the last handle.
    pub fn start(pool: PgPool, redis: Option<Redis>) -> Self {
        let pending = Arc::default();
        let (request, requests) = mpsc::channel(1);
        tokio::spawn(run(Arc::clone(&pending), requests, pool, redis));
        Self { pending, request }
    }

    /// Publishes an update soon, together with others of the same moment.
    pub fn publish(&self, update: &Update) {
        if update.is_empty() {
            return;
        }
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).add(update);
        // A pending request covers this update, too.
        let _ = self.request.try_send(());
    }

    /// Publishes that a user changed an issue.
    pub fn issue_changed(&self, issue_id: i64) {
        let mut update = Update::default();
        update.add_changed(issue_id);
        self.publish(&update);
    }
}

async fn run(
    pending: Arc<Mutex<Update>>,
    mut requests: mpsc::Receiver<()>,
    pool: PgPool,
    redis: Option<Redis>,
) {
    while requests.recv().await.is_some() {
        let update = std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner));
        let payloads = update.payloads();
        if let Err(error) = notify(&pool, &payloads).await {
            tracing::warn!(error = %error, "Publishing a live update failed; dashboards refresh a little later.");
        }
        if let Some(redis) = &redis {
            for payload in &payloads {
                redis.publish(payload).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One statement, one transaction, and no wait for the disk: a notification need not survive a
/// crash.
async fn notify(pool: &PgPool, payloads: &[String]) -> Result<()> {
    sqlx::query!(
        "with unflushed as materialized (select set_config('synchronous_commit', 'off', true))
         select pg_notify($1, payload) from unflushed, unnest($2::text[]) as payload",
        CHANNEL,
        payloads,
    )
    .execute(pool)
    .await?;
    Ok(())
}
