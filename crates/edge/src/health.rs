//! Whether the running edge lives, asked at its own door: the image has no curl.

use crate::{environment::Environment, failure::Failure, settings::Settings};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// A process that lives answers this in a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks once.
pub fn check() -> Result<(), Failure> {
    let address = from_inside(Settings::read_listen(Environment::from_process())?);
    let tried = format!("asking http://{address}/edge-healthz");
    let next = "look at what the edge wrote to standard error";
    match ask(address) {
        Ok(line) if line.starts_with("HTTP/1.1 200 ") => Ok(()),
        Ok(line) => Err(Failure::new(tried, format!("it answered {line:?}"), next)),
        Err(error) => Err(Failure::new(tried, error.to_string(), next)),
    }
}

/// The first line of the answer.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /edge-healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    // A few hundred bytes are all it says; a stranger on this port may say more.
    stream.take(16 * 1024).read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// Every address of the machine is reached at loopback.
pub fn from_inside(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
