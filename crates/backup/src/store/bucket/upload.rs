//! Multipart uploads. A failed upload is aborted, because the store would charge for its parts. The
//! upload of a killed process cannot be resumed, since the snapshot it was reading is gone; a
//! record in the store, written before the first part, lets a later process abort it.

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
use squall_base::random::{self, hex};
use std::io;
use tokio::{sync::mpsc::Receiver, task::JoinSet};

/// Parts of 8 MB, and of 32 MB from the 5,001st on, because a file may have 10,000 parts: 200 GB
/// per file.
pub const SMALL_PART: usize = 8 * 1024 * 1024;
const LARGE_PART: usize = 4 * SMALL_PART;
const SMALL_PARTS: usize = 5_000;
/// Parts uploaded in parallel: together with the one being filled they take at most 40 MB.
const PARTS_AT_ONCE: usize = 4;
/// The folder of the records.
const UPLOADS: &str = "uploads";

/// The record of an upload, with what aborting it needs.
#[derive(Serialize, Deserialize)]
struct PendingUpload {
    path: String,
    upload: MultipartId,
}

impl Bucket {
    /// Uploads the first part and all others, and completes the file.
    pub(super) async fn upload(&self, target: &Path, first: Bytes, cutter: &mut PartReader) -> Result<()> {
        let upload = self.client.create_multipart(target).await?;
        let record = self.path(&format!("{UPLOADS}/{}.json", hex(&random::bytes::<8>())));
        let sent = async {
            let content = PendingUpload { path: target.to_string(), upload: upload.clone() };
            let content = serde_json::to_vec(&content).context("encoding the record of an upload")?;
            self.client.put(&record, content.into()).await?;
            let parts = self.send_parts(target, &upload, first, cutter).await?;
            self.client.complete_multipart(target, &upload, parts).await?;
            Ok(())
        };
        let sent = sent.await;
        let is_over = match sent {
            Ok(()) => true,
            Err(_) => self.client.abort_multipart(target, &upload).await.is_ok(),
        };
        // Report the first failure. If aborting failed too, the record remains for a later process.
        if is_over {
            let _ = self.client.delete(&record).await;
        }
        sent
    }

    async fn send_parts(
        &self,
        target: &Path,
        upload: &MultipartId,
        first: Bytes,
        cutter: &mut PartReader,
    ) -> Result<Vec<PartId>> {
        let mut in_flight = JoinSet::new();
        let sent = self.send_all(target, upload, first, cutter, &mut in_flight).await;
        // A part that arrives after the abort would remain, so all parts are awaited even after a
        // failure.
        while in_flight.join_next().await.is_some() {}
        sent
    }

    async fn send_all(
        &self,
        target: &Path,
        upload: &MultipartId,
        first: Bytes,
        cutter: &mut PartReader,
        in_flight: &mut JoinSet<Sent>,
    ) -> Result<Vec<PartId>> {
        let (mut part, mut number, mut uploaded) = (first, 0, Vec::new());
        while !part.is_empty() {
            if in_flight.len() >= PARTS_AT_ONCE {
                uploaded.extend(next(in_flight).await?);
            }
            let (client, target, upload) = (self.client.clone(), target.clone(), upload.clone());
            in_flight.spawn(async move {
                let sent = client.put_part(&target, &upload, number, PutPayload::from(part)).await;
                sent.map(|part| (number, part))
            });
            number += 1;
            part = cutter.part(if number < SMALL_PARTS { SMALL_PART } else { LARGE_PART }).await?;
        }
        while let Some(part) = next(in_flight).await? {
            uploaded.push(part);
        }
        uploaded.sort_by_key(|(number, _)| *number);
        Ok(uploaded.into_iter().map(|(_, part)| part).collect())
    }

    /// Aborts the uploads whose records are older than a time.
    pub(super) async fn abandon(&self, started_before: DateTime<Utc>) -> Result<usize> {
        let mut aborted = 0;
        for entry in self.list(UPLOADS).await?.into_iter().filter(|entry| entry.written_at < started_before) {
            let Some(content) = self.get(&entry.path).await? else { continue };
            let pending: PendingUpload = serde_json::from_slice(&content).with_context(|| {
                format!("reading the record of an upload {}/{}", self.location(), entry.path)
            })?;
            match self.client.abort_multipart(&Path::parse(&pending.path)?, &pending.upload).await {
                // It was completed or aborted, and only the record is left.
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            self.delete(&entry.path).await?;
            aborted += 1;
        }
        Ok(aborted)
    }
}

type Sent = object_store::Result<(usize, PartId)>;

async fn next(in_flight: &mut JoinSet<Sent>) -> Result<Option<(usize, PartId)>> {
    match in_flight.join_next().await {
        Some(sent) => Ok(Some(sent.context("the task that uploaded a part panicked")??)),
        None => Ok(None),
    }
}

/// Splits a stream into parts of equal size, as some stores require; only the last one is shorter.
pub struct PartReader {
    chunks: Receiver<io::Result<Bytes>>,
    rest: BytesMut,
}

impl PartReader {
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
