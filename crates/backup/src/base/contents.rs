//! The list of files (`backup_manifest`) at the end of the tar of pg_basebackup. The next increment
//! needs it without the key of an encrypted base, so it is stored separately and unencrypted.

use crate::reader::ChunkReader;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use std::io::{self, Read};
use tokio::{sync::mpsc, task::spawn_blocking};

/// Its name in the tar.
const NAME: &str = "backup_manifest";
/// How many chunks the reading thread may lag behind.
const CHUNKS: usize = 4;

/// Passes a tar through unchanged and reads it at the same time. The second value is the list, once
/// the tar has ended.
pub fn tee(
    tar: impl Stream<Item = Result<Bytes>>,
) -> (impl Stream<Item = Result<Bytes>>, impl Future<Output = Result<Vec<u8>>>) {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let reading = spawn_blocking(move || find(ChunkReader::new(chunks)));
    let passed_through = tar.then(move |chunk| {
        let sender = sender.clone();
        async move {
            if let Ok(chunk) = &chunk {
                // A reader that failed reports the reason at its end; the copy continues until
                // then.
                let _ = sender.send(Ok(chunk.clone())).await;
            }
            chunk
        }
    });
    let list = async { reading.await.context("the thread that reads the tar panicked")? };
    (passed_through, list)
}

fn find(mut tar: impl Read) -> Result<Vec<u8>> {
    let mut list = None;
    for entry in tar::Archive::new(&mut tar).entries().context("reading the tar of pg_basebackup")? {
        let mut entry = entry.context("reading the tar of pg_basebackup")?;
        if entry.path_bytes().as_ref() == NAME.as_bytes() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).context("reading the list of files in the tar")?;
            list = Some(content);
        }
    }
    // Padding follows the end of the archive; the sender needs a receiver for it.
    io::copy(&mut tar, &mut io::sink()).context("reading the tar to its end")?;
    match list {
        Some(list) => Ok(list),
        None => bail!("pg_basebackup wrote no {NAME}; PostgreSQL 13 or newer writes it"),
    }
}

/// A range of the write-ahead log, in bytes from its start.
#[derive(Debug, PartialEq, Eq)]
pub struct Log {
    pub timeline: u32,
    pub start: u64,
    /// Exclusive.
    pub end: u64,
}

/// The range of the log in the list: replaying it makes the copied files consistent.
pub fn log(list: &[u8]) -> Result<Log> {
    let list: List = serde_json::from_slice(list).context("reading the list of files of pg_basebackup")?;
    let range = list.ranges.last().context("the list of files of pg_basebackup has no range of the log")?;
    let bytes = |text: &str| lsn(text).with_context(|| format!("{text:?} is not a position in the log"));
    Ok(Log { timeline: range.timeline, start: bytes(&range.start)?, end: bytes(&range.end)? })
}

/// `0/E000028`: two halves of 32 bits.
fn lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some((u64::from_str_radix(high, 16).ok()? << 32) + u64::from_str_radix(low, 16).ok()?)
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "WAL-Ranges")]
    ranges: Vec<Range>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Range {
    timeline: u32,
    #[serde(rename = "Start-LSN")]
    start: String,
    #[serde(rename = "End-LSN")]
    end: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{TryStreamExt, stream};

    fn tar(files: &[(&str, usize)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(*bytes as u64);
            tar.append_data(&mut header, name, io::repeat(b'x').take(*bytes as u64)).unwrap();
        }
        tar.into_inner().unwrap()
    }

    async fn through(tar: &[u8], chunk: usize) -> (Vec<u8>, Result<Vec<u8>>) {
        let chunks: Vec<_> = tar.chunks(chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        let (passed_through, list) = tee(stream::iter(chunks));
        let whole: Vec<Bytes> = passed_through.try_collect().await.unwrap();
        (whole.concat(), list.await)
    }

    #[tokio::test]
    async fn the_list_is_found_in_chunks_of_any_size_and_the_tar_is_unchanged() {
        let tar = tar(&[("base/1/16384", 8192), ("global/pg_control", 100), (NAME, 3000)]);
        for chunk in [1, 511, 512, 4096, tar.len()] {
            let (whole, list) = through(&tar, chunk).await;
            assert!(whole == tar, "in chunks of {chunk}");
            assert_eq!(list.unwrap(), vec![b'x'; 3000], "in chunks of {chunk}");
        }
    }

    #[tokio::test]
    async fn a_tar_without_a_list_or_cut_short_is_an_error_after_the_last_chunk() {
        let whole = tar(&[("base/1/16384", 8192), (NAME, 3000)]);
        for (tar, wrong) in [(tar(&[("a", 1)]), "wrote no"), (whole[..9000].to_vec(), "reading the")] {
            let (passed_through, list) = through(&tar, 700).await;
            assert!(passed_through == tar);
            let error = format!("{:#}", list.unwrap_err());
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn the_range_of_the_log_is_read_from_the_list() {
        let list = br#"{"PostgreSQL-Backup-Manifest-Version": 2, "System-Identifier": 7, "Files": [],
            "WAL-Ranges": [{"Timeline": 2, "Start-LSN": "1/E000028", "End-LSN": "1/F000000"}], "Manifest-Checksum": "x"}"#;
        assert_eq!(log(list).unwrap(), Log { timeline: 2, start: 0x1_0E00_0028, end: 0x1_0F00_0000 });
        for wrong in ["{}", r#"{"WAL-Ranges": []}"#, "x"] {
            assert!(log(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
