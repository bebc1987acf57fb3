//! How bytes travel: plain bytes → zstd → age, if asked for → BLAKE3 and size → store; and all the way back.
//!
//! Each stage hands chunks to the next over a short channel, so that memory stays bounded however large
//! the database is. Compressing and hashing run on a thread of their own beside the network.

use crate::{
    failure::{Failure, GivenUp},
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

/// Level 1: several times faster than the network or a disk, and smaller than gzip at its default.
const LEVEL: i32 = 1;
/// Rows are gathered to this size, so that handing on costs nothing beside compressing, and a zstd frame is made of
/// each: what lies in one piece is searched faster than the ring in which zstd keeps the window of a stream.
const PLAIN_CHUNK: usize = 1024 * 1024;
const STORED_CHUNK: usize = 1024 * 1024;
/// Chunks between two stages: 4 MB of plain bytes and 4 MB of stored ones at most.
const PLAIN_CHUNKS: usize = 4;
const STORED_CHUNKS: usize = 4;

/// What became of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Bytes that went in.
    pub plain_bytes: u64,
    /// Bytes in the store.
    pub stored_bytes: u64,
    /// The BLAKE3 of the stored bytes.
    pub blake3: String,
}

impl Sealed {
    /// The file it became, for a manifest.
    pub(crate) fn entry(self, name: &str, kind: FileKind) -> FileEntry {
        let Self { plain_bytes, stored_bytes, blake3 } = self;
        FileEntry { name: name.to_owned(), kind, plain_bytes, stored_bytes, blake3 }
    }
}

/// Tells all work of a command to stop, as a part of it failed or the user asked for it.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Asks for it.
    pub fn ask(&self) {
        self.0.cancel();
    }

    /// Whether it was asked for.
    pub fn is_asked(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it was asked for.
    pub async fn asked(&self) {
        self.0.cancelled().await;
    }

    /// Does the work, unless it is asked to stop before its end.
    ///
    /// # Errors
    /// Those of the work, and [`GivenUp`].
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => Err(GivenUp.into()),
            done = work => done,
        }
    }
}

/// Sends plain bytes through all stages to a path of the store. `tick` hears of every chunk.
///
/// # Errors
/// When the source, a stage or the store fails. Nothing is left at the path then.
pub async fn seal(
    store: &Store,
    path: &str,
    source: impl Stream<Item = Result<Bytes>>,
    recipients: &Recipients,
    stop: &Stop,
    tick: impl Fn(u64),
) -> Result<Sealed> {
    let (plain_sender, plain) = mpsc::channel(PLAIN_CHUNKS);
    let (emptied, empty) = mpsc::channel(PLAIN_CHUNKS);
    let (stored_sender, stored) = mpsc::channel(STORED_CHUNKS);
    let recipients = recipients.clone();
    let encoding =
        spawn_blocking(move || encode(&mut Plain { chunks: plain, emptied }, stored_sender, &recipients));
    // All three run to their end, so that a failed upload is aborted and not just forgotten.
    let (fed, encoded, put) =
        tokio::join!(feed(source, plain_sender, empty, stop, tick), encoding, store.put_stream(path, stored));
    fed?;
    put?;
    encoded.context("the thread that compresses died")?.context("compressing")
}

/// What is to be compressed. Used chunks go back to be filled again: memory that is asked for and given back by the
/// megabyte costs as much as reading the rows.
struct Plain {
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
    let mut gathered = Vec::new();
    loop {
        // A row is there already, mostly: listening for a stop at each of them would cost as much as copying it.
        let next = match source.next().now_or_never() {
            Some(ready) => ready,
            None => {
                stop.or(async { Ok(source.next().await) }).await.unwrap_or_else(|stopped| Some(Err(stopped)))
            }
        };
        match next {
            Some(Ok(chunk)) => gathered.extend_from_slice(&chunk),
            Some(Err(error)) => {
                // Without this mark the encoder would take the end of the channel for the end of the data.
                let _ = sender.send(Err(())).await;
                return Err(error);
            }
            None if gathered.is_empty() => return Ok(()),
            None => {
                let _ = sender.send(Ok(gathered)).await;
                return Ok(());
            }
        }
        if gathered.len() >= PLAIN_CHUNK {
            if stop.is_asked() {
                let _ = sender.send(Err(())).await;
                return Err(GivenUp.into());
            }
            tick(gathered.len() as u64);
            if sender.send(Ok(gathered)).await.is_err() {
                // A later stage failed and says why.
                return Ok(());
            }
            gathered = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(PLAIN_CHUNK + PLAIN_CHUNK / 8));
        }
    }
}

fn encode(
    plain: &mut Plain,
    stored: Sender<io::Result<Bytes>>,
    recipients: &Recipients,
) -> io::Result<Sealed> {
    let mut outlet = Outlet::new(stored);
    let plain_bytes = if recipients.is_empty() {
        compress(plain, &mut outlet)?
    } else {
        let mut encrypted = recipients.encryptor()?.wrap_output(&mut outlet)?;
        let plain_bytes = compress(plain, &mut encrypted)?;
        encrypted.finish()?;
        plain_bytes
    };
    outlet.finish(plain_bytes)
}

fn compress(plain: &mut Plain, mut target: impl Write) -> io::Result<u64> {
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
        // Whoever filled it may have ended meanwhile.
        let _ = plain.emptied.try_send(chunk);
    }
    if plain_bytes == 0 {
        // A file without a frame could not be told from one that was cut.
        let length = compressor.compress_to_buffer(&[], &mut frame[..])?;
        target.write_all(&frame[..length])?;
    }
    Ok(plain_bytes)
}

