//! The inbox: an event that its sender got an acknowledgement for is here.
//!
//! Concurrent requests share one insert and one commit. Callers put their batch into a queue and
//! wait; a few writers take everything in the queue, join small batches of the same origin into one
//! compressed row, insert all rows in one statement and answer all callers when it has committed.
//! Under a light load a batch never waits for others; under a heavy one many share the cost of a
//! commit.
//!
//! Invariant: a caller gets `Ok` only after the commit. When a caller stops waiting, its batch may
//! still be written, and the sender then repeats a batch that was stored. That is the only way to
//! duplicate one.

mod notifier;

use crate::{Batch, RejectionReason};
use notifier::Notifier;
use sqlx::{PgConnection, PgPool};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::sync::{mpsc, oneshot};

/// Body of an inbox row: zstd of one JSON [`crate::RawEvent`] per line.
pub const CODEC_ZSTD_NDJSON: i16 = 1;

/// Level 1 compresses logs about eightfold at half a microsecond per line; level 3 gains a tenth
/// for twice that.
const ZSTD_LEVEL: i32 = 1;

/// Batches that may wait in the queue; beyond these a sender is asked to retry.
const QUEUE_LIMIT: usize = 4096;

/// A writer takes at most this much, so that one insert stays well under 100 ms.
const TAKE_BYTES: usize = 8 << 20;

/// Writers: while one waits for its commit, the other gathers.
const WRITERS: usize = 2;

/// Where the events of a batch come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// `projects.id`
    pub project_id: i64,
    /// `sources.id`
    pub source_id: i64,
}

/// Why a batch was not stored. None of it was; the sender repeats it.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// More arrives than can be written.
    #[error("more arrives than can be written at the moment")]
    Full,
    /// The database refused the insert.
    #[error("the batch could not be stored: {0}")]
    Database(Arc<sqlx::Error>),
    /// The batch was not written, although nothing is wrong with it.
    #[error("the batch was not written: {0}")]
    NotWritten(&'static str),
    /// The project or the source was deleted meanwhile.
    #[error("the source of this batch was deleted")]
    OriginGone,
}

/// A handle to the writers, cheap to clone. They end when the last handle is dropped, after writing
/// everything in the queue.
#[derive(Debug, Clone)]
pub struct Inbox {
    queue: mpsc::Sender<Submission>,
}

#[derive(Debug)]
struct Submission {
    origin: Origin,
    batch: Batch,
    answer: oneshot::Sender<Result<(), InboxError>>,
}

impl Inbox {
    /// Starts the writers on the current runtime.
    pub fn start(pool: &PgPool) -> Self {
        let (queue, submissions) = mpsc::channel(QUEUE_LIMIT);
        let submissions = Arc::new(tokio::sync::Mutex::new(submissions));
        let notifier = Notifier::start(pool.clone());
        for _ in 0..WRITERS {
            tokio::spawn(write_all(pool.clone(), notifier.clone(), submissions.clone()));
        }
        Self { queue }
    }

    /// Puts a batch into the inbox and returns when it is durable. A batch without events stores
    /// only its rejections.
    ///
    /// # Errors
    /// [`InboxError`]; the batch was not stored.
    pub async fn put(&self, origin: Origin, batch: Batch) -> Result<(), InboxError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Submission { origin, batch, answer }).map_err(|_| InboxError::Full)?;
        answered.await.unwrap_or_else(|_| Err(InboxError::NotWritten("the writer stopped")))
    }
}

/// Inserts a batch in a transaction of the caller, who commits it and wakes the digest: a poll
/// saves its events together with its cursor.
///
/// # Errors
/// What the database answers.
pub async fn insert(connection: &mut PgConnection, origin: Origin, batch: &Batch) -> Result<(), sqlx::Error> {
    let mut rejected = RejectedByReason::default();
    rejected.add(origin, batch);
    if batch.events() > 0 {
        insert_rows(connection, &[Row::pack(origin, batch.events(), &batch.lines)?]).await?;
    }
    insert_rejected(connection, &rejected).await
}

