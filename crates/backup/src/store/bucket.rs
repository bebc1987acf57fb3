//! A bucket of an S3-compatible store. Requests are retried while the store answers 5xx or the
//! connection is lost; large streams are uploaded in parts ([`upload`]).

mod upload;

use super::Entry;
use crate::failure::failure;
use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    BackoffConfig, Error, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey},
    path::Path,
};
use std::{collections::BTreeMap, io, sync::Arc, time::Duration};
use tokio::sync::mpsc::Receiver;
use upload::{PartReader, SMALL_PART};

#[derive(Debug, Clone)]
pub struct Bucket {
    client: Arc<AmazonS3>,
    name: String,
    prefix: String,
}

impl Bucket {
    pub fn open(rest: &str, environment: &BTreeMap<String, String>) -> Result<Self> {
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(failure(
                "opening the bucket of the backups",
                "its address does not have the form s3://bucket/prefix",
                "put keys and the address of the server into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and \
                 AWS_ENDPOINT_URL instead",
            ));
        }
        let client = configure(name, environment)
            .build()
            .map_err(|error| failed(&format!("opening the bucket {name}"), error))?;
        Ok(Self {
            client: Arc::new(client),
            name: name.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }

    pub fn location(&self) -> String {
        let separator = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}{separator}{}", self.name, self.prefix)
    }

    pub async fn put_stream(&self, path: &str, chunks: Receiver<io::Result<Bytes>>) -> Result<()> {
        let tried = || format!("writing {}/{path}", self.location());
        let mut cutter = PartReader::new(chunks);
        let first = cutter.part(SMALL_PART).await.with_context(tried)?;
        let target = self.path(path);
        if first.len() < SMALL_PART {
            let put = self.client.put(&target, first.into()).await;
            return put.map(|_| ()).map_err(|error| failed(&tried(), error));
        }
        self.upload(&target, first, &mut cutter).await.map_err(|error| match error.downcast::<Error>() {
            Ok(refused) => failed(&tried(), refused),
            Err(other) => other.context(tried()),
        })
    }

    /// Aborts unfinished uploads that started before a time, and returns their number.
    pub async fn abandon_uploads(&self, started_before: DateTime<Utc>) -> Result<usize> {
        let tried = || format!("aborting unfinished uploads to {}", self.location());
        self.abandon(started_before).await.map_err(|error| match error.downcast::<Error>() {
            Ok(refused) => failed(&tried(), refused),
            Err(other) => other.context(tried()),
        })
    }

    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let Some(chunks) = self.get_stream(path).await? else { return Ok(None) };
        let content = chunks.try_fold(BytesMut::new(), |mut content, chunk| async move {
            content.extend_from_slice(&chunk);
            Ok(content)
        });
        Ok(Some(content.await?.freeze()))
    }

    pub async fn get_stream(&self, path: &str) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
        let tried = format!("reading {}/{path}", self.location());
        match self.client.get(&self.path(path)).await {
            Ok(found) => Ok(Some(found.into_stream().map_err(move |error| failed(&tried, error)).boxed())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&tried, error)),
        }
    }

    pub async fn prefixes(&self) -> Result<Vec<String>> {
        let root = self.path("");
        let listed = self.client.list_with_delimiter(Some(&root)).await;
        let listed = listed.map_err(|error| failed(&format!("listing {}", self.location()), error))?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        Ok(listed.common_prefixes.iter().filter_map(name).collect())
    }

    pub async fn list(&self, prefix: &str) -> Result<Vec<Entry>> {
        let below = self.path(prefix);
        let listed: Vec<_> = self
            .client
            .list(Some(&below))
            .try_collect()
            .await
            .map_err(|error| failed(&format!("listing {}", self.location()), error))?;
        let root = self.path("");
        let entries = listed.into_iter().map(|object| {
            let whole = object.location.to_string();
            let path = whole.strip_prefix(root.as_ref()).unwrap_or(&whole).trim_start_matches('/').to_owned();
            Entry { path, bytes: object.size, written_at: object.last_modified }
        });
        Ok(entries.collect())
    }

    pub async fn delete(&self, path: &str) -> Result<()> {
        match self.client.delete(&self.path(path)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&format!("removing {}/{path}", self.location()), error)),
        }
    }

    fn path(&self, path: &str) -> Path {
        Path::from(format!("{}/{path}", self.prefix))
    }
}

fn configure(bucket: &str, environment: &BTreeMap<String, String>) -> AmazonS3Builder {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(15),
        ..BackoffConfig::default()
    };
    // A store that is down for two minutes, for example for an update, must not fail a backup.
    let retry = RetryConfig { backoff, max_retries: 20, retry_timeout: Duration::from_secs(180) };
    let mut builder = AmazonS3Builder::new();
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    builder.with_bucket_name(bucket).with_retry(retry)
}

fn failed(tried: &str, error: Error) -> anyhow::Error {
    let wrong = error.to_string();
    let is_absent = wrong.contains("NoSuchBucket");
    let is_denied = ["401 Unauthorized", "403 Forbidden"].iter().any(|status| wrong.contains(status));
    let next = match &error {
        _ if is_denied => "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the permissions of this key",
        _ if is_absent => "create the bucket, or check its name and AWS_ENDPOINT_URL",
        _ => {
            "check that the store is running and reachable (AWS_ENDPOINT_URL, AWS_REGION; AWS_ALLOW_HTTP=true for \
             http://), then run the command again"
        }
    };
    failure(tried, wrong, next)
}
