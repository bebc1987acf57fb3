//! A keep-alive connection to the API. HTTP/1.1 is written by hand, because the generator shares the cores
//! with the stack, and a full client takes several times the CPU of the system calls.

use anyhow::{Context, Result, bail, ensure};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Without a response for this long, the measurement fails.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How long a batch may be retried before the measurement fails.
const ATTEMPTS: u32 = 100;

/// The longest `Retry-After` to honor.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The largest response to read; the API lists at most a hundred rejections.
const ANSWER_BYTES: usize = 1 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// The head of a response, and the position of its body in the buffer.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    retry_after: Option<u64>,
    body: std::ops::Range<usize>,
}

impl Api {
    /// A complete request that ingests `body`.
    pub(crate) fn request(&self, body: &[u8]) -> Vec<u8> {
        let Self { address, key } = self;
        let head = format!(
            "POST /api/v1/ingest HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address)
            .await
            .with_context(|| format!("connecting to {}", self.address))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, received: Vec::with_capacity(4096) })
    }
}

impl Connection {
    /// Sends a request with `events` events, retrying until it is accepted; returns the number of retries.
    ///
    /// # Errors
    /// When an event is rejected, or the request fails in a way that a retry cannot fix.
    pub(crate) async fn ingest(&mut self, request: &[u8], events: u64) -> Result<u32> {
        for attempt in 0..ATTEMPTS {
            let head =
                timeout(ANSWER_WITHIN, self.exchange(request)).await.context("the API did not answer")??;
            let body = &self.received[head.body.clone()];
            match head.status {
                202 => {
                    let answer: serde_json::Value =
                        serde_json::from_slice(body).context("reading the answer")?;
                    ensure!(
                        answer["accepted"] == events,
                        "{events} events were sent, the API answered {answer}"
                    );
                    return Ok(attempt);
                }
                429 | 503 => {
                    let pause = head.retry_after.map_or(Duration::from_millis(100), Duration::from_secs);
                    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                }
                status => bail!("the API answered {status}: {}", String::from_utf8_lossy(body)),
            }
        }
        bail!("the API put one request off {ATTEMPTS} times")
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Head> {
        self.stream.write_all(request).await.context("sending a request")?;
        self.received.clear();
        loop {
            let read = self.stream.read_buf(&mut self.received).await.context("receiving an answer")?;
            ensure!(read > 0, "the API closed the connection before it answered");
            ensure!(
                self.received.len() <= ANSWER_BYTES,
                "the API answers with more than {ANSWER_BYTES} bytes"
            );
            if let Some(head) = head(&self.received)?
                && self.received.len() >= head.body.end
            {
                return Ok(head);
            }
        }
    }
}

/// Parses the head of a response; `None` if it is incomplete.
fn head(received: &[u8]) -> Result<Option<Head>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&received[..end]).context("reading the head of an answer")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .context("an answer without a status")?;
    let (mut length, mut retry_after) = (None, None);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<usize>().ok();
        } else if name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.trim().parse().ok();
        }
    }
    let length = length.context("an answer without Content-Length, which this client cannot read")?;
    Ok(Some(Head { status, retry_after, body: end + 4..end + 4 + length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        assert_eq!(head(b"HTTP/1.1 202 Accepted\r\ncontent-le").unwrap(), None);
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 3\r\n\r\nabc";
        let read = head(answer).unwrap().unwrap();
        assert_eq!((read.status, read.retry_after, &answer[read.body]), (503, Some(2), &b"abc"[..]));
        assert!(head(b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn a_request_is_written_whole() {
        let api = Api { address: SocketAddr::from(([127, 0, 0, 1], 80)), key: "sq_a".into() };
        let request = String::from_utf8(api.request(b"{}\n")).unwrap();
        assert!(request.starts_with("POST /api/v1/ingest HTTP/1.1\r\nhost: 127.0.0.1:80\r\n"), "{request}");
        assert!(request.ends_with("content-length: 3\r\n\r\n{}\n"), "{request}");
    }
}
