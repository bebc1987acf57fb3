//! Sends batches to the API, retrying each until it is acknowledged.

use crate::event::Event;
use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Uri, body::Bytes, header, http::uri::PathAndQuery};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::time::Duration;

/// The first pause after a failure, doubled each time …
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// … up to this, which also limits `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A response takes one commit. An API that takes longer than this counts as unavailable.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The fastest level: the stream is small and repeats itself.
const ZSTD_LEVEL: i32 = 1;

/// Sends to one project of one API.
#[derive(Debug)]
pub(crate) struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    key: String,
}

/// The outcome of one attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The batch was processed; some events may have been rejected, with this response.
    Accepted(Option<String>),
    /// The API is unavailable, busy or does not know the key yet; it may have set `Retry-After`.
    Retry(String, Option<Duration>),
    /// The batch will never be accepted.
    Refused(String),
}

impl Sender {
    pub(crate) fn new(api: &Uri, key: &str) -> Result<Self> {
        let mut parts = api.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_static("/api/v1/ingest"));
        let url = Uri::from_parts(parts).context("reading --api")?;
        Ok(Self { client: Client::builder(TokioExecutor::new()).build_http(), url, key: key.to_owned() })
    }

    /// Sends `events` and returns when they are accepted, however long the API is unavailable.
    pub(crate) async fn deliver(&self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let lines: String = events.iter().map(|event| format!("{}\n", event.to_json())).collect();
        match zstd::encode_all(lines.as_bytes(), ZSTD_LEVEL) {
            Ok(body) => {
                let body = Bytes::from(body);
                persist(async || self.send(body.clone()).await).await
            }
            Err(error) => tracing::error!(error = %error, "Could not compress a batch; skipping it."),
        }
    }

    async fn send(&self, body: Bytes) -> Outcome {
        match tokio::time::timeout(TIMEOUT, self.request(body)).await {
            Ok(Ok((status, retry_after, body))) => judge(status, retry_after, &body),
            Ok(Err(error)) => Outcome::Retry(format!("{error:#}"), None),
            Err(_) => Outcome::Retry(format!("no response after {} s", TIMEOUT.as_secs()), None),
        }
    }

    /// Returns the status, the seconds of `Retry-After` and the body.
    async fn request(&self, body: Bytes) -> Result<(StatusCode, Option<Duration>, String)> {
        let request = Request::post(self.url.clone())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header(header::CONTENT_ENCODING, "zstd")
            .body(Full::new(body))?;
        let response = self.client.request(request).await?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        // The body only explains. If the connection breaks here, the status still counts.
        let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok((status, retry_after.map(Duration::from_secs), body))
    }
}

/// Whether to retry depends on the status.
fn judge(status: StatusCode, retry_after: Option<Duration>, body: &str) -> Outcome {
    let response = || format!("{status}: {}", body.chars().take(500).collect::<String>());
    match status {
        StatusCode::ACCEPTED | StatusCode::OK => {
            let summary: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            let rejected = summary["rejected_total"].as_u64().unwrap_or_default();
            Outcome::Accepted((rejected > 0).then(response))
        }
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN => Outcome::Retry(response(), retry_after),
        _ if status.is_server_error() => Outcome::Retry(response(), retry_after),
        _ => Outcome::Refused(response()),
    }
}

/// Attempts until the batch is taken or refused; says once when trouble begins and once when it is over.
async fn persist(mut attempt: impl AsyncFnMut() -> Outcome) {
    let mut failures = 0;
    loop {
        match attempt().await {
            Outcome::Accepted(rejected) => {
                if failures > 0 {
                    tracing::info!(failures, "The API accepts events again.");
                }
                if let Some(response) = rejected {
                    tracing::warn!(response, "The API rejected some of the demo's events.");
                }
                return;
            }
            Outcome::Refused(response) => {
                tracing::error!(response, "The API refused a batch; skipping it.");
                return;
            }
            Outcome::Retry(reason, retry_after) => {
                if failures == 0 {
                    tracing::warn!(reason, "The API does not accept events; retrying.");
                }
                tokio::time::sleep(pause(failures, retry_after)).await;
                failures += 1;
            }
        }
    }
}

/// How long to wait after `failures` earlier failures of the same batch.
fn pause(failures: u32, retry_after: Option<Duration>) -> Duration {
    let backoff = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(failures.min(16)));
    retry_after.unwrap_or(backoff).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[test]
    fn pauses_double_up_to_a_limit_and_retry_after_wins() {
        for (failures, retry_after, seconds) in [
            (0, None, 0.5),
            (1, None, 1.0),
            (3, None, 4.0),
            (60, None, 30.0),
            (0, Some(7), 7.0),
            (9, Some(2), 2.0),
            (0, Some(9999), 30.0),
        ] {
            let waited = pause(failures, retry_after.map(Duration::from_secs));
            assert_eq!(waited, Duration::from_secs_f64(seconds), "{failures} {retry_after:?}");
        }
    }

    #[test]
    fn only_a_response_that_may_change_is_retried() {
        let seven = Some(Duration::from_secs(7));
        for (status, body, expected) in [
            (202, r#"{"accepted":3,"rejected":[],"rejected_total":0}"#, "accepted"),
            (202, r#"{"accepted":2,"rejected":[],"rejected_total":1}"#, "accepted, some rejected"),
            (429, "", "retry"),
            (503, "", "retry"),
            (502, "", "retry"),
            (401, "", "retry"),
            (400, "", "refused"),
            (413, "", "refused"),
        ] {
            let found = match judge(StatusCode::from_u16(status).unwrap(), seven, body) {
                Outcome::Accepted(None) => "accepted",
                Outcome::Accepted(Some(_)) => "accepted, some rejected",
                Outcome::Retry(_, wait) if wait == seven => "retry",
                Outcome::Retry(..) => "retry, without the wait",
                Outcome::Refused(_) => "refused",
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_retried_until_it_is_accepted() {
        let began = Instant::now();
        let mut outcomes = [
            Outcome::Retry("unavailable".into(), None),
            Outcome::Retry("503".into(), Some(Duration::from_secs(7))),
            Outcome::Accepted(None),
        ]
        .into_iter();
        persist(async || outcomes.next().unwrap()).await;
        assert_eq!((outcomes.next(), began.elapsed().as_millis()), (None, 7_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_batch_is_not_retried() {
        let mut outcomes = [Outcome::Refused("400".into())].into_iter();
        persist(async || outcomes.next().unwrap()).await;
    }
}
