//! One GET to a process of this machine or network, which is all that a health check needs.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// Only the first part of a page is read; health checks are judged by it.
const LONGEST_ANSWER: u64 = 256 << 10;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body, or its first 256 KiB.
    pub body: String,
}

/// Sends `GET path` and reads the response. `timeout` bounds each step on its own.
///
/// # Errors
/// When nothing answers, or what answers does not speak HTTP ([`io::ErrorKind::InvalidData`]).
pub fn get(address: SocketAddr, path: &str, timeout: Duration) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    // HTTP/1.0: the response ends with the connection and is never sent in chunks.
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nUser-Agent: squall-healthcheck\r\nAccept: */*\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn parse(answer: &str) -> Option<Response> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Response { status, body: body.to_owned() })
}

/// Asks a process whether it is healthy: it must answer `GET path` with 200 within `timeout`.
///
/// # Errors
/// A sentence that names the reason.
pub fn check_health(address: SocketAddr, path: &str, timeout: Duration) -> Result<(), String> {
    let address = connectable(address);
    let url = format!("http://{address}{path}");
    let response = get(address, path, timeout).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens on {address}: the process is not running, or listens elsewhere")
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("{url} did not answer within {} seconds", timeout.as_secs())
        }
        _ => format!("requesting {url} failed: {error}"),
    })?;
    match response.status {
        200 => Ok(()),
        status => Err(format!("{url} answered {status}: {}", response.body.trim())),
    }
}

/// The address under which a process of this machine is reached that listens on `address`: a
/// listener on every address is reached on loopback.
#[must_use]
pub fn connectable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, thread};

    /// Answers one request on every address and returns the request line.
    fn serve_once(answer: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned()
        });
        (address, served)
    }

    fn check(address: SocketAddr) -> Result<(), String> {
        check_health(address, "/readyz", Duration::from_secs(3))
    }

    #[test]
    fn a_process_that_answers_200_is_healthy() {
        let (address, served) = serve_once("HTTP/1.0 200 OK\r\n\r\n{}");
        assert_eq!(check(address), Ok(()));
        assert_eq!(served.join().unwrap(), "GET /readyz HTTP/1.0");
    }

    #[test]
    fn any_other_answer_is_a_sentence_with_the_reason() {
        for (answer, expected) in [
            (
                "HTTP/1.1 503 Service Unavailable\r\nx: y\r\n\r\nthe reason\n",
                "/readyz answered 503: the reason",
            ),
            ("SSH-2.0-OpenSSH\r\n\r\n", "failed: the answer is not HTTP"),
            ("", "failed: the answer is not HTTP"),
        ] {
            let (address, served) = serve_once(answer);
            let reason = check(address).unwrap_err();
            assert!(reason.starts_with("http://127.0.0.1:") || reason.starts_with("requesting"), "{reason}");
            assert!(reason.ends_with(expected), "{reason}");
            served.join().unwrap();
        }
    }

    #[test]
    fn a_port_that_nothing_listens_on_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let reason = check(free).unwrap_err();
        assert!(reason.starts_with("nothing listens on 127.0.0.1:"), "{reason}");
    }
}
