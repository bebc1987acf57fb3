//! The list of the data folder's files (`backup_manifest`) that pg_basebackup puts at the end of its tar. The next
//! increment needs it, long before anybody has the key of an encrypted base: so it is kept beside, as it is.

use crate::reader::ChunkReader;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use std::io::{self, Read};
use tokio::{sync::mpsc, task::spawn_blocking};

/// Its name in the tar.
const NAME: &str = "backup_manifest";
/// Chunks the reading thread may be behind.
const CHUNKS: usize = 4;

/// Hands on a tar as it comes and reads it on the way. The second value gives the list when the tar has ended.
pub fn read_on_the_way(
    tar: impl Stream<Item = Result<Bytes>>,
) -> (impl Stream<Item = Result<Bytes>>, impl Future<Output = Result<Vec<u8>>>) {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let reading = spawn_blocking(move || find(ChunkReader::new(chunks)));
    let handed_on = tar.then(move |chunk| {
        let sender = sender.clone();
        async move {
            if let Ok(chunk) = &chunk {
                // A reader that stumbled says why at its end; the copy goes on until then.
                let _ = sender.send(Ok(chunk.clone())).await;
            }
            chunk
        }
    });
    let list = async { reading.await.context("the thread that reads the tar died")? };
    (handed_on, list)
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
    // What follows the archive's end is padding; the sender must not find nobody there.
    io::copy(&mut tar, &mut io::sink()).context("reading the tar to its end")?;
    match list {
        Some(list) => Ok(list),
        None => bail!("pg_basebackup wrote no {NAME}: it is older than version 13, or was told not to"),
    }
}

/// A part of the write-ahead log, in bytes from its beginning.
#[derive(Debug, PartialEq, Eq)]
pub struct Log {
    pub timeline: u32,
    pub start: u64,
    /// The first byte after it.
    pub end: u64,
}

/// The part of the log that the list names: what the copied files need to be of one moment.
pub fn log(list: &[u8]) -> Result<Log> {
    let list: List = serde_json::from_slice(list).context("reading the list of files of pg_basebackup")?;
    let range = list.ranges.last().context("the list of files of pg_basebackup names no part of the log")?;
    let bytes = |text: &str| lsn(text).with_context(|| format!("{text:?} is no place in the log"));
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
#[allow(clippy::unwrap_used, reason = "a test may panic")]
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
        let (handed_on, list) = read_on_the_way(stream::iter(chunks));
        let whole: Vec<Bytes> = handed_on.try_collect().await.unwrap();
        (whole.concat(), list.await)
    }

    #[tokio::test]
    async fn the_list_is_found_however_the_tar_is_cut_and_the_tar_stays_as_it_is() {
        let tar = tar(&[("base/1/16384", 8192), ("global/pg_control", 100), (NAME, 3000)]);
        for chunk in [1, 511, 512, 4096, tar.len()] {
            let (whole, list) = through(&tar, chunk).await;
            assert!(whole == tar, "in chunks of {chunk}");
            assert_eq!(list.unwrap(), vec![b'x'; 3000], "in chunks of {chunk}");
        }
    }

    #[tokio::test]
    async fn a_tar_without_it_or_cut_off_is_an_error_after_the_last_chunk() {
        let whole = tar(&[("base/1/16384", 8192), (NAME, 3000)]);
        for (tar, wrong) in [(tar(&[("a", 1)]), "wrote no"), (whole[..9000].to_vec(), "reading the")] {
            let (handed_on, list) = through(&tar, 700).await;
            assert!(handed_on == tar);
            let said = format!("{:#}", list.unwrap_err());
            assert!(said.contains(wrong), "{said}");
        }
    }

    #[test]
    fn the_part_of_the_log_is_read_from_the_list() {
        let list = br#"{"PostgreSQL-Backup-Manifest-Version": 2, "System-Identifier": 7, "Files": [],
            "WAL-Ranges": [{"Timeline": 2, "Start-LSN": "1/E000028", "End-LSN": "1/F000000"}], "Manifest-Checksum": "x"}"#;
        assert_eq!(log(list).unwrap(), Log { timeline: 2, start: 0x1_0E00_0028, end: 0x1_0F00_0000 });
        for wrong in ["{}", r#"{"WAL-Ranges": []}"#, "x"] {
            assert!(log(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
