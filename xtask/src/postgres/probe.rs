//! Asks a PostgreSQL whether it takes connections, without a client: one start-up packet, one byte
//! of answer.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// A local server answers in microseconds; a stopped process never does.
const PATIENCE: Duration = Duration::from_millis(500);

/// `R` asks for the password: the server is up. `E` means that it is starting, stopping or
/// recovering.
pub fn is_ready(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer == b'R')
}

fn ask(port: u16) -> std::io::Result<u8> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&start_up_packet())?;
    // All of the answer: to hang up on unread bytes would leave a complaint in the server's log.
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer)?;
    Ok(if length == 0 { b'E' } else { answer[0] })
}

/// Length, protocol 3.0, then names and values: PostgreSQL documentation, "Message Formats",
/// StartupMessage.
fn start_up_packet() -> Vec<u8> {
    let parameters = format!("user\0{0}\0database\0{0}\0\0", super::NAME);
    let length = u32::try_from(8 + parameters.len()).unwrap_or(0);
    [&length.to_be_bytes(), &0x0003_0000_u32.to_be_bytes(), parameters.as_bytes()].concat()
}
