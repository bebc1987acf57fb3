//! Health probes of processes of this machine.

use squall_base::http::Response;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// A probe that hangs would hold up the supervisor's other services.
const TIMEOUT: Duration = Duration::from_millis(800);

pub fn get(port: u16, path: &str) -> io::Result<Response> {
    squall_base::http::get(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), path, TIMEOUT)
}
