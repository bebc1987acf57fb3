//! Backups in a bucket of a real S3 server, which sometimes answers 500.

use crate::support::World;
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use s3s::{
    Body, HttpError,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use squall_backup::{
    keys::{Identities, Recipients},
    list::{choose, list},
    manifest::SEAL,
    progress::Progress,
    prune::{Policy, prune},
    restore::Target,
    store::Store,
    verify::verify,
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc};

const KEY: &str = "AKIDTESTTESTTEST";
const SECRET: &str = "very-secret-word";

/// An S3 server over a folder.
struct Bucket {
    folder: TempDir,
    environment: BTreeMap<String, String>,
    /// How many of the next requests are answered with 500.
    failures: Arc<AtomicUsize>,
}

impl Bucket {
    async fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("safe")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let failures = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let left = failures.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (service, left) = (service.clone(), left.clone());
                let answer = service_fn(move |request| answer(service.clone(), left.clone(), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
            }
        });
        let environment = [
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { folder, environment, failures }
    }

    fn store(&self) -> Store {
        Store::open_with("s3://safe/deep/prefix", &self.environment).unwrap()
    }

    /// Every file of the server, including parts of uploads but not its metadata, which outlives
    /// the objects.
    fn all_files(&self) -> Vec<PathBuf> {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for child in fs::read_dir(folder).unwrap() {
                let path = child.unwrap().path();
                match path.file_name().unwrap().to_str().unwrap().starts_with(".bucket-") {
                    _ if path.is_dir() => folders.push(path),
                    true => {}
                    false => files.push(path),
                }
            }
        }
        files
    }
}

async fn answer(
    service: S3Service,
    left: Arc<AtomicUsize>,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if fails {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return Ok(refused);
    }
    hyper::service::Service::call(&service, request).await
}

#[tokio::test]
async fn a_backup_in_a_bucket_is_restored_although_the_server_sometimes_fails() {
    let (world, bucket) = (World::filled().await, Bucket::serve().await);
    let store = bucket.store();
    bucket.failures.store(4, Ordering::SeqCst);
    let manifest = world.create_in(&store, &Recipients::default()).await.unwrap();
    assert_eq!(bucket.failures.load(Ordering::SeqCst), 0, "the server did fail");

    bucket.failures.store(3, Ordering::SeqCst);
    assert_eq!(choose(&store, "latest").await.unwrap().id, manifest.id);
    verify(&store, &manifest.id, &Identities::default(), &Progress::hidden()).await.unwrap();
    bucket.failures.store(3, Ordering::SeqCst);
    let target = Target::Into(world.other("restored"));
    world.restore_from(&store, &manifest, &target, &Identities::default()).await.unwrap();

    let nothing = Policy { daily: 0, weekly: 0, monthly: 0 };
    let second = world.create_in(&store, &Recipients::default()).await.unwrap();
    bucket.failures.store(3, Ordering::SeqCst);
    prune(&store, nothing, false, chrono::Utc::now()).await.unwrap();
    let left: Vec<_> = list(&store).await.unwrap().0.into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, [second.id.max(manifest.id)]);
}

#[tokio::test]
async fn a_large_file_is_uploaded_in_parts_and_a_failed_upload_leaves_none() {
    let bucket = Bucket::serve().await;
    let store = bucket.store();
    let chunk = |number: u8| bytes::Bytes::from(vec![number; 1_000_000]);

    let (sender, chunks) = mpsc::channel(2);
    let sending = async move {
        for number in 0..30 {
            sender.send(Ok(chunk(number))).await.unwrap();
        }
    };
    bucket.failures.store(2, Ordering::SeqCst);
    let (put, ()) = tokio::join!(store.put_stream("x/large", chunks), sending);
    put.unwrap();
    let whole = store.get("x/large").await.unwrap().unwrap();
    assert_eq!(whole.len(), 30_000_000);
    assert!((0..30).all(|number| whole[number * 1_000_000] == u8::try_from(number).unwrap()));
    store.delete("x/large").await.unwrap();

    let before = bucket.all_files();
    let (sender, chunks) = mpsc::channel(2);
    let sending = async move {
        for number in 0..20 {
            sender.send(Ok(chunk(number))).await.unwrap();
        }
        sender.send(Err(io::Error::other("the source failed"))).await.unwrap();
    };
    let (put, ()) = tokio::join!(store.put_stream("x/large", chunks), sending);
    assert!(format!("{:#}", put.unwrap_err()).contains("the source failed"));
    assert!(store.get("x/large").await.unwrap().is_none());
    assert_eq!(bucket.all_files(), before, "the uploaded parts are gone");
}

#[tokio::test]
async fn parts_of_an_upload_whose_process_was_killed_are_removed_by_a_later_one() {
    let bucket = Bucket::serve().await;
    let store = bucket.store();
    let before = bucket.all_files();
    let (sender, chunks) = mpsc::channel(2);
    let killed = {
        let store = store.clone();
        tokio::spawn(async move { store.put_stream("x/large", chunks).await })
    };
    for _ in 0..70 {
        // Parts of 8 MB, four in parallel: when chunk 70 was accepted, at least one part was
        // uploaded.
        sender.send(Ok(bytes::Bytes::from(vec![7; 1_000_000]))).await.unwrap();
    }
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());
    assert!(bucket.all_files() > before, "parts and the record exist");
    let started = chrono::Utc::now();
    assert_eq!(
        store.abandon_uploads(started - chrono::TimeDelta::hours(1)).await.unwrap(),
        0,
        "it may still be running"
    );
    assert!(bucket.all_files() > before);

    bucket.failures.store(2, Ordering::SeqCst);
    assert_eq!(store.abandon_uploads(started + chrono::TimeDelta::hours(1)).await.unwrap(), 1);
    assert_eq!(bucket.all_files(), before, "the parts and the record are gone");
}

#[tokio::test]
async fn a_damaged_file_in_a_bucket_is_found() {
    let (world, bucket) = (World::empty().await, Bucket::serve().await);
    let store = bucket.store();
    let manifest = world.create_in(&store, &Recipients::default()).await.unwrap();
    let path = bucket.folder.path().join("safe/deep/prefix").join(manifest.id.file("data.dump.zst"));
    let mut damaged = fs::read(&path).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&path, damaged).unwrap();
    let error = verify(&store, &manifest.id, &Identities::default(), &Progress::hidden()).await.unwrap_err();
    assert!(format!("{error:#}").contains("the hash differs"), "{error:#}");
    store.delete(&manifest.id.file(SEAL)).await.unwrap();
    assert_eq!(list(&store).await.unwrap().sealed().count(), 0);
}

#[tokio::test]
async fn errors_about_keys_and_buckets_name_what_to_check_and_no_secret() {
    let bucket = Bucket::serve().await;
    let mut environment = bucket.environment.clone();
    environment.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "another-secret-word".to_owned());
    let store = Store::open_with("s3://safe", &environment).unwrap();
    let error = format!("{:#}", list(&store).await.unwrap_err());
    assert!(error.contains("AWS_ACCESS_KEY_ID"), "{error}");
    assert!(!error.contains("secret-word"), "{error}");

    let store = Store::open_with("s3://missing", &bucket.environment).unwrap();
    let error = format!("{:#}", list(&store).await.unwrap_err());
    assert!(error.contains("bucket"), "{error}");
    for wrong in ["s3://", "s3://key:secret@safe", "ftp://x"] {
        let error = format!("{:#}", Store::open_with(wrong, &bucket.environment).unwrap_err());
        assert!(!error.contains("secret@"), "{error}");
    }
}
