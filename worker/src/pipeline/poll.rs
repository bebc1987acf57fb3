//! Polling sources: log files.
//!
//! [`mod@supervise`] runs one task per source, so that a slow or failing one delays no other, and
//! claims each source for one worker. A task repeats [`Poll::poll_once`]: load the source with its
//! cursor ([`store`]), read what is new ([`mod@file`]), save events and cursor in one transaction.
//!
//! Reading happens outside the transaction; saving requires that the cursor has not moved since.
//! After a crash, a lost response to a commit or a claim lost to another worker, a poll is
//! therefore repeated or dropped as a whole: no event is lost or duplicated.

mod supervise;
mod store;
mod file;
mod outbox;

use super::{Context, Progress, trace_failure};
use anyhow::{Result, anyhow};
use chrono::{DateTime, TimeDelta, Utc};
use file::FileSource;
use outbox::Outbox;
use serde_json::Value;
use squall_boot::{metrics, telemetry::trace};
use squall_intake::Origin;
use std::time::Instant;
use store::FinishedPoll;

pub(crate) use supervise::supervise;

/// Idle polls are not recorded, except for a success from time to time, so that a user can tell an
/// idle source from a dead worker.
const HEARTBEAT: TimeDelta = TimeDelta::seconds(30);

/// A problem of a source that can still be polled.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    /// What is wrong, and what to do.
    message: String,
    /// Whether something could not be read; otherwise the state may be intended.
    failed: bool,
}

/// One source of kind `file`, polled by hand or by its task.
pub struct Poll {
    context: Context,
    source_id: i64,
    source: Option<OpenSource>,
}

/// A source whose cursor is known.
struct OpenSource {
    project_id: i64,
    settings: Value,
    cursor: Value,
    /// When its row was last updated.
    written_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    files: FileSource,
    /// The cursor in memory may differ from the saved one.
    is_stale: bool,
}

impl Poll {
    /// A poll that loads its source when it first runs.
    pub fn new(context: Context, source_id: i64) -> Self {
        Self { context, source_id, source: None }
    }

    /// Reads at most `poll_bytes` of what is new and saves it. `now` is the current time.
    ///
    /// # Errors
    /// When nothing could be read or saved; the failure is recorded, unless the database is away.
    /// Trouble with some of the files is not an error.
    pub async fn poll_once(&mut self, now: DateTime<Utc>) -> Result<Progress> {
        let polled = self.poll(now).await;
        if let Err(error) = &polled {
            metrics::POLLS.add(&["file", "failed"], 1);
            self.note();
            trace_failure(error);
        }
        polled
    }

    async fn poll(&mut self, now: DateTime<Utc>) -> Result<Progress> {
        let started = Instant::now();
        let Some(mut source) = self.open_source(now).await? else { return Ok(Progress::Idle) };
        let budget = self.context.config.poll_bytes as u64;
        let (mut source, read, outbox) = tokio::task::spawn_blocking(move || {
            let mut outbox = Outbox::default();
            let read = source.files.read(now, budget, &mut outbox);
            (source, read, outbox)
        })
        .await?;
        let events = outbox.events();
        let message = read.trouble.as_ref().map(|trouble| &trouble.message);
        let trouble_is_new = message.is_some() && message != source.last_error.as_ref();
        let is_news = read.cursor.is_some() || message != source.last_error.as_ref();
        let failed = read.trouble.as_ref().is_some_and(|trouble| trouble.failed);
        let is_silent = source.written_at.is_none_or(|written_at| now - written_at >= HEARTBEAT);
        if is_news || is_silent {
            source.is_stale = true;
            let new_cursor = read.cursor.as_ref().unwrap_or(&source.cursor);
            let finished = FinishedPoll {
                origin: Origin { project_id: source.project_id, source_id: self.source_id },
                started_at: now,
                duration: started.elapsed(),
                events,
                batches: &outbox.finish(),
                bytes: read.bytes,
                old_cursor: &source.cursor,
                new_cursor,
                trouble: read.trouble.as_ref(),
                trouble_is_new,
            };
            let saved = store::save(&self.context.pool, &finished).await;
            if !matches!(saved, Ok(true)) {
                self.source = Some(source);
                return saved.map(|_| Progress::Idle);
            }
            if events > 0 {
                // Only this worker: others find the rows after their idle pause.
                self.context.inbox_filled.notify_one();
            }
            if let Some(trouble) = read.trouble.as_ref().filter(|_| trouble_is_new) {
                tracing::warn!(
                    source_id = self.source_id,
                    message = trouble.message,
                    "A source has a problem."
                );
            }
            source.is_stale = false;
            source.written_at = Some(now);
            source.last_error = read.trouble.map(|trouble| trouble.message);
            source.cursor = read.cursor.unwrap_or(source.cursor);
        }
        self.source = Some(source);
        let outcome = match failed {
            true => "failed",
            false if events > 0 => "read",
            false => "idle",
        };
        if outcome != "idle" {
            self.note();
            trace::count("squall.events", events);
        }
        if failed {
            trace::fail("The source could not be read; its page has the reason.");
        }
        metrics::POLLS.add(&["file", outcome], 1);
        metrics::POLL_BYTES.add(&["file"], read.bytes);
        metrics::EVENTS_ACCEPTED.add(&["poll"], events as u64);
        if events > 0 {
            self.context.inbox_filled.notify_one();
        }
        Ok(if read.more { Progress::Did(events) } else { Progress::Idle })
    }

    /// Adds the source to the current span.
    fn note(&self) {
        trace::note("squall.source_id", self.source_id);
        trace::note("squall.source_kind", "file");
    }

    /// The source with its saved cursor; `None` when it was disabled or deleted.
    async fn open_source(&mut self, now: DateTime<Utc>) -> Result<Option<OpenSource>> {
        if let Some(source) = self.source.take_if(|source| !source.is_stale) {
            return Ok(Some(source));
        }
        let started = Instant::now();
        let Some(saved) = store::load(&self.context.pool, self.source_id).await? else { return Ok(None) };
        let files = match self.source.take() {
            // Its files stay open: a removed file can only be read through its open handle.
            Some(stale) if stale.settings == saved.settings => {
                let mut files = stale.files;
                files.go_back_to(&saved.cursor).map(|()| files)
            }
            _ => FileSource::new(&saved.settings, &saved.cursor),
        };
        match files {
            Ok(files) => Ok(Some(OpenSource {
                project_id: saved.project_id,
                settings: saved.settings,
                cursor: saved.cursor,
                written_at: saved.last_success_at,
                last_error: saved.last_error,
                files,
                is_stale: false,
            })),
            Err(message) => {
                store::record_failure(&self.context.pool, self.source_id, now, started.elapsed(), &message)
                    .await?;
                Err(anyhow!(message))
            }
        }
    }
}
