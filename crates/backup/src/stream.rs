//! How bytes travel: plain → zstd → age, if encrypted → BLAKE3 and size → store; and back.
//!
//! Each stage passes chunks to the next over a short channel, so that memory use does not depend on
//! the size of the database. Compression and hashing run on their own thread, in parallel to the
//! network.

use crate::{
    failure::{Cancelled, failure},
    keys::{Identities, Recipients},
    manifest::{FileEntry, FileKind},
    store::Store,
};
use anyhow::{Context, Result, anyhow};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, Stream, StreamExt};
use std::{
    io::{self, BufReader, Read, Write},
    pin::pin,
};
use tempfile::NamedTempFile;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::spawn_blocking,
};
use tokio_util::sync::CancellationToken;

/// Level 1: several times faster than the network or a disk, with smaller results than the default
/// of gzip.
const LEVEL: i32 = 1;
/// Rows are collected to chunks of this size, so that passing them on is cheap compared to
/// compression. Each becomes a zstd frame: zstd searches contiguous memory faster than the ring
/// buffer of a stream.
const PLAIN_CHUNK: usize = 1024 * 1024;
const STORED_CHUNK: usize = 1024 * 1024;
/// Chunks between two stages: 4 MB of plain bytes and 4 MB of stored ones at most.
const PLAIN_CHUNKS: usize = 4;
const STORED_CHUNKS: usize = 4;

/// A file that was written to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes in the store.
    pub stored_bytes: u64,
    /// The BLAKE3 of the stored bytes.
    pub blake3: String,
}

impl StoredFile {
    /// The entry for a manifest.
    pub(crate) fn entry(self, name: &str, kind: FileKind) -> FileEntry {
        let Self { plain_bytes, stored_bytes, blake3 } = self;
        FileEntry { name: name.to_owned(), kind, plain_bytes, stored_bytes, blake3 }
    }
}

/// Stops all work of a command, because a part failed or the user asked for it.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Requests the stop.
    pub fn request(&self) {
        self.0.cancel();
    }

    /// Whether it was requested.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is requested.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Does the work, unless a stop is requested before its end.
    ///
    /// # Errors
    /// Those of the work, and [`Cancelled`].
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => Err(Cancelled.into()),
            done = work => done,
        }
    }
}

/// Writes plain bytes through all stages to a path of the store. `tick` is called for every chunk.
///
/// # Errors
/// When the source, a stage or the store fails. Nothing is left at the path then.
pub async fn write_file(
    store: &Store,
    path: &str,
    source: impl Stream<Item = Result<Bytes>>,
    recipients: &Recipients,
    stop: &Stop,
    tick: impl Fn(u64),
) -> Result<StoredFile> {
    let (plain_sender, plain) = mpsc::channel(PLAIN_CHUNKS);
    let (emptied, empty) = mpsc::channel(PLAIN_CHUNKS);
    let (stored_sender, stored) = mpsc::channel(STORED_CHUNKS);
    let recipients = recipients.clone();
    let encoding = spawn_blocking(move || {
        encode(&mut PlainChunks { chunks: plain, emptied }, stored_sender, &recipients)
    });
    // All three run to their end, so that a failed upload is aborted and not just dropped.
    let (fed, encoded, put) =
        tokio::join!(feed(source, plain_sender, empty, stop, tick), encoding, store.put_stream(path, stored));
    fed?;
    put?;
    encoded.context("the thread that compresses panicked")?.context("compressing")
}

/// The input of the compressor. Used chunks are returned and filled again: allocating them would
/// cost as much as reading the rows.
struct PlainChunks {
    chunks: Receiver<Result<Vec<u8>, ()>>,
    emptied: Sender<Vec<u8>>,
}

async fn feed(
    source: impl Stream<Item = Result<Bytes>>,
    sender: Sender<Result<Vec<u8>, ()>>,
    mut empty: Receiver<Vec<u8>>,
    stop: &Stop,
    tick: impl Fn(u64),
) -> Result<()> {
    let mut source = pin!(source);
    let mut collected = Vec::new();
    loop {
        // Usually a row is available: checking for a stop at each of them would cost as much as
        // copying it.
        let next = match source.next().now_or_never() {
            Some(ready) => ready,
            None => {
                stop.or(async { Ok(source.next().await) }).await.unwrap_or_else(|stopped| Some(Err(stopped)))
            }
        };
        match next {
            Some(Ok(chunk)) => collected.extend_from_slice(&chunk),
            Some(Err(error)) => {
                // Otherwise the encoder would mistake the end of the channel for the end of the
                // data.
                let _ = sender.send(Err(())).await;
                return Err(error);
            }
            None if collected.is_empty() => return Ok(()),
            None => {
                let _ = sender.send(Ok(collected)).await;
                return Ok(());
            }
        }
        if collected.len() >= PLAIN_CHUNK {
            if stop.is_requested() {
                let _ = sender.send(Err(())).await;
                return Err(Cancelled.into());
            }
            tick(collected.len() as u64);
            if sender.send(Ok(collected)).await.is_err() {
                // A later stage failed and reports the reason.
                return Ok(());
            }
            collected =
                empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(PLAIN_CHUNK + PLAIN_CHUNK / 8));
        }
    }
}

