//! Values that nginx will read: each type holds only what can stand in its configuration.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per_minute: bool,
}

impl Rate {
    /// Stands where a rate could not be read, until the start is refused for it.
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

    /// As nginx writes it.
    pub fn to_nginx(self) -> String {
        format!("{}r/{}", self.count, if self.per_minute { "m" } else { "s" })
    }

    /// How long it takes until one more may happen, in whole seconds.
    pub fn seconds_until_next(self) -> u32 {
        let period = if self.per_minute { 60 } else { 1 };
        u32::div_ceil(period, self.count)
    }
}

/// A size in bytes, written plainly or with KiB or MiB.
pub fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let factor = match text[digits.len()..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor).filter(|size| (1024..=1 << 34).contains(size))
}

/// One place of the api.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Known already.
    Address(SocketAddr),
    /// Looked up again and again.
    Name(String, u16),
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return (address.port() != 0).then_some(Self::Address(address));
        }
        let (name, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        is_host_name(name).then(|| Self::Name(name.to_owned(), port))
    }

    /// As nginx writes it.
    pub fn to_nginx(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Name(name, port) => format!("{name}:{port}"),
        }
    }
}

/// `host:port`, or several with commas between.
pub fn places(text: &str) -> Option<Vec<Place>> {
    text.split(',').map(|place| Place::parse(place.trim())).collect()
}

/// A name that DNS could know. Four numbers are an address with a mistake in it, not a name.
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

/// Networks with commas between.
pub fn networks(text: &str) -> Option<Vec<String>> {
    text.split(',').map(|one| network(one.trim())).collect()
}

/// Name servers with commas between: addresses, with or without a port.
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

/// As nginx writes it.
pub fn name_server(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A path that can stand between quotation marks: nginx reads `$` and `\` in it as something else.
pub fn path(text: &str) -> Option<PathBuf> {
    let plain = !text.chars().any(|c| c.is_control() || "\"'\\$;{}".contains(c));
    (plain && Path::new(text).is_absolute()).then(|| PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_when_one_more_may_come() {
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
    fn places_are_addresses_or_names_with_a_port() {
        let address = |text: &str| Place::Address(text.parse().unwrap());
        for (text, expected) in [
            ("api:8642", Some(vec![Place::Name("api".into(), 8642)])),
            ("10.0.0.1:1, 10.0.0.2:1", Some(vec![address("10.0.0.1:1"), address("10.0.0.2:1")])),
            ("[::1]:8642", Some(vec![address("[::1]:8642")])),
            ("squall_api-1.tasks.local:80", Some(vec![Place::Name("squall_api-1.tasks.local".into(), 80)])),
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
            assert_eq!(places(text), expected, "{text}");
        }
    }

    #[test]
    fn networks_and_paths_hold_nothing_that_nginx_would_read_otherwise() {
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