/// Whether the project or the source of a batch was deleted before its insert.
pub fn is_origin_gone(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

async fn write_all(
    pool: PgPool,
    notifier: Notifier,
    submissions: Arc<tokio::sync::Mutex<mpsc::Receiver<Submission>>>,
) {
    loop {
        let gathered = {
            let mut submissions = submissions.lock().await;
            match submissions.recv().await {
                None => return,
                Some(first) => gather(first, &mut submissions),
            }
        };
        let (answers, rows, rejected) = join(gathered);
        let written = match rows {
            Ok(rows) => write(&pool, &rows, &rejected).await.map(|()| !rows.is_empty()),
            Err(error) => Err(error),
        };
        match written {
            Ok(has_events) => {
                if has_events {
                    notifier.notify();
                }
                answers.into_iter().for_each(|(_, answer)| drop(answer.send(Ok(()))));
            }
            // A deleted source makes the whole statement fail; each batch gets its own answer.
            Err(error) if is_origin_gone(&error) && answers.len() > 1 => {
                let deleted_origins = deleted(&pool, &answers).await;
                for (origin, answer) in answers {
                    drop(answer.send(Err(match &deleted_origins {
                        Ok(deleted) if deleted.contains(&origin) => InboxError::OriginGone,
                        _ => InboxError::NotWritten("another batch of the same commit was refused"),
                    })));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, batches = answers.len(), "Writing batches to the inbox failed.");
                let error = Arc::new(error);
                for (_, answer) in answers {
                    drop(answer.send(Err(match is_origin_gone(&error) {
                        true => InboxError::OriginGone,
                        false => InboxError::Database(error.clone()),
                    })));
                }
            }
        }
    }
}

fn gather(first: Submission, submissions: &mut mpsc::Receiver<Submission>) -> Vec<Submission> {
    let mut bytes = first.batch.bytes();
    let mut gathered = vec![first];
    while bytes < TAKE_BYTES {
        let Ok(next) = submissions.try_recv() else { break };
        bytes += next.batch.bytes();
        gathered.push(next);
    }
    gathered
}

type Answer = (Origin, oneshot::Sender<Result<(), InboxError>>);

/// Joins batches of the same origin into one compressed row each.
fn join(gathered: Vec<Submission>) -> (Vec<Answer>, Result<Vec<Row>, sqlx::Error>, RejectedByReason) {
    let mut answers = Vec::with_capacity(gathered.len());
    let mut rejected = RejectedByReason::default();
    let mut by_origin: HashMap<Origin, (usize, Vec<u8>)> = HashMap::new();
    // A caller that stopped waiting was asked to retry: what is not stored yet must not be stored
    // twice.
    for Submission { origin, batch, answer } in gathered.into_iter().filter(|it| !it.answer.is_closed()) {
        rejected.add(origin, &batch);
        answers.push((origin, answer));
        if batch.events() > 0 {
            let (events, lines) = by_origin.entry(origin).or_default();
            *events += batch.events();
            if lines.is_empty() {
                *lines = batch.lines;
            } else {
                lines.extend_from_slice(&batch.lines);
            }
        }
    }
    let rows =
        by_origin.into_iter().map(|(origin, (events, lines))| Row::pack(origin, events, &lines)).collect();
    (answers, rows, rejected)
}

async fn write(pool: &PgPool, rows: &[Row], rejected: &RejectedByReason) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    insert_rows(&mut transaction, rows).await?;
    insert_rejected(&mut transaction, rejected).await?;
    transaction.commit().await
}

struct Row {
    origin: Origin,
    events: i32,
    bytes: i32,
    body: Vec<u8>,
}

impl Row {
    fn pack(origin: Origin, events: usize, lines: &[u8]) -> Result<Self, sqlx::Error> {
        let body =
            zstd::bulk::compress(lines, ZSTD_LEVEL).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let bounded = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Ok(Self { origin, events: bounded(events), bytes: bounded(lines.len()), body })
    }
}

/// What was rejected in one transaction, in the order in which its rows are locked: two writers
/// then never wait for each other in a circle.
#[derive(Default)]
struct RejectedByReason(BTreeMap<(Origin, RejectionReason), Rejected>);

struct Rejected {
    events: i64,
    example: String,
}

impl RejectedByReason {
    fn add(&mut self, origin: Origin, batch: &Batch) {
        for (reason, count, example) in batch.rejections().by_reason() {
            let rejected = self
                .0
                .entry((origin, reason))
                .or_insert_with(|| Rejected { events: 0, example: example.to_string() });
            rejected.events += i64::try_from(count).unwrap_or(i64::MAX);
        }
    }
}

/// Compresses lines of JSON, one event each, into the body of an inbox row.
///
/// # Errors
/// When there is not enough memory.
pub fn pack(lines: &[u8]) -> std::io::Result<(i16, Vec<u8>)> {
    Ok((CODEC_ZSTD_NDJSON, zstd::bulk::compress(lines, ZSTD_LEVEL)?))
}

/// Decompresses the body of an inbox row into lines of JSON, one event each.
///
/// # Errors
/// When the codec is unknown (a newer version wrote it) or the body is damaged.
pub fn unpack(codec: i16, body: &[u8]) -> Result<Vec<u8>, String> {
    if codec != CODEC_ZSTD_NDJSON {
        return Err(format!(
            "the batch uses codec {codec}, which this version does not know; deploy the newer worker"
        ));
    }
    zstd::decode_all(body).map_err(|error| format!("the batch is damaged: {error}"))
}

async fn deleted(pool: &PgPool, answers: &[Answer]) -> Result<Vec<Origin>, sqlx::Error> {
    let sources: Vec<i64> = answers.iter().map(|(origin, _)| origin.source_id).collect();
    let alive =
        sqlx::query_scalar!("select id from sources where id = any($1)", &sources).fetch_all(pool).await?;
    Ok(answers
        .iter()
        .map(|(origin, _)| *origin)
        .filter(|origin| !alive.contains(&origin.source_id))
        .collect())
}

async fn insert_rows(connection: &mut PgConnection, rows: &[Row]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into inbox (project_id, source_id, events, bytes, codec, body)
         select p, s, e, b, $6::smallint, z
         from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::bytea[]) as t(p, s, e, b, z)",
        &rows.iter().map(|row| row.origin.project_id).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.origin.source_id).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.events).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.bytes).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.body.as_slice()).collect::<Vec<_>>() as &[&[u8]],
        CODEC_ZSTD_NDJSON,
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_rejected(
    connection: &mut PgConnection,
    RejectedByReason(rejected): &RejectedByReason,
) -> Result<(), sqlx::Error> {
    if rejected.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into rejections (project_id, source_id, day, reason, events, last_at, example)
         select p, s, (now() at time zone 'UTC')::date, r, n, now(), left(e, 500)
         from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::text[]) as t(p, s, r, n, e)
         on conflict (source_id, day, reason) do update
         set events = rejections.events + excluded.events, last_at = now(), example = excluded.example",
        &rejected.keys().map(|(origin, _)| origin.project_id).collect::<Vec<_>>(),
        &rejected.keys().map(|(origin, _)| origin.source_id).collect::<Vec<_>>(),
        &rejected.keys().map(|(_, reason)| reason.name().to_owned()).collect::<Vec<_>>(),
        &rejected.values().map(|rejected| rejected.events).collect::<Vec<_>>(),
        &rejected.values().map(|rejected| rejected.example.clone()).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}
