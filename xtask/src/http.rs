//! One GET over HTTP/1.1 to a process of this machine: all that a health probe needs.

use anyhow::{Context, Result};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// A probe that hangs would hold up the supervisor's other services.
const PATIENCE: Duration = Duration::from_millis(800);
/// A page is judged by its first part.
const LONGEST_ANSWER: u64 = 256 << 10;

#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

pub fn get(port: u16, path: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).context("the answer is not HTTP")
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_body() {
        let answer =
            parse("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n{\"status\":\"not_ready\"}")
                .unwrap();
        assert_eq!(answer, Answer { status: 503, body: "{\"status\":\"not_ready\"}".into() });
        assert!(parse("SSH-2.0-OpenSSH_9.2\r\n\r\n").is_none());
    }
}