fn encode(
    plain: &mut PlainChunks,
    stored: Sender<io::Result<Bytes>>,
    recipients: &Recipients,
) -> io::Result<StoredFile> {
    let mut output = EncodedWriter::new(stored);
    let plain_bytes = if recipients.is_empty() {
        compress(plain, &mut output)?
    } else {
        let mut encrypted = recipients.encryptor()?.wrap_output(&mut output)?;
        let plain_bytes = compress(plain, &mut encrypted)?;
        encrypted.finish()?;
        plain_bytes
    };
    output.finish(plain_bytes)
}

fn compress(plain: &mut PlainChunks, mut target: impl Write) -> io::Result<u64> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    let mut frame = vec![0; zstd::zstd_safe::compress_bound(PLAIN_CHUNK)];
    let mut plain_bytes = 0;
    while let Some(chunk) = plain.chunks.blocking_recv() {
        let mut chunk = chunk.map_err(|()| io::Error::other("the source failed"))?;
        plain_bytes += chunk.len() as u64;
        // A single row may be longer than a chunk.
        for piece in chunk.chunks(PLAIN_CHUNK) {
            let length = compressor.compress_to_buffer(piece, &mut frame[..])?;
            target.write_all(&frame[..length])?;
        }
        chunk.clear();
        // The source may have ended already.
        let _ = plain.emptied.try_send(chunk);
    }
    if plain_bytes == 0 {
        // An empty file could not be distinguished from a truncated one.
        let length = compressor.compress_to_buffer(&[], &mut frame[..])?;
        target.write_all(&frame[..length])?;
    }
    Ok(plain_bytes)
}

/// The end of the encoder: hashes, counts and passes on. When dropped before `finish`, it makes the
/// store discard the file.
struct EncodedWriter {
    finished: bool,
    stored: Sender<io::Result<Bytes>>,
    chunk: BytesMut,
    hasher: blake3::Hasher,
    stored_bytes: u64,
}

impl EncodedWriter {
    fn new(stored: Sender<io::Result<Bytes>>) -> Self {
        let chunk = BytesMut::with_capacity(STORED_CHUNK);
        Self { finished: false, stored, chunk, hasher: blake3::Hasher::new(), stored_bytes: 0 }
    }

    fn send_chunk(&mut self) -> io::Result<()> {
        let chunk = self.chunk.split().freeze();
        self.hasher.update(&chunk);
        self.stored_bytes += chunk.len() as u64;
        self.stored.blocking_send(Ok(chunk)).map_err(|_| io::Error::other("the store stopped reading"))?;
        self.chunk.reserve(STORED_CHUNK);
        Ok(())
    }

    fn finish(mut self, plain_bytes: u64) -> io::Result<StoredFile> {
        if !self.chunk.is_empty() {
            self.send_chunk()?;
        }
        self.finished = true;
        let blake3 = self.hasher.finalize().to_hex().to_string();
        Ok(StoredFile { plain_bytes, stored_bytes: self.stored_bytes, blake3 })
    }
}

impl Drop for EncodedWriter {
    fn drop(&mut self) {
        if !self.finished {
            // A closed channel means that the store has failed already.
            let _ = self.stored.blocking_send(Err(io::Error::other("the stream was aborted")));
        }
    }
}

