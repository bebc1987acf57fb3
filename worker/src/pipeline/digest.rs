//! From the inbox to issues, in one transaction.
//!
//! Claimed rows stay locked until the commit that also deletes them. A crash at any point therefore
//! repeats a turn or finds it complete, and nothing is lost or counted twice. Templates that a turn
//! learned stay in memory only if it committed.
//!
//! A batch that fails is retried alone and later, so that it delays no other. When it fails alone,
//! it is halved until the event that cannot be stored is alone; that one is set aside with its
//! reason after [`MAX_ATTEMPTS`], and `/readyz` and the page Status show it. An outage of the
//! database or a deadlock does not count as an attempt.

mod claim;
mod project;
mod event;
mod decode;
mod group;
mod store;
mod copy;
mod changes;

use super::{Context, Progress, Stage, temporary};
use crate::partitions::Partitions;
use anyhow::Context as _;
use claim::Claim;
use group::Memory;
use squall_boot::{metrics, telemetry::trace};
use squall_live::Update;
use std::time::Duration;

/// Attempts before a batch is set aside: a partition that was dropped is back by then, a bug is
/// not.
const MAX_ATTEMPTS: i32 = 5;

/// The stage that moves events from the inbox to issues.
pub struct Digest {
    context: Context,
    memory: Memory,
    partitions: Partitions,
    /// Every other turn prefers a batch that failed before, so that neither kind starves the other.
    failed_first: bool,
}

impl Digest {
    /// A digest without templates in memory; it loads those of a project with its first event.
    pub fn new(context: Context) -> Self {
        let partitions = Partitions::new(context.pool.clone());
        Self { context, memory: Memory::default(), partitions, failed_first: false }
    }

    /// Returns how many events were stored and what they changed.
    async fn digest(&mut self, claim: &mut Claim) -> anyhow::Result<(usize, Update)> {
        let project_ids = claim.project_ids();
        let projects = project::read(&mut claim.transaction, &project_ids).await?;
        let events = decode::decode(claim.take_batches(), &projects).await?;
        let times: Vec<i64> = events.iter().map(|event| event.occurred_at).collect();
        self.partitions.ensure(&times).await?;
        let (grouped, new_issues) = self.memory.group(&mut claim.transaction, &projects, events).await?;
        store::events(&mut claim.transaction, &grouped).await?;
        let counts = store::counts(&mut claim.transaction, &grouped).await?;
        claim::release(&mut claim.transaction, &claim.ids).await?;
        Ok((grouped.len(), changes::of(&new_issues, &counts)))
    }
}

impl Stage for Digest {
    const PAUSE: Duration = Duration::from_millis(250);

    async fn run_once(&mut self) -> anyhow::Result<Progress> {
        self.failed_first = !self.failed_first;
        let limit = self.context.config.digest_events;
        let Some(mut claim) = claim::next(&self.context.pool, limit, self.failed_first).await? else {
            return Ok(Progress::Idle);
        };
        let ids = claim.ids.clone();
        let digested = match self.digest(&mut claim).await {
            Ok(digested) => {
                let committed = claim.transaction.commit().await;
                committed.map(|()| digested).context("committing what was digested")
            }
            Err(error) => {
                // Explicitly, because the rows must be unlocked before the failure is recorded on
                // them.
                let _ = claim.transaction.rollback().await;
                Err(error)
            }
        };
        let (events, changes) = match digested {
            Ok(digested) => digested,
            Err(error) => return self.record_failure(&ids, error).await,
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
    /// Records a failure on the batches, unless they are not at fault.
    async fn record_failure(&mut self, ids: &[i64], error: anyhow::Error) -> anyhow::Result<Progress> {
        self.memory.forget();
        self.partitions.forget_all();
        if temporary(&error).is_some() {
            return Err(error);
        }
        // Only these batches are at fault, so the stage continues with the others without a pause.
        let reason = format!("{error:#}");
        tracing::error!(batches = ids.len(), error = reason, "Digesting batches failed.");
        metrics::DIGEST_BATCHES.add(&["failed"], ids.len() as u64);
        trace::count("squall.batches", ids.len());
        trace::fail("Digesting batches failed; the log has the reason.");
        claim::record_failure(&self.context.pool, ids, &reason, MAX_ATTEMPTS).await?;
        Ok(Progress::Did(ids.len()))
    }
}
