//! Streams return the bytes that were written, in chunks of any size, and leave nothing behind when
//! they fail.

use age::secrecy::ExposeSecret;
use anyhow::anyhow;
use bytes::Bytes;
use futures_util::stream;
use proptest::prelude::*;
use squall_backup::{
    keys::{Identities, Recipients},
    manifest::{FileEntry, FileKind},
    store::Store,
    stream::{Depth, Stop, StoredFile, read_file, write_file},
};

fn entry(sealed: StoredFile) -> FileEntry {
    let StoredFile { plain_bytes, stored_bytes, blake3 } = sealed;
    FileEntry { name: "file".to_owned(), kind: FileKind::Data, plain_bytes, stored_bytes, blake3 }
}

fn store(folder: &tempfile::TempDir) -> Store {
    Store::open(folder.path().to_str().unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out(
        chunks in prop::collection::vec((any::<u8>(), 0..400_000_usize, any::<bool>()), 0..6),
        encrypted in any::<bool>(),
    ) {
        let plain: Vec<Vec<u8>> = chunks.into_iter().map(|(seed, length, repeats)| {
            let mut bytes = vec![seed; length];
            if !repeats {
                blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
            }
            bytes
        }).collect();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let came_out = runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let key = age::x25519::Identity::generate();
            let recipients = if encrypted { vec![key.to_public().to_string()] } else { Vec::new() };
            let recipients = Recipients::parse(&recipients, None).unwrap();
            let keys = Identities::parse(key.to_string().expose_secret()).unwrap();
            let source = stream::iter(plain.clone().into_iter().map(|chunk| Ok(Bytes::from(chunk))));
            let sealed = write_file(&store(&folder), "x/file", source, &recipients, &Stop::default(), |_| {}).await.unwrap();
            let keys = encrypted.then_some(&keys);
            let mut chunks = read_file(&store(&folder), "x/file".to_owned(), &entry(sealed), keys, Depth::Decoded);
            let mut came_out = Vec::new();
            while let Some(chunk) = chunks.recv().await {
                came_out.extend_from_slice(&chunk.unwrap());
            }
            came_out
        });
        prop_assert!(came_out == plain.concat());
    }
}

#[tokio::test]
async fn a_source_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let chunks = (0..9).map(|number| {
        if number < 8 { Ok(Bytes::from(vec![number; 300_000])) } else { Err(anyhow!("the end is missing")) }
    });
    let (recipients, stop) = (Recipients::default(), Stop::default());
    let error = write_file(&store(&folder), "x/file", stream::iter(chunks), &recipients, &stop, |_| {})
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the end is missing");
    assert!(store(&folder).list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stop_ends_a_source_that_never_ends() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let endless = stream::unfold((), |()| async {
        tokio::task::yield_now().await;
        Some((Ok(Bytes::from_static(b"again and again")), ()))
    });
    let ticks = std::sync::atomic::AtomicU64::new(0);
    let tick = |_| {
        if ticks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 2 {
            stop.request();
        }
    };
    assert!(
        write_file(&store(&folder), "x/file", endless, &Recipients::default(), &stop, tick).await.is_err()
    );
    assert!(store(&folder).list("").await.unwrap().is_empty());
}
