//! Asks a running process whether it is well, for the health check of a container that has no curl.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    process::ExitCode,
    time::Duration,
};

/// Shorter than the time that a container's health check is usually given.
const PATIENCE: Duration = Duration::from_secs(3);

/// More of an answer is not shown.
const LONGEST: u64 = 16 * 1024;

/// What is asked.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Question {
    /// Asks whether the process can work (`/readyz`), not only whether it lives (`/healthz`).
    #[arg(long)]
    pub ready: bool,
}

/// Asks the process that listens on `address`, says the answer in a sentence, and makes it an exit code.
pub fn run(address: SocketAddr, question: Question) -> ExitCode {
    let (sentence, code) = match ask(address, question) {
        Ok(sentence) => (sentence, ExitCode::SUCCESS),
        Err(sentence) => (sentence, ExitCode::FAILURE),
    };
    // A health check whose reader is gone has still been made.
    let _ = writeln!(io::stdout(), "{sentence}");
    code
}

/// # Errors
/// A sentence: nothing answers there, or what answers is not well.
pub fn ask(address: SocketAddr, question: Question) -> Result<String, String> {
    let address = reachable(address);
    let path = if question.ready { "/readyz" } else { "/healthz" };
    let url = format!("http://{address}{path}");
    let answer = get(address, path).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("Nothing listens on {address}: the process has not started, or listens elsewhere.")
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("{url} did not answer within {} seconds.", PATIENCE.as_secs())
        }
        _ => format!("{url} could not be asked: {error}."),
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status =
        head.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).unwrap_or("nothing of HTTP");
    match status {
        "200" if question.ready => Ok(format!("{url} says that the process is ready.")),
        "200" => Ok(format!("{url} says that the process lives.")),
        _ => Err(format!("{url} answers {status}: {}", body.trim())),
    }
}

fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer ends with the connection, and comes in one piece.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nUser-Agent: squall-healthcheck\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Who listens on every address is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
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
    use std::net::TcpListener;

    const LIVES: Question = Question { ready: false };
    const READY: Question = Question { ready: true };

    /// Answers one request, and returns its first line.
    fn answering(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answered = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned()
        });
        (address, answered)
    }

    #[test]
    fn a_process_that_is_well_is_said_to_be() {
        for (question, line, said) in
            [(LIVES, "GET /healthz HTTP/1.0", "lives."), (READY, "GET /readyz HTTP/1.0", "is ready.")]
        {
            let (address, answered) = answering("HTTP/1.0 200 OK\r\n\r\n{}");
            let sentence = ask(address, question).unwrap();
            assert!(sentence.contains("http://127.0.0.1:") && sentence.ends_with(said), "{sentence}");
            assert_eq!(answered.join().unwrap(), line);
        }
    }

    #[test]
    fn a_process_that_is_not_well_says_why() {
        for (answer, expected) in [
            ("HTTP/1.1 503 Service Unavailable\r\nx: y\r\n\r\nthe reason\n", "answers 503: the reason"),
            ("SSH-2.0-OpenSSH", "answers nothing of HTTP"),
            ("", "answers nothing of HTTP"),
        ] {
            let (address, answered) = answering(answer);
            let sentence = ask(address, READY).unwrap_err();
            assert!(sentence.contains(expected), "{sentence}");
            answered.join().unwrap();
        }
    }

    #[test]
    fn nobody_at_home_is_a_sentence() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sentence = ask(free, LIVES).unwrap_err();
        assert!(sentence.starts_with("Nothing listens on 127.0.0.1:"), "{sentence}");
    }
}
