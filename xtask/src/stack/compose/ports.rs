//! The ports of this machine at which the edge is reached.
//!
//! In development there is one, and any will do. In production others know it, a proxy or people,
//! so that another port would be an outage: if it is taken, nothing starts. With TLS at the edge
//! there are two, for https and for the redirect to it: 443 and 80.

use super::variables::Variables;
use crate::{
    failure::{Exit, Failure},
    ports,
};
use anyhow::Result;
use std::net::{IpAddr, Ipv4Addr};

/// The same defaults are in infra/compose.tls.yaml.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    pub plain: u16,
    pub tls: Option<u16>,
}

/// What decides besides the variables.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub prod: bool,
    pub tls: bool,
    /// The usual port without TLS.
    pub usual: u16,
    /// Those of this stack, if it is running.
    pub running: Option<Published>,
}

impl Published {
    /// The address to open, unless the user set another.
    pub fn url(self) -> String {
        match self.tls {
            Some(HTTPS) => "https://127.0.0.1".into(),
            Some(port) => format!("https://127.0.0.1:{port}"),
            None => format!("http://127.0.0.1:{}", self.plain),
        }
    }

    /// The port that people open.
    pub fn front(self) -> u16 {
        self.tls.unwrap_or(self.plain)
    }

    fn has(self, port: u16) -> bool {
        self.plain == port || self.tls == Some(port)
    }

    /// The port that a message of the engine names.
    pub fn named_in(self, message: &str) -> u16 {
        let names = |port: &u16| {
            let written = format!(":{port}");
            message
                .match_indices(&written)
                .any(|(at, _)| !message[at + written.len()..].starts_with(|c: char| c.is_ascii_digit()))
        };
        [self.tls, Some(self.plain)].into_iter().flatten().find(names).unwrap_or(self.front())
    }
}

/// The ports, with a remark if another one than usual is used.
pub fn choose(variables: &Variables, wanted: Wanted) -> Result<(Published, Option<String>)> {
    let named = number(variables, "SQUALL_PORT")?;
    if wanted.tls {
        let plain = named.unwrap_or(HTTP);
        let tls = number(variables, "SQUALL_TLS_PORT")?.unwrap_or(HTTPS);
        if plain == tls {
            let wrong = format!("http and https would both be at port {tls}");
            let next = "set SQUALL_PORT (http) and SQUALL_TLS_PORT (https) to different ports, or unset them for 80 and 443";
            return Err(Failure::new(TRIED, wrong, next).exit(Exit::Usage).into());
        }
        let published = Published { plain, tls: Some(tls) };
        for port in [tls, plain] {
            refuse_taken(variables, wanted, published, port)?;
        }
        return Ok((published, None));
    }
    // A running stack keeps its port unless it is set now.
    let running =
        wanted.running.filter(|running| running.tls.is_none() && variables.now("SQUALL_PORT").is_none());
    if let Some(running) = running {
        return Ok((running, None));
    }
    if let Some(plain) = named.or(wanted.prod.then_some(wanted.usual)) {
        let published = Published { plain, tls: None };
        refuse_taken(variables, wanted, published, plain)?;
        return Ok((published, None));
    }
    let (plain, remark) = ports::take("the stack", wanted.usual, &[])?;
    Ok((Published { plain, tls: None }, remark))
}

const TRIED: &str = "choosing the ports of the stack";

fn number(variables: &Variables, name: &str) -> Result<Option<u16>> {
    let Some(text) = variables.get(name) else { return Ok(None) };
    let port = text.parse::<u16>().ok().filter(|port| *port > 0);
    port.map(Some).ok_or_else(|| {
        let wrong = format!("{name} is {text:?}, which is not a port");
        let next = "set it to a number from 1 to 65535, or unset it";
        Failure::new(TRIED, wrong, next).exit(Exit::Usage).into()
    })
}

