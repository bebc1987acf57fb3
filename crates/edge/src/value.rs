//! Values for the nginx configuration: each type holds only text that is safe to write into it.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// Requests per second or minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per_minute: bool,
}

impl Rate {
    /// Takes the place of a rate that could not be read, until the start is refused.
    pub const ONE: Self = Self { count: 1, per_minute: false };

    /// `100/s` or `30/min`.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let per_minute = match unit.trim() {
            "s" => false,
            "min" => true,
            _ => return None,
        };
        let count = count.trim().parse().ok().filter(|count| (1..=1_000_000).contains(count))?;
        Some(Self { count, per_minute })
    }

    pub fn to_nginx(self) -> String {
        format!("{}r/{}", self.count, if self.per_minute { "m" } else { "s" })
    }

    /// Whole seconds until one more request is allowed.
    pub fn seconds_until_next(self) -> u32 {
        let period = if self.per_minute { 60 } else { 1 };
        u32::div_ceil(period, self.count)
    }
}

/// Where the api is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiAddress {
    Socket(SocketAddr),
    /// Looked up again every second.
    Name(String, u16),
}

impl ApiAddress {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return (address.port() != 0).then_some(Self::Socket(address));
        }
        let (name, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        is_host_name(name).then(|| Self::Name(name.to_owned(), port))
    }

    pub fn to_nginx(&self) -> String {
        match self {
            Self::Socket(address) => address.to_string(),
            Self::Name(name, port) => format!("{name}:{port}"),
        }
    }
}

/// `host:port`, or a comma-separated list.
pub fn api_addresses(text: &str) -> Option<Vec<ApiAddress>> {
    text.split(',').map(|address| ApiAddress::parse(address.trim())).collect()
}

/// A valid DNS name. Four numbers are a mistyped address, not a name.
fn is_host_name(name: &str) -> bool {
    let labels = name.split('.');
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let numeric = name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    name.len() <= 253 && !numeric && labels.clone().all(good)
}

/// An address or a network in CIDR form.
pub fn network(text: &str) -> Option<String> {
    let (address, bits) = match text.split_once('/') {
        None => (text, None),
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
    };
    let address: IpAddr = address.parse().ok()?;
    let widest = if address.is_ipv4() { 32 } else { 128 };
    match bits {
        None => Some(address.to_string()),
        Some(bits) if bits <= widest => Some(format!("{address}/{bits}")),
        Some(_) => None,
    }
}

/// A comma-separated list of networks.
pub fn networks(text: &str) -> Option<Vec<String>> {
    text.split(',').map(|one| network(one.trim())).collect()
}

/// A comma-separated list of DNS servers: addresses, with or without a port.
pub fn name_servers(text: &str) -> Option<Vec<String>> {
    text.split(',')
        .map(|one| {
            let one = one.trim();
            one.parse::<IpAddr>()
                .ok()
                .map(name_server)
                .or(one.parse::<SocketAddr>().ok().map(|it| it.to_string()))
        })
        .collect()
}

/// nginx wants IPv6 addresses in brackets.
pub fn name_server(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A path that is safe between quotation marks, where nginx still interprets `$` and `\`.
pub fn path(text: &str) -> Option<PathBuf> {
    let plain = !text.chars().any(|c| c.is_control() || "\"'\\$;{}".contains(c));
    (plain && Path::new(text).is_absolute()).then(|| PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_knows_when_one_more_request_is_allowed() {
        for (text, nginx, seconds) in
            [("100/s", "100r/s", 1), ("30/min", "30r/m", 2), ("7 / min", "7r/m", 9), ("90/min", "90r/m", 1)]
        {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.to_nginx().as_str(), rate.seconds_until_next()), (nginx, seconds));
        }
        for text in ["", "5", "0/s", "5/h", "-1/s", "1.5/s", "5/s;", "9999999/s"] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn api_addresses_are_sockets_or_names_with_a_port() {
        let address = |text: &str| ApiAddress::Socket(text.parse().unwrap());
        for (text, expected) in [
            ("api:8642", Some(vec![ApiAddress::Name("api".into(), 8642)])),
            ("10.0.0.1:1, 10.0.0.2:1", Some(vec![address("10.0.0.1:1"), address("10.0.0.2:1")])),
            ("[::1]:8642", Some(vec![address("[::1]:8642")])),
            (
                "squall_api-1.tasks.local:80",
                Some(vec![ApiAddress::Name("squall_api-1.tasks.local".into(), 80)]),
            ),
            ("api", None),
            ("api:", None),
            ("api:0", None),
            ("http://api:80", None),
            ("10.0.0.300:80", None),
            ("api:80;evil", None),
            ("a b:80", None),
            ("api:80,", None),
            ("", None),
        ] {
            assert_eq!(api_addresses(text), expected, "{text}");
        }
    }

    #[test]
    fn networks_and_paths_contain_nothing_that_nginx_interprets() {
        assert_eq!(networks("10.0.0.0/8, ::1").unwrap(), ["10.0.0.0/8", "::1"]);
        for text in ["10.0.0.0/33", "all", "10.0.0.0/8;", ""] {
            assert_eq!(networks(text), None, "{text}");
        }
        assert_eq!(
            name_servers("127.0.0.11, ::1, 10.0.0.1:53").unwrap(),
            ["127.0.0.11", "[::1]", "10.0.0.1:53"]
        );
        for text in ["web", "/a\"b", "/a$b", "/a;b", "/a\nb"] {
            assert_eq!(path(text), None, "{text}");
        }
        assert!(path("/srv/squall web").is_some());
    }
}
