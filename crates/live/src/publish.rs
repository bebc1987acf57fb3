//! Telling what changed: at once after a pause, and then at most ten times a second.
//!
//! Told after the commit and apart from it. A NOTIFY inside the digest's transaction would hold PostgreSQL's one lock
//! of all notifying transactions while thousands of events are flushed to disk, and every door would wait behind it. Here
//! the transaction holds nothing but the notification, and need not be flushed. A crash in between loses a hint.

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

/// The pause between two updates: a person sees no difference, and the digest may take hundreds of turns a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes what changed and never makes anybody wait. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher {
    pending: Arc<Mutex<Update>>,
    bell: mpsc::Sender<()>,
}

impl Publisher {
    /// Starts telling on the current runtime: through PostgreSQL always, and through Redis as well if there is one. An
    /// api that cannot reach Redis then still hears everything. It ends with its last handle.
    pub fn start(pool: PgPool, redis: Option<Redis>) -> Self {
        let pending = Arc::default();
        let (bell, rung) = mpsc::channel(1);
        tokio::spawn(tell(Arc::clone(&pending), rung, pool, redis));
        Self { pending, bell }
    }

    /// Has an update told soon, together with others of the same moment.
    pub fn tell(&self, update: &Update) {
        if update.is_empty() {
            return;
        }
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).add(update);
        // A bell that rings already will do.
        let _ = self.bell.try_send(());
    }

    /// Has it told that a person changed an issue.
    pub fn issue_changed(&self, issue_id: i64) {
        let mut update = Update::default();
        update.add_changed(issue_id);
        self.tell(&update);
    }
}

async fn tell(pending: Arc<Mutex<Update>>, mut rung: mpsc::Receiver<()>, pool: PgPool, redis: Option<Redis>) {
    while rung.recv().await.is_some() {
        let update = std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner));
        let payloads = update.payloads();
        if let Err(error) = notify(&pool, &payloads).await {
            tracing::warn!(error = %error, "What changed could not be told to those who watch; they see it a little later.");
        }
        if let Some(redis) = &redis {
            for payload in &payloads {
                redis.publish(payload).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One statement, one transaction, and no wait for the disk: a notification is worth none.
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
