//! Batches to the API, each until it is acknowledged.

use crate::event::Event;
use anyhow::{Context, Result};
use reqwest::{StatusCode, Url, header};
use std::time::Duration;

/// The first pause after a failure, doubled each time …
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// … up to this, which also bounds what `Retry-After` may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// An answer takes one commit; an API that needs longer than this is away.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The fastest level: the stream is small and repeats itself.
const ZSTD_LEVEL: i32 = 1;

/// The way to one project of one API.
#[derive(Debug)]
pub(crate) struct Sender {
    client: reqwest::Client,
    url: Url,
    key: String,
}

/// What became of one attempt.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Every event was taken, or rejected for good with this sentence.
    Taken(Option<String>),
    /// The API is away, busy or does not know the key (yet); it may have said how long to wait.
    Later(String, Option<Duration>),
    /// The batch can never be taken.
    Refused(String),
}

impl Sender {
    /// A sender with one connection, which it keeps.
    pub(crate) fn new(api: &Url, key: &str) -> Result<Self> {
        let url = api.join("/api/v1/ingest").context("reading --api")?;
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .context("making an HTTP client")?;
        Ok(Self { client, url, key: key.to_owned() })
    }

    /// Sends `events` and returns when they are taken, however long the API is away.
    pub(crate) async fn deliver(&self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let lines: String = events.iter().map(|event| format!("{}\n", event.to_json())).collect();
        match zstd::encode_all(lines.as_bytes(), ZSTD_LEVEL) {
            Ok(body) => persist(async || self.send(body.clone()).await).await,
            Err(error) => tracing::error!(error = %error, "A batch could not be compressed and is left out."),
        }
    }

    async fn send(&self, body: Vec<u8>) -> Answer {
        let request = self.client.post(self.url.clone()).bearer_auth(&self.key).body(body);
        let request = request
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header(header::CONTENT_ENCODING, "zstd");
        match request.send().await {
            Err(error) => Answer::Later(format!("{:#}", anyhow::Error::new(error)), None),
            Ok(response) => {
                let status = response.status();
                let retry_after = response.headers().get(header::RETRY_AFTER);
                let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
                // The body only explains; a connection that breaks here changes nothing about the status.
                let body = response.text().await.unwrap_or_default();
                judge(status, retry_after.map(Duration::from_secs), &body)
            }
        }
    }
}

/// What an answer of the API means for the batch.
fn judge(status: StatusCode, retry_after: Option<Duration>, body: &str) -> Answer {
    let said = || format!("{status}: {}", body.chars().take(500).collect::<String>());
    match status {
        StatusCode::ACCEPTED | StatusCode::OK => {
            let answer: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            let rejected = answer["rejected_total"].as_u64().unwrap_or_default();
            Answer::Taken((rejected > 0).then(said))
        }
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN => Answer::Later(said(), retry_after),
        _ if status.is_server_error() => Answer::Later(said(), retry_after),
        _ => Answer::Refused(said()),
    }
}

/// Attempts until the batch is taken or refused; says once when trouble begins and once when it is over.
async fn persist(mut attempt: impl AsyncFnMut() -> Answer) {
    let mut failures = 0;
    loop {
        match attempt().await {
            Answer::Taken(rejected) => {
                if failures > 0 {
                    tracing::info!(failures, "The API takes events again.");
                }
                if let Some(answer) = rejected {
                    tracing::warn!(answer, "The API rejected events of the demo.");
                }
                return;
            }
            Answer::Refused(answer) => {
                tracing::error!(answer, "The API refused a batch, which is left out.");
                return;
            }
            Answer::Later(reason, retry_after) => {
                if failures == 0 {
                    tracing::warn!(
                        reason,
                        "The API takes no events; the demo keeps its place and tries again."
                    );
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
    fn pauses_double_to_a_limit_and_the_api_may_name_its_own() {
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
    fn an_answer_is_judged_by_whether_trying_again_can_help() {
        let seven = Some(Duration::from_secs(7));
        for (status, body, expected) in [
            (202, r#"{"accepted":3,"rejected":[],"rejected_total":0}"#, "taken"),
            (202, r#"{"accepted":2,"rejected":[],"rejected_total":1}"#, "taken, some rejected"),
            (429, "", "later"),
            (503, "", "later"),
            (502, "", "later"),
            (401, "", "later"),
            (400, "", "refused"),
            (413, "", "refused"),
        ] {
            let found = match judge(StatusCode::from_u16(status).unwrap(), seven, body) {
                Answer::Taken(None) => "taken",
                Answer::Taken(Some(_)) => "taken, some rejected",
                Answer::Later(_, wait) if wait == seven => "later",
                Answer::Later(..) => "later, without the wait",
                Answer::Refused(_) => "refused",
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_tried_until_it_is_taken() {
        let began = Instant::now();
        let mut answers = [
            Answer::Later("away".into(), None),
            Answer::Later("503".into(), Some(Duration::from_secs(7))),
            Answer::Taken(None),
        ]
        .into_iter();
        persist(async || answers.next().unwrap()).await;
        assert_eq!((answers.next(), began.elapsed().as_millis()), (None, 7_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_can_never_be_taken_does_not_hold_up_the_others() {
        let mut answers = [Answer::Refused("400".into())].into_iter();
        persist(async || answers.next().unwrap()).await;
    }
}