/// The end of the encoder: hashes, counts and hands on. Dropped unfinished it tells the store to forget the file.
struct Outlet {
    finished: bool,
    stored: Sender<io::Result<Bytes>>,
    chunk: BytesMut,
    hasher: blake3::Hasher,
    stored_bytes: u64,
}

impl Outlet {
    fn new(stored: Sender<io::Result<Bytes>>) -> Self {
        let chunk = BytesMut::with_capacity(STORED_CHUNK);
        Self { finished: false, stored, chunk, hasher: blake3::Hasher::new(), stored_bytes: 0 }
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let chunk = self.chunk.split().freeze();
        self.hasher.update(&chunk);
        self.stored_bytes += chunk.len() as u64;
        self.stored.blocking_send(Ok(chunk)).map_err(|_| io::Error::other("the store took no more"))?;
        self.chunk.reserve(STORED_CHUNK);
        Ok(())
    }

    fn finish(mut self, plain_bytes: u64) -> io::Result<Sealed> {
        if !self.chunk.is_empty() {
            self.hand_on()?;
        }
        self.finished = true;
        let blake3 = self.hasher.finalize().to_hex().to_string();
        Ok(Sealed { plain_bytes, stored_bytes: self.stored_bytes, blake3 })
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if !self.finished {
            // When nobody listens the store has failed already.
            let _ = self.stored.blocking_send(Err(io::Error::other("the stream was given up")));
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(STORED_CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == STORED_CHUNK {
            self.hand_on()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How far a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its stored bytes: size and hash.
    Stored,
    /// Decoded as well: the checksum of zstd, the seal of age, the plain size.
    Decoded,
}

/// The plain bytes of a file. They end with an error unless every stored byte was as the manifest says,
/// so whoever reads to the end without one has read the truth; until then nothing may be relied on.
pub fn unseal(
    store: &Store,
    path: String,
    file: &FileEntry,
    identities: Option<&Identities>,
    depth: Depth,
) -> Receiver<Result<Bytes>> {
    let (sender, plain) = mpsc::channel(PLAIN_CHUNKS);
    let (store, file, identities) = (store.clone(), file.clone(), identities.cloned());
    tokio::spawn(async move {
        let outlet = sender.clone();
        if let Err(error) = check(store, path, file, identities, depth, outlet).await {
            // A reader that went away has its own reason.
            let _ = sender.send(Err(error)).await;
        }
    });
    plain
}

/// Plain bytes in a temporary file, for a program that reads no stream.
///
/// # Errors
/// When the stream or the disk fails.
pub(crate) async fn on_disk(mut plain: Receiver<Result<Bytes>>) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()
        .context("making a temporary file. Set TMPDIR to a folder that can be written to")?;
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
    outlet: Sender<Result<Bytes>>,
) -> Result<()> {
    let place = format!("{}/{path}", store.location());
    let Some(chunks) = store.get_stream(&path).await? else { return Err(damaged(&place, "it is missing")) };
    let (stored_sender, stored) = mpsc::channel::<Result<Bytes, ()>>(STORED_CHUNKS);
    let decoding = spawn_blocking(move || match depth {
        Depth::Stored => Ok(None),
        Depth::Decoded => decode(stored, identities.as_ref(), &outlet).map(Some),
    });
    let hashed = hash(chunks, stored_sender).await;
    let decoded = decoding.await.context("the thread that decompresses died")?;
    // A wrong hash explains what the decoder stumbled over, so it is told first.
    let (stored_bytes, blake3) = hashed?;
    if stored_bytes != file.stored_bytes {
        let wrong = format!("it has {stored_bytes} bytes instead of {}", file.stored_bytes);
        return Err(damaged(&place, &wrong));
    }
    if blake3 != file.blake3 {
        return Err(damaged(&place, "its bytes are not those that were written: the hash differs"));
    }
    match decoded {
        Err(error) if error.is::<ReaderLeft>() => Ok(()),
        Err(error) if error.is::<Failure>() => Err(error.context(format!("reading {place}"))),
        Err(error) => Err(damaged(&place, &format!("{error:#}"))),
        Ok(Some(plain_bytes)) if plain_bytes != file.plain_bytes => {
            let wrong = format!("it unpacks to {plain_bytes} bytes instead of {}", file.plain_bytes);
            Err(damaged(&place, &wrong))
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
        // A decoder that stopped has an opinion of its own; the hash needs the rest nevertheless.
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
    outlet: &Sender<Result<Bytes>>,
) -> Result<u64> {
    let inlet = BufReader::with_capacity(64 * 1024, Inlet { stored, chunk: Bytes::new() });
    match identities {
        None => decompress(inlet, outlet),
        Some(identities) => decompress(BufReader::new(identities.decrypt(inlet)?), outlet),
    }
}

fn decompress(source: impl io::BufRead, outlet: &Sender<Result<Bytes>>) -> Result<u64> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
    let mut plain_bytes = 0;
    loop {
        let mut chunk = Vec::with_capacity(PLAIN_CHUNK);
        (&mut decoder).take(PLAIN_CHUNK as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            return Ok(plain_bytes);
        }
        plain_bytes += chunk.len() as u64;
        outlet.blocking_send(Ok(chunk.into())).map_err(|_| anyhow!(ReaderLeft))?;
    }
}

/// The reader of the plain bytes went away; the reason is its own.
#[derive(Debug)]
struct ReaderLeft;

impl std::fmt::Display for ReaderLeft {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the reader left")
    }
}

impl std::error::Error for ReaderLeft {}

/// The beginning of the decoder.
struct Inlet {
    stored: Receiver<Result<Bytes, ()>>,
    chunk: Bytes,
}

impl Read for Inlet {
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

fn damaged(place: &str, wrong: &str) -> anyhow::Error {
    Failure::new(
        format!("checking {place}"),
        wrong,
        "do not use this backup: choose another one, and find out what changed the file",
    )
}
