//! Ports of this machine: which is free, and who has one that is not.

use crate::failure::{Failure, OrFail};
use anyhow::Result;
use listeners::{Listener, Protocol, SocketState};
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::Duration,
};

/// A process of this machine accepts a connection at once.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
/// How many ports after a taken one are tried before any port will do.
const ATTEMPTS: u16 = 20;

/// The wanted port, or the next one that is free and not `reserved`.
pub fn choose(wanted: u16, reserved: &[u16], is_free: impl Fn(u16) -> bool) -> Option<u16> {
    // Steps of ten keep the ports of two stacks apart, each in its own decade.
    let candidates = (0..ATTEMPTS).filter_map(|attempt| wanted.checked_add(attempt * 10));
    { candidates }.find(|port| !reserved.contains(port) && is_free(*port))
}

/// A port that the kernel says is free.
pub fn any() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .or_fail("finding a free port on 127.0.0.1", "check that the loopback interface is up")?;
    Ok(listener.local_addr()?.port())
}

pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether somebody accepts connections there; a port below 1024 may be free but not ours to open.
pub fn is_in_use(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), ANSWERS_WITHIN).is_ok()
}

/// The wanted port or another one, with a sentence about why it is another.
pub fn take(service: &str, wanted: u16, reserved: &[u16]) -> Result<(u16, Option<String>)> {
    let port = match choose(wanted, reserved, is_free) {
        Some(port) => port,
        None => any()?,
    };
    if port == wanted {
        return Ok((port, None));
    }
    let by = owner(wanted).map_or_else(|| "another process".to_owned(), |owner| owner.to_string());
    Ok((port, Some(format!("port {wanted} for {service} is taken by {by}; using {port}"))))
}

/// A failure for a service that could not listen.
pub fn taken(service: &str, port: u16) -> Option<Failure> {
    let owner = owner(port)?;
    let next =
        format!("end that process, or run `cargo xtask up` again, which takes a free port for {service}");
    Some(Failure::new(format!("starting {service} on port {port}"), format!("{owner} has that port"), next))
}

pub struct Owner {
    pub pid: u32,
    pub name: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Who listens on a port, as far as this user may see it: own processes, or all of them for root.
pub fn owner(port: u16) -> Option<Owner> {
    let listens = |it: &Listener| {
        it.protocol == Protocol::TCP && it.state == SocketState::Listen && it.socket.port() == port
    };
    let process = listeners::get_all().ok()?.into_iter().find(listens)?.process;
    Some(Owner { pid: process.pid, name: process.name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn a_taken_port_gives_way_to_the_next_free_one() {
        let check = |taken: &[u16], reserved: &[u16], expected| {
            assert_eq!(choose(8642, reserved, |port| !taken.contains(&port)), expected, "taken {taken:?}");
        };
        check(&[], &[], Some(8642));
        check(&[8642], &[], Some(8652));
        check(&[8642, 8652], &[8662], Some(8672));
        assert_eq!(choose(8642, &[], |_| false), None);
        assert_eq!(choose(65_530, &[65_530], |_| true), None);
    }

    #[test]
    fn the_owner_of_a_port_is_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        // A connection that has ended keeps the port in the kernel's table, without an owner.
        drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        drop(listener.accept().unwrap());
        assert_eq!(owner(port).unwrap().pid, std::process::id());
    }
}
