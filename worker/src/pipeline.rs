//! The stages, in the order an event meets them.
//!
//! A stage looks in the database for a bounded amount of work, does it, and returns whether it
//! found any. Each runs in its own loop, so that a slow one delays no other: again at once after
//! work, after a notification or a pause when idle, after a longer pause when it failed.

mod poll;
mod digest;
mod retain;

use crate::config::Config;
use sqlx::PgPool;
use squall_boot::{
    database::{DatabaseError, classify},
    metrics,
    telemetry::trace,
};
use squall_live::Publisher;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use digest::Digest;
pub use poll::Poll;
pub use retain::Retain;

/// What every stage needs.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub pool: PgPool,
    /// The settings.
    pub config: Arc<Config>,
    /// Notified when the inbox has new rows.
    pub inbox_filled: Arc<Notify>,
    /// Publishes what the digest changed.
    pub live: Publisher,
}

/// The result of one turn of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This much was done; there may be more.
    Did(usize),
    /// There was nothing to do.
    Idle,
}

/// How long a stage waits after a failure, at first and at most; doubled after each in between.
const FAILURE_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Runs all stages until `stop` is cancelled, and returns when each has finished its turn.
pub async fn run(context: Context, stop: CancellationToken) {
    let stages = TaskTracker::new();
    let digest = Digest::new(context.clone());
    let retain = Retain::new(context.clone());
    stages.spawn(guard("poll", poll::supervise(context.clone(), stop.clone()), stop.clone()));
    let digest = run_stage("digest", digest, context.inbox_filled.clone(), stop.clone());
    stages.spawn(guard("digest", digest, stop.clone()));
    let retain = run_stage("retain", retain, Arc::new(Notify::new()), stop.clone());
    stages.spawn(guard("retain", retain, stop.clone()));
    stages.close();
    stages.wait().await;
}

/// Nobody would notice a panicked stage until events pile up. The process exits instead, and its
/// supervisor restarts it; the interrupted turn is repeated.
async fn guard(
    name: &'static str,
    stage: impl Future<Output = ()> + Send + 'static,
    stop: CancellationToken,
) {
    if let Err(error) = tokio::spawn(stage).await {
        tracing::error!(stage = name, error = %error, "Stage panicked; shutting down the worker.");
        stop.cancel();
    }
}

/// A stage takes no input, acts on the state it reads, and bounds what it does in one turn.
pub trait Stage {
    /// How long to wait after an idle turn without a notification.
    const PAUSE: Duration;

    /// One turn. After an error none of its work is kept, and it can run again.
    fn run_once(&mut self) -> impl Future<Output = anyhow::Result<Progress>> + Send;
}

async fn run_stage(name: &'static str, mut stage: impl Stage, wake: Arc<Notify>, stop: CancellationToken) {
    let mut failure_pause = FAILURE_PAUSE.0;
    while !stop.is_cancelled() {
        let turn = trace::turn(name, run_turn(name, &mut stage)).await;
        let pause = match turn {
            Ok(Progress::Did(_)) => {
                failure_pause = FAILURE_PAUSE.0;
                continue;
            }
            Ok(Progress::Idle) => {
                failure_pause = FAILURE_PAUSE.0;
                None
            }
            Err(_) => {
                failure_pause = (failure_pause * 2).min(FAILURE_PAUSE.1);
                Some(failure_pause)
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.notified(), if pause.is_none() => {}
            () = tokio::time::sleep(pause.unwrap_or_else(|| pause_of(&stage))) => {}
        }
    }
    tracing::info!(stage = name, "Stage stopped.");
}

/// One turn, with its metrics and its failure in the log.
async fn run_turn(name: &'static str, stage: &mut impl Stage) -> anyhow::Result<Progress> {
    let begun = Instant::now();
    let turn = stage.run_once().await;
    let outcome = match &turn {
        Ok(Progress::Did(_)) => "did",
        Ok(Progress::Idle) => "idle",
        Err(_) => "failed",
    };
    metrics::STAGE_SECONDS.observe(metrics::STAGE_SECONDS.labelled(&[name, outcome]), begun.elapsed());
    if let Err(error) = &turn {
        trace_failure(error);
        tracing::error!(stage = name, error = format!("{error:#}"), "Stage failed; retrying.");
    }
    turn
}

/// Marks the span of a failed turn with the kind of the failure; the log has the details.
fn trace_failure(error: &anyhow::Error) {
    let (kind, reason) = match temporary(error) {
        Some(DatabaseError::Contention) => ("database_contention", "Another transaction was in the way."),
        Some(_) => ("database_unavailable", "The database was unavailable."),
        None => ("failed", "The turn failed; the log has the reason."),
    };
    trace::note("error.type", kind);
    trace::fail(reason);
}

fn pause_of<S: Stage>(_: &S) -> Duration {
    S::PAUSE
}

/// The error of a database that was away or busy, rather than unable to store these very events.
fn temporary(error: &anyhow::Error) -> Option<DatabaseError<'_>> {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<sqlx::Error>());
    causes.map(classify).find(|error| error.is_temporary())
}