fn refuse_taken(variables: &Variables, wanted: Wanted, published: Published, port: u16) -> Result<()> {
    // compose.yaml binds to the loopback alone, infra/compose.tls.yaml to all addresses.
    let usual = if wanted.tls { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let bind =
        variables.get("SQUALL_BIND").and_then(|text| text.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    let is_own = wanted.running.is_some_and(|running| running.has(port));
    if is_own || !ports::is_taken(bind.unwrap_or(usual.into()), port) {
        return Ok(());
    }
    Err(taken(published, port, !wanted.prod).into())
}

/// Which process has a port of the edge, and what to do about it.
pub fn taken(published: Published, port: u16, any_will_do: bool) -> Failure {
    let owner = ports::owner(port);
    let by = owner.as_ref().map_or_else(|| "another process or container".to_owned(), ToString::to_string);
    let (what, variable) = match published.tls {
        Some(tls) if tls == port => ("https", "SQUALL_TLS_PORT"),
        Some(_) => ("plain http, which redirects to https", "SQUALL_PORT"),
        None => ("http", "SQUALL_PORT"),
    };
    // The engine's own program stands for a container; ending it would not free the port.
    let end = match owner {
        Some(owner) if owner.name != "docker-proxy" => "end that process".to_owned(),
        _ => format!("stop what has it (`docker ps --filter publish={port}` lists the container)"),
    };
    let more = match any_will_do {
        true => "; if it is unset, `cargo xtask up` uses a free one",
        false => "",
    };
    let wrong = format!("{by} has the port {port}, which the edge needs for {what}");
    Failure::new(TRIED, wrong, format!("{end}, or set {variable} to another port{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, net::TcpListener};

    const DEV: Wanted = Wanted { prod: false, tls: false, usual: 8642, running: None };
    const PROD: Wanted = Wanted { prod: true, ..DEV };
    const BOTH: Published = Published { plain: 80, tls: Some(443) };

    fn chosen(wanted: Wanted, set: &[(&str, u16)]) -> Result<(Published, Option<String>)> {
        let set: Vec<_> = set.iter().map(|(name, port)| (*name, port.to_string())).collect();
        let set: Vec<_> = set.iter().map(|(name, port)| (*name, port.as_str())).collect();
        choose(&Variables::of(&set, &BTreeMap::new()), wanted)
    }

    fn free() -> u16 {
        ports::any().unwrap()
    }

    #[test]
    fn with_tls_the_edge_is_at_80_and_443_unless_others_are_set() {
        // The ports of a running stack, whichever process has them on this machine.
        let wanted = Wanted { tls: true, running: Some(BOTH), ..PROD };
        assert_eq!(chosen(wanted, &[]).unwrap(), (BOTH, None));
        assert_eq!(BOTH.url(), "https://127.0.0.1");
        let (plain, tls) = (free(), free());
        let (published, _) = chosen(wanted, &[("SQUALL_PORT", plain), ("SQUALL_TLS_PORT", tls)]).unwrap();
        assert_eq!(published, Published { plain, tls: Some(tls) });
        assert_eq!(published.url(), format!("https://127.0.0.1:{tls}"));
    }

    #[test]
    fn a_taken_port_of_production_is_refused_with_its_owner() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, other) = (taken.local_addr().unwrap().port(), free());
        let tls = Wanted { tls: true, ..PROD };
        for (wanted, set, variable) in [
            (tls, &[("SQUALL_TLS_PORT", port), ("SQUALL_PORT", other)][..], "SQUALL_TLS_PORT"),
            (tls, &[("SQUALL_TLS_PORT", other), ("SQUALL_PORT", port)], "SQUALL_PORT"),
            (Wanted { usual: port, ..PROD }, &[], "SQUALL_PORT"),
            (DEV, &[("SQUALL_PORT", port)], "SQUALL_PORT"),
        ] {
            let error = chosen(wanted, set).unwrap_err().to_string();
            assert!(error.contains(&format!("has the port {port}")), "{error}");
            assert!(error.contains(&format!("or set {variable} to another port")), "{error}");
            let owner = format!("(process {})", std::process::id());
            assert!(!cfg!(target_os = "linux") || error.contains(&owner), "{error}");
        }
        // In development another one will do.
        let (published, remark) = chosen(Wanted { usual: port, ..DEV }, &[]).unwrap();
        assert_ne!(published.plain, port);
        assert!(remark.unwrap().contains(&format!("using {}", published.plain)));
    }

    #[test]
    fn a_running_stack_keeps_its_port_and_moves_to_those_of_tls() {
        let running = Published { plain: 8652, tls: None };
        let wanted = Wanted { running: Some(running), ..DEV };
        assert_eq!(chosen(wanted, &[]).unwrap().0, running);
        let (plain, tls) = (free(), free());
        let set = [("SQUALL_PORT", plain), ("SQUALL_TLS_PORT", tls)];
        assert_eq!(chosen(Wanted { tls: true, ..wanted }, &set).unwrap().0.front(), tls);
    }

    #[test]
    fn a_value_that_is_not_a_port_is_refused() {
        let tls = Wanted { tls: true, ..PROD };
        for (wanted, name, value, why) in [
            (DEV, "SQUALL_PORT", "0", "not a port"),
            (tls, "SQUALL_TLS_PORT", "https", "SQUALL_TLS_PORT is \"https\""),
            (tls, "SQUALL_PORT", "443", "both be at port 443"),
        ] {
            let error = choose(&Variables::of(&[(name, value)], &BTreeMap::new()), wanted).unwrap_err();
            assert_eq!(error.downcast_ref::<Failure>().unwrap().exit, Exit::Usage);
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_message_of_the_engine_names_one_of_both_ports() {
        for (message, expected) in [
            ("Bind for 0.0.0.0:80 failed: port is already allocated", 80),
            ("listen tcp4 0.0.0.0:443: bind: address already in use", 443),
            ("listen tcp4 0.0.0.0:8080: bind: address already in use", 443),
        ] {
            assert_eq!(BOTH.named_in(message), expected, "{message}");
        }
    }
}
