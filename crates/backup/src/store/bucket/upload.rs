//! A stream that goes up in parts. A failed upload is ended, so that it costs nothing and shows nowhere. One whose
//! process was killed cannot be taken up again, as the snapshot it was reading is gone; a note beside the backups,
//! written before the first part, lets a later process end it.

use super::Bucket;
use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use object_store::{
    Error, MultipartId, ObjectStoreExt, PutPayload,
    multipart::{MultipartStore, PartId},
    path::Path,
};
use serde::{Deserialize, Serialize};
use std::io;
use tokio::{sync::mpsc::Receiver, task::JoinSet};

/// Parts of 8 MB; from the 5,001st on 32 MB, as a store takes no more than 10,000 parts: 200 GB a file.
pub const SMALL_PART: usize = 8 * 1024 * 1024;
const LARGE_PART: usize = 4 * SMALL_PART;
const SMALL_PARTS: usize = 5_000;
/// Parts on their way at once: with the one being filled this bounds the memory to 40 MB.
const PARTS_AT_ONCE: usize = 4;
/// The folder of the notes.
const UPLOADS: &str = "uploads";

/// What must be known to end an upload.
#[derive(Serialize, Deserialize)]
struct Note {
    path: String,
    upload: MultipartId,
}

impl Bucket {
    /// Sends the first part and all that follow, and completes the file.
    pub(super) async fn upload(&self, target: &Path, first: Bytes, cutter: &mut Cutter) -> Result<()> {
        let upload = self.client.create_multipart(target).await?;
        let note = self.path(&format!("{UPLOADS}/{:016x}.json", u64::from_be_bytes(crate::random()?)));
        let sent = async {
            let content = Note { path: target.to_string(), upload: upload.clone() };
            let content = serde_json::to_vec(&content).context("writing the note of an upload as JSON")?;
            self.client.put(&note, content.into()).await?;
            let parts = self.send_parts(target, &upload, first, cutter).await?;
            self.client.complete_multipart(target, &upload, parts).await?;
            Ok(())
        };
        let sent = sent.await;
        let ended = match sent {
            Ok(()) => true,
            Err(_) => self.client.abort_multipart(target, &upload).await.is_ok(),
        };
        // The first failure is the one to tell. What a second one leaves, the note leads to.
        if ended {
            let _ = self.client.delete(&note).await;
        }
        sent
    }

    async fn send_parts(
        &self,
        target: &Path,
        upload: &MultipartId,
        first: Bytes,
        cutter: &mut Cutter,
    ) -> Result<Vec<PartId>> {
        let mut on_their_way = JoinSet::new();
        let sent = self.send_all(target, upload, first, cutter, &mut on_their_way).await;
        // A part that arrives after the upload was ended would stay: all are waited for, whatever became of one.
        while on_their_way.join_next().await.is_some() {}
        sent
    }

    async fn send_all(
        &self,
        target: &Path,
        upload: &MultipartId,
        first: Bytes,
        cutter: &mut Cutter,
        on_their_way: &mut JoinSet<Sent>,
    ) -> Result<Vec<PartId>> {
        let (mut part, mut number, mut arrived) = (first, 0, Vec::new());
        while !part.is_empty() {
            if on_their_way.len() >= PARTS_AT_ONCE {
                arrived.extend(next(on_their_way).await?);
            }
            let (client, target, upload) = (self.client.clone(), target.clone(), upload.clone());
            on_their_way.spawn(async move {
                let sent = client.put_part(&target, &upload, number, PutPayload::from(part)).await;
                sent.map(|part| (number, part))
            });
            number += 1;
            part = cutter.part(if number < SMALL_PARTS { SMALL_PART } else { LARGE_PART }).await?;
        }
        while let Some(part) = next(on_their_way).await? {
            arrived.push(part);
        }
        arrived.sort_by_key(|(number, _)| *number);
        Ok(arrived.into_iter().map(|(_, part)| part).collect())
    }

    /// Ends the uploads whose notes are older than a moment.
    pub(super) async fn abandon(&self, begun_before: DateTime<Utc>) -> Result<usize> {
        let mut ended = 0;
        for entry in self.list(UPLOADS).await?.into_iter().filter(|entry| entry.written_at < begun_before) {
            let Some(content) = self.get(&entry.path).await? else { continue };
            let note: Note = serde_json::from_slice(&content).with_context(|| {
                format!("reading {}/{}, which is no note of an upload", self.location(), entry.path)
            })?;
            match self.client.abort_multipart(&Path::parse(&note.path)?, &note.upload).await {
                // It was completed or ended, and only the note was left.
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            self.delete(&entry.path).await?;
            ended += 1;
        }
        Ok(ended)
    }
}

type Sent = object_store::Result<(usize, PartId)>;

async fn next(on_their_way: &mut JoinSet<Sent>) -> Result<Option<(usize, PartId)>> {
    match on_their_way.join_next().await {
        Some(sent) => Ok(Some(sent.context("the task that sent a part died")??)),
        None => Ok(None),
    }
}

/// Cuts a stream into parts of exactly one size, which some stores insist on; only the last is shorter.
pub struct Cutter {
    chunks: Receiver<io::Result<Bytes>>,
    rest: BytesMut,
}

impl Cutter {
    pub fn new(chunks: Receiver<io::Result<Bytes>>) -> Self {
        Self { chunks, rest: BytesMut::new() }
    }

    pub async fn part(&mut self, bytes: usize) -> Result<Bytes> {
        while self.rest.len() < bytes {
            match self.chunks.recv().await {
                Some(chunk) => self.rest.extend_from_slice(&chunk?),
                None => break,
            }
        }
        Ok(self.rest.split_to(bytes.min(self.rest.len())).freeze())
    }
}
