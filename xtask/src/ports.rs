//! Ports of this machine: which is free, and who has one that is not.

use crate::failure::{Failure, OrFail};
use anyhow::Result;
use std::{
    fs,
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, TcpListener},
};

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

/// Whether somebody listens there. A port that only root may open is not taken while nobody does:
/// the engine may open it. Nor is one of an address that this machine does not have: the engine may
/// be on another one.
pub fn is_taken(address: IpAddr, port: u16) -> bool {
    match TcpListener::bind((address, port)) {
        Ok(_) => false,
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => true,
            ErrorKind::PermissionDenied => {
                tables().iter().any(|table| listening_inode(table, port).is_some())
            }
            _ => false,
        },
    }
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

/// Who listens on a port, where Linux lets us see it: own processes, or all of them for root.
pub fn owner(port: u16) -> Option<Owner> {
    let tables = tables();
    let inode = tables.iter().find_map(|table| listening_inode(table, port))?;
    let link = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| holds(*pid, &link))?;
    Some(Owner { pid, name: crate::process::name(pid).unwrap_or_else(|| "a process".into()) })
}

/// The sockets of this machine, where there is Linux.
fn tables() -> [String; 2] {
    ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default())
}

fn holds(pid: u32, link: &str) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    { files }.any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == link))
}

/// The kernel's table: `sl local_address rem_address st … inode`; state 0A is listening.
fn listening_inode(table: &str, port: u16) -> Option<&str> {
    table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>()).find_map(|fields| {
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let listens = u16::from_str_radix(local, 16).ok()? == port && *fields.get(3)? == "0A";
        listens.then(|| fields.get(9).copied())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        if cfg!(target_os = "linux") {
            assert_eq!(owner(port).unwrap().pid, std::process::id());
        }
    }

    #[test]
    fn a_port_is_taken_on_all_addresses_when_one_of_them_has_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_taken(Ipv4Addr::UNSPECIFIED.into(), port));
        drop(listener);
        assert!(!is_taken(Ipv4Addr::UNSPECIFIED.into(), port));
        // Of TEST-NET-1, which no machine has.
        assert!(!is_taken(Ipv4Addr::new(192, 0, 2, 1).into(), port));
    }

    #[test]
    fn only_a_listening_socket_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:21C2 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 11 1\n\
             1: 0100007F:21C2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1\n";
        assert_eq!(listening_inode(table, 8642), Some("22"));
        assert_eq!(listening_inode(table, 8643), None);
    }
}