impl Write for EncodedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(STORED_CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == STORED_CHUNK {
            self.send_chunk()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How thoroughly a file is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The stored bytes: size and hash.
    Stored,
    /// The decoded bytes as well: the checksum of zstd, the authentication of age, the plain size.
    Decoded,
}

/// The plain bytes of a file. The stream ends with an error unless every stored byte matches the
/// manifest, so the content is only reliable when it was read to the end without an error.
pub fn read_file(
    store: &Store,
    path: String,
    file: &FileEntry,
    identities: Option<&Identities>,
    depth: Depth,
) -> Receiver<Result<Bytes>> {
    let (sender, plain) = mpsc::channel(PLAIN_CHUNKS);
    let (store, file, identities) = (store.clone(), file.clone(), identities.cloned());
    tokio::spawn(async move {
        let output = sender.clone();
        if let Err(error) = check(store, path, file, identities, depth, output).await {
            // A reader that is gone has its own reason.
            let _ = sender.send(Err(error)).await;
        }
    });
    plain
}

/// Plain bytes in a temporary file, for programs that cannot read a stream.
///
/// # Errors
/// When the stream or the disk fails.
pub(crate) async fn on_disk(mut plain: Receiver<Result<Bytes>>) -> Result<NamedTempFile> {
    let mut file =
        NamedTempFile::new().context("creating a temporary file; set TMPDIR to a writable folder")?;
    while let Some(chunk) = plain.recv().await {
        file.write_all(&chunk?).context("writing a temporary file")?;
    }
    file.flush().context("writing a temporary file")?;
    Ok(file)
}

async fn check(
    store: Store,
    path: String,
    file: FileEntry,
    identities: Option<Identities>,
    depth: Depth,
    output: Sender<Result<Bytes>>,
) -> Result<()> {
    let location = format!("{}/{path}", store.location());
    let Some(chunks) = store.get_stream(&path).await? else {
        return Err(damaged(&location, "it is missing"));
    };
    let (stored_sender, stored) = mpsc::channel::<Result<Bytes, ()>>(STORED_CHUNKS);
    let decoding = spawn_blocking(move || match depth {
        Depth::Stored => Ok(None),
        Depth::Decoded => decode(stored, identities.as_ref(), &output).map(Some),
    });
    let hashed = hash(chunks, stored_sender).await;
    let decoded = decoding.await.context("the thread that decompresses panicked")?;
    // A wrong hash explains an error of the decoder, so it is reported first.
    let (stored_bytes, blake3) = hashed?;
    if stored_bytes != file.stored_bytes {
        let wrong = format!("it has {stored_bytes} bytes instead of {}", file.stored_bytes);
        return Err(damaged(&location, &wrong));
    }
    if blake3 != file.blake3 {
        return Err(damaged(&location, "its bytes are not the ones that were written: the hash differs"));
    }
    match decoded {
        Err(error) if error.is::<ReaderClosed>() => Ok(()),
        Err(error) if error.is::<squall_base::Failure>() => Err(error.context(format!("reading {location}"))),
        Err(error) => Err(damaged(&location, &format!("{error:#}"))),
        Ok(Some(plain_bytes)) if plain_bytes != file.plain_bytes => {
            let wrong = format!("it decodes to {plain_bytes} bytes instead of {}", file.plain_bytes);
            Err(damaged(&location, &wrong))
        }
        Ok(_) => Ok(()),
    }
}

async fn hash(
    mut chunks: impl Stream<Item = Result<Bytes>> + Unpin,
    decoder: Sender<Result<Bytes, ()>>,
) -> Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let mut stored_bytes = 0;
    let mut decoder = Some(decoder);
    while let Some(chunk) = chunks.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                if let Some(decoder) = decoder {
                    let _ = decoder.send(Err(())).await;
                }
                return Err(error);
            }
        };
        hasher.update(&chunk);
        stored_bytes += chunk.len() as u64;
        // The hash needs the rest even if the decoder has stopped with an error.
        if let Some(open) = &decoder
            && open.send(Ok(chunk)).await.is_err()
        {
            decoder = None;
        }
    }
    Ok((stored_bytes, hasher.finalize().to_hex().to_string()))
}

fn decode(
    stored: Receiver<Result<Bytes, ()>>,
    identities: Option<&Identities>,
    output: &Sender<Result<Bytes>>,
) -> Result<u64> {
    let input = BufReader::with_capacity(64 * 1024, EncodedReader { stored, chunk: Bytes::new() });
    match identities {
        None => decompress(input, output),
        Some(identities) => decompress(BufReader::new(identities.decrypt(input)?), output),
    }
}

fn decompress(source: impl io::BufRead, output: &Sender<Result<Bytes>>) -> Result<u64> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
    let mut plain_bytes = 0;
    loop {
        let mut chunk = Vec::with_capacity(PLAIN_CHUNK);
        (&mut decoder).take(PLAIN_CHUNK as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            return Ok(plain_bytes);
        }
        plain_bytes += chunk.len() as u64;
        output.blocking_send(Ok(chunk.into())).map_err(|_| anyhow!(ReaderClosed))?;
    }
}

/// The reader of the plain bytes is gone, for a reason of its own.
#[derive(Debug)]
struct ReaderClosed;

impl std::fmt::Display for ReaderClosed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the reader was closed")
    }
}

impl std::error::Error for ReaderClosed {}

/// The input of the decoder.
struct EncodedReader {
    stored: Receiver<Result<Bytes, ()>>,
    chunk: Bytes,
}

impl Read for EncodedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.stored.blocking_recv() {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(())) => return Err(io::Error::other("the store failed")),
                None => return Ok(0),
            }
        }
        let taken = buffer.len().min(self.chunk.len());
        buffer[..taken].copy_from_slice(&self.chunk.split_to(taken));
        Ok(taken)
    }
}

fn damaged(location: &str, wrong: &str) -> anyhow::Error {
    failure(
        format!("checking {location}"),
        wrong,
        "do not use this backup; choose another one, and find out what changed the file",
    )
}
