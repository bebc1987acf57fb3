//! A client that shows responses unchanged: every header in its order, including duplicates.

use super::TIMEOUT;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header that must occur at most once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = found.next();
        assert!(found.next().is_none(), "{name} occurs twice: {:#?}", self.headers);
        first.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {self:#?} {}", self.text()))
    }

    pub fn request_id(&self) -> &str {
        self.header("X-Request-ID").unwrap()
    }
}

/// Sends each request on a connection of its own.
#[derive(Debug, Clone, Copy)]
pub struct Client(SocketAddr);

impl Client {
    pub fn to(address: SocketAddr) -> Self {
        Self(address)
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, b"")
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.raw(&request(method, path, headers, body))
    }

    /// Sends raw bytes and reads one response.
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // An early refusal may close the connection while the body is still being sent.
        let _ = stream.write_all(bytes);
        read(&mut BufReader::new(stream))
    }

    /// Whether an edge answers.
    pub fn is_healthy(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.0) else { return false };
        let mut answer = String::new();
        let sent = stream.write_all(&request("GET", "/edge-healthz", &[], b""));
        sent.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream
    }
}

/// A request with `Connection: close`.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: squall.test\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    let chunked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    if !chunked && (!body.is_empty() || method == "POST") {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads one response to its end.
pub fn read(stream: &mut impl BufRead) -> Answer {
    let (status, headers) = read_head(stream);
    let value =
        |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, it)| it.clone());
    let mut body = Vec::new();
    if value("transfer-encoding").is_some() {
        while let Some(chunk) = read_chunk(stream) {
            body.extend(chunk);
        }
    } else if let Some(length) = value("content-length") {
        body.resize(length.parse().unwrap(), 0);
        stream.read_exact(&mut body).unwrap();
    }
    Answer { status, headers, body }
}

/// The status and the headers; the body stays in the stream.
pub fn read_head(stream: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let first = read_line(stream);
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{first:?} is not the first line of a response"));
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream);
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    (status, headers)
}

/// One chunk of a body; `None` at its end.
pub fn read_chunk(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let length = usize::from_str_radix(&read_line(stream), 16).unwrap();
    let mut chunk = vec![0; length];
    stream.read_exact(&mut chunk).unwrap();
    read_line(stream);
    (length > 0).then_some(chunk)
}

fn read_line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}
