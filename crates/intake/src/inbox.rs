//! The inbox: where an event is when its sender has been told that it is safe.
//!
//! Concurrent requests share one insert and one commit. Callers hand their batch to a queue and wait;
//! a few writers take whatever lies in the queue, join small batches of the same origin into one
//! compressed row, insert all rows in one statement and answer everybody when it has committed. Under a
//! light load a batch waits for nobody; under a heavy one the cost of a commit is spread over many.
//!
//! Invariant: a caller hears `Ok` only after the commit. When a caller gives up waiting, its batch may
//! still be written; the sender then repeats a batch that was kept, which is why an answer that never
//! came is the only way to double one.

use crate::{Batch, RejectionReason};
use sqlx::{PgConnection, PgPool};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::sync::{mpsc, oneshot};

/// Body of an inbox row: zstd of one JSON [`crate::RawEvent`] a line.
pub const CODEC_ZSTD_NDJSON: i16 = 1;

/// Level 1 packs logs about eightfold at half a microsecond a line; level 3 gains a tenth for twice that.
const ZSTD_LEVEL: i32 = 1;

/// Batches that may wait in the queue; beyond these a sender is asked to come again.
const QUEUE_LIMIT: usize = 4096;

/// A writer takes at most this much at once, so that one insert stays well under 100 ms.
const TAKE_BYTES: usize = 8 << 20;

/// Writers at work: while one waits for its commit, the other gathers.
const WRITERS: usize = 2;

/// Whose events a batch holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// `projects.id`
    pub project_id: i64,
    /// `sources.id`
    pub source_id: i64,
}

/// Why a batch was not taken. Nothing of it was kept; the sender repeats it.
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

/// A handle to the writers, cheap to clone. They end when the last handle is dropped, after everything
/// that was handed to them is written.
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
        for _ in 0..WRITERS {
            tokio::spawn(write_all(pool.clone(), submissions.clone()));
        }
        Self { queue }
    }

    /// Puts a batch into the inbox, and returns when it is durable. A batch without events stores only
    /// its rejections.
    ///
    /// # Errors
    /// [`InboxError`]; the batch was then not kept.
    pub async fn put(&self, origin: Origin, batch: Batch) -> Result<(), InboxError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Submission { origin, batch, answer }).map_err(|_| InboxError::Full)?;
        answered.await.unwrap_or_else(|_| Err(InboxError::NotWritten("the writer stopped")))
    }
}

/// Inserts a batch on a connection of the caller's, who commits: this is how a poll saves what it read
/// together with its cursor.
///
/// # Errors
/// Whatever the database answers.
pub async fn insert(connection: &mut PgConnection, origin: Origin, batch: &Batch) -> Result<(), sqlx::Error> {
    let mut rejected = RejectedByReason::default();
    rejected.add(origin, batch);
    if batch.events() > 0 {
        insert_rows(connection, &[Row::pack(origin, batch.events(), &batch.lines)?]).await?;
    }
    insert_rejected(connection, &rejected).await
}

async fn write_all(pool: PgPool, submissions: Arc<tokio::sync::Mutex<mpsc::Receiver<Submission>>>) {
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
            Ok(rows) => write(&pool, &rows, &rejected).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => answers.into_iter().for_each(|(_, answer)| drop(answer.send(Ok(())))),
            // A deleted source makes the whole statement fail; each batch then learns its own fate.
            Err(error) if is_foreign_key(&error) && answers.len() > 1 => {
                let origins_gone = gone(&pool, &answers).await;
                for (origin, answer) in answers {
                    drop(answer.send(Err(match &origins_gone {
                        Ok(gone) if gone.contains(&origin) => InboxError::OriginGone,
                        _ => InboxError::NotWritten("another batch of the same commit was refused"),
                    })));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, batches = answers.len(), "Batches could not be put into the inbox.");
                let error = Arc::new(error);
                for (_, answer) in answers {
                    drop(answer.send(Err(match is_foreign_key(&error) {
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

/// Joins what has the same origin into one row each, packed.
fn join(gathered: Vec<Submission>) -> (Vec<Answer>, Result<Vec<Row>, sqlx::Error>, RejectedByReason) {
    let mut answers = Vec::with_capacity(gathered.len());
    let mut rejected = RejectedByReason::default();
    let mut by_origin: HashMap<Origin, (usize, Vec<u8>)> = HashMap::new();
    // Who has stopped waiting was told to send again: what is not kept yet must not be kept twice.
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

/// What was rejected in one transaction, in the order in which its rows are locked: two writers then never wait for
/// each other in a circle.
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

/// Packs lines of JSON, one event each, as the body of an inbox row.
///
/// # Errors
/// When the memory for it is lacking.
pub fn pack(lines: &[u8]) -> std::io::Result<(i16, Vec<u8>)> {
    Ok((CODEC_ZSTD_NDJSON, zstd::bulk::compress(lines, ZSTD_LEVEL)?))
}

/// Unpacks the body of an inbox row into lines of JSON, one event each.
///
/// # Errors
/// When the codec is unknown (a newer version wrote it) or the body is damaged.
pub fn unpack(codec: i16, body: &[u8]) -> Result<Vec<u8>, String> {
    if codec != CODEC_ZSTD_NDJSON {
        return Err(format!(
            "the batch is written in codec {codec}, which this version does not know; deploy the newer worker"
        ));
    }
    zstd::decode_all(body).map_err(|error| format!("the batch is damaged: {error}"))
}

fn is_foreign_key(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

async fn gone(pool: &PgPool, answers: &[Answer]) -> Result<Vec<Origin>, sqlx::Error> {
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
        "with put as (
             insert into inbox (project_id, source_id, events, bytes, codec, body)
             select p, s, e, b, $6::smallint, z
             from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::bytea[]) as t(p, s, e, b, z)
         )
         select pg_notify('inbox', '')",
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
