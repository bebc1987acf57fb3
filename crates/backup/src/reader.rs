//! A channel of chunks as a blocking reader.

use anyhow::Result;
use bytes::Bytes;
use std::io::{self, Read};
use tokio::sync::mpsc::Receiver;

/// An error in the channel becomes an error of the reader with the same message.
pub struct ChunkReader {
    chunks: Receiver<Result<Bytes>>,
    chunk: Bytes,
}

impl ChunkReader {
    /// Reads these chunks.
    pub fn new(chunks: Receiver<Result<Bytes>>) -> Self {
        Self { chunks, chunk: Bytes::new() }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Err(io::Error::other(format!("{error:#}"))),
                None => return Ok(0),
            }
        }
        let taken = buffer.len().min(self.chunk.len());
        buffer[..taken].copy_from_slice(&self.chunk.split_to(taken));
        Ok(taken)
    }
}
