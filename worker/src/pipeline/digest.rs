//! From the inbox to issues: one transaction that does all of it or nothing.
//!
//! Claimed rows stay locked until the commit that also deletes them. A crash at any point therefore
//! repeats a turn or finds it done, and nothing is lost or counted twice. What a turn learned about
//! templates is kept in memory only once it is committed.
//!
//! A batch that fails is tried again alone and later, so that it holds up nobody. When it fails alone it is cut
//! into halves, until the event that cannot be stored is alone too; that one is set aside with its reason after
//! [`MAX_ATTEMPTS`], where `/readyz` and the overview show it. A database that is away is nobody's fault and counts
//! as no attempt.

mod claim;
mod decode;
mod group;
mod store;
mod copy;
mod changes;

use super::{Context, Progress, Stage, is_temporary};
use crate::partitions::Partitions;
use anyhow::Context as _;
use claim::Claimed;
use group::Memory;
use squall_boot::{metrics, telemetry::trace};
use squall_live::Update;
use std::time::Duration;

/// Tries before a batch is set aside: enough to outlast a deadlock or a restart, not a bug.
const MAX_ATTEMPTS: i32 = 5;

/// The stage that empties the inbox.
pub struct Digest {
    context: Context,
    memory: Memory,
    partitions: Partitions,
    /// Every other turn goes to a batch that failed before, so that neither kind waits for the other.
    failed_first: bool,
}

impl Digest {
    /// A digest that knows nothing yet; it learns the templates of a project when it meets its events.
    pub fn new(context: Context) -> Self {
        let partitions = Partitions::new(context.pool.clone());
        Self { context, memory: Memory::default(), partitions, failed_first: false }
    }

    /// How many events were stored, and what they changed.
    async fn digest(&mut self, claimed: &mut Claimed) -> anyhow::Result<(usize, Update)> {
        let project_ids = claimed.project_ids();
        let projects = group::read_projects(&mut claimed.transaction, &project_ids).await?;
        let events = decode::events(claimed.take_batches(), &projects).await?;
        let times: Vec<i64> = events.iter().map(|event| event.occurred_at).collect();
        self.partitions.ensure(&times).await?;
        let (grouped, new_issues) = self.memory.group(&mut claimed.transaction, &projects, events).await?;
        store::events(&mut claimed.transaction, &grouped).await?;
        let counts = store::counts(&mut claimed.transaction, &grouped).await?;
        claim::release(&mut claimed.transaction, &claimed.ids).await?;
        Ok((grouped.len(), changes::of(&new_issues, &counts)))
    }
}

impl Stage for Digest {
    const PAUSE: Duration = Duration::from_millis(250);

    async fn run_once(&mut self) -> anyhow::Result<Progress> {
        self.failed_first = !self.failed_first;
        let limit = self.context.config.digest_events;
        let Some(mut claimed) = claim::next(&self.context.pool, limit, self.failed_first).await? else {
            return Ok(Progress::Idle);
        };
        let ids = claimed.ids.clone();
        let digested = match self.digest(&mut claimed).await {
            Ok(digested) => {
                let committed = claimed.transaction.commit().await;
                committed.map(|()| digested).context("committing what was digested")
            }
            Err(error) => {
                // An explicit end: the rows must be free before the failure is written on them.
                let _ = claimed.transaction.rollback().await;
                Err(error)
            }
        };
        let (events, changes) = match digested {
            Ok(digested) => digested,
            Err(error) => return self.give_up(&ids, error).await,
        };
        self.context.live.publish(&changes);
        metrics::EVENTS_STORED.add(&[], events as u64);
        trace::count("squall.batches", ids.len());
        trace::count("squall.events", events);
        metrics::DIGEST_BATCHES.add(&["stored"], ids.len() as u64);
        Ok(Progress::Did(ids.len()))
    }
}

impl Digest {
    /// Writes a failure on the batches, unless it is the database's.
    async fn give_up(&mut self, ids: &[i64], error: anyhow::Error) -> anyhow::Result<Progress> {
        self.memory.forget();
        self.partitions.forget_all();
        if is_temporary(&error) {
            return Err(error);
        }
        // The failure is these batches' own: it is written on them, and the others go on without a pause.
        let reason = format!("{error:#}");
        tracing::error!(batches = ids.len(), error = reason, "Batches could not be digested.");
        metrics::DIGEST_BATCHES.add(&["failed"], ids.len() as u64);
        trace::count("squall.batches", ids.len());
        trace::fail("Batches could not be digested; the log has the reason.");
        claim::record_failure(&self.context.pool, ids, &reason, MAX_ATTEMPTS).await?;
        Ok(Progress::Did(ids.len()))
    }
}
