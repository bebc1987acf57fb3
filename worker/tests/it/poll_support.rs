//! A watched folder, a source that reads it, and a clock that only the test moves.

use crate::support::context_with;
use chrono::{DateTime, TimeDelta, Utc};
use flate2::{Compression, write::GzEncoder};
use sqlx::PgPool;
use squall_intake::{RawEvent, inbox};
use squall_worker::pipeline::{Context, Poll, Progress};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

pub struct Watched {
    pub folder: tempfile::TempDir,
    pub pool: PgPool,
    pub source_id: i64,
    pub poll: Poll,
    now: DateTime<Utc>,
}

impl Watched {
    /// A source that reads what `glob` matches in a folder of its own.
    pub async fn new(pool: &PgPool, glob: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = serde_json::json!({ "glob": folder.path().join(glob) });
        let source_id = sqlx::query_scalar(
            "with project as (insert into projects (slug, name) values ('shop', 'Shop') returning id)
             insert into sources (project_id, kind, name, settings)
             select id, 'file', 'Logs', $1 from project returning id",
        )
        .bind(settings)
        .fetch_one(pool)
        .await
        .unwrap();
        let poll = Poll::new(context(pool), source_id);
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        Self { folder, pool: pool.clone(), source_id, poll, now }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        append(&self.path(name), text.as_ref());
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub fn pass(&mut self, time: TimeDelta) {
        self.now += time;
    }

    /// Another worker, or this one after a restart: it knows only what is saved.
    pub fn another_worker(&self) -> Poll {
        Poll::new(context(&self.pool), self.source_id)
    }

    pub fn restart(&mut self) {
        self.poll = self.another_worker();
    }

    pub async fn poll_once(&mut self) -> anyhow::Result<Progress> {
        self.poll.poll_once(self.now).await
    }

    /// Polls until there is nothing more to read at this moment.
    pub async fn poll(&mut self) {
        while self.poll_once().await.unwrap() != Progress::Idle {}
    }

    /// Polls until nothing is held back any more.
    pub async fn settle(&mut self) {
        for _ in 0..3 {
            self.poll().await;
            self.pass(TimeDelta::seconds(2));
        }
        self.poll().await;
    }

    /// The events in the inbox, in the order they came.
    pub async fn events(&self) -> Vec<(String, serde_json::Value)> {
        let rows: Vec<(i16, Vec<u8>)> =
            sqlx::query_as("select codec, body from inbox order by id").fetch_all(&self.pool).await.unwrap();
        let mut events = Vec::new();
        for (codec, body) in rows {
            for line in inbox::unpack(codec, &body)
                .unwrap()
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                let event: RawEvent<'_> = serde_json::from_slice(line).unwrap();
                assert!(event.raw);
                let attributes = serde_json::from_str(event.attributes.unwrap().get()).unwrap();
                events.push((event.message.into_owned(), attributes));
            }
        }
        events
    }

    pub async fn messages(&self) -> Vec<String> {
        self.events().await.into_iter().map(|(message, _)| message).collect()
    }

    /// `failures` and `last_error` of the source.
    pub async fn health(&self) -> (i32, Option<String>) {
        sqlx::query_as("select failures, last_error from sources where id = $1")
            .bind(self.source_id)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The history: outcome, events and message of each poll.
    pub async fn history(&self) -> Vec<(String, i32, Option<String>)> {
        sqlx::query_as("select outcome::text, events, message from polls order by id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

/// A worker's context with a budget of 64 KiB a poll, the least that can be set.
pub fn context(pool: &PgPool) -> Context {
    context_with(pool, &[("SQUALL_POLL_BYTES", "64KiB")])
}

pub fn append(path: &Path, text: &[u8]) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text).unwrap();
}

/// One member of a gzip file.
pub fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Log lines `from..to`, each with its number.
pub fn lines(range: std::ops::Range<usize>) -> String {
    range
        .map(|number| format!("2026-01-01 00:00:00 INFO shop request {number} was served in 12 ms\n"))
        .collect()
}

/// The same lines as events.
pub fn events(range: std::ops::Range<usize>) -> Vec<String> {
    lines(range).lines().map(str::to_owned).collect()
}
