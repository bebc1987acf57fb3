//! Waking the digest when the inbox has new rows.
//!
//! Outside the transaction that inserts them: PostgreSQL commits notifying transactions one at a
//! time, each holding their lock until its commit is flushed to disk, so that a NOTIFY in the
//! insert would queue the commits of all writers. Here the transaction contains only the
//! notification and is not flushed. A crash in between costs the digest one idle pause.

use sqlx::PgPool;
use std::time::Duration;
use tokio::sync::mpsc;

/// The shortest time between two notifications: at most one for all rows that arrive within it.
/// Shorter than a turn of the digest under load.
const PAUSE: Duration = Duration::from_millis(20);

/// Notifies the digest soon, and never makes the caller wait. Cheap to clone; the task ends with
/// the last handle.
#[derive(Debug, Clone)]
pub(super) struct Notifier(mpsc::Sender<()>);

impl Notifier {
    pub(super) fn start(pool: PgPool) -> Self {
        let (request, mut requests) = mpsc::channel(1);
        tokio::spawn(async move {
            while requests.recv().await.is_some() {
                if let Err(error) = notify(&pool).await {
                    tracing::warn!(error = %error, "Notifying the digest failed; it finds the rows a little later.");
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self(request)
    }

    pub(super) fn notify(&self) {
        // A notification that is already requested covers these rows, too.
        let _ = self.0.try_send(());
    }
}

async fn notify(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with unflushed as materialized (select set_config('synchronous_commit', 'off', true))
         select pg_notify('inbox', '') from unflushed"
    )
    .execute(pool)
    .await?;
    Ok(())
}
