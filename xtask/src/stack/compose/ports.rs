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
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
            Some(443) => "https://127.0.0.1".into(),
            Some(port) => format!("https://127.0.0.1:{port}"),
            None => format!("http://127.0.0.1:{}", self.plain),
        }
    }

    /// The port that people open.
    pub fn front(self) -> u16 {
        self.tls.unwrap_or(self.plain)
    }

    fn all(self) -> impl Iterator<Item = u16> {
        self.tls.into_iter().chain([self.plain])
    }

    /// The port that a message of the engine names.
    pub fn named_in(self, message: &str) -> u16 {
        let numbers: Vec<_> = message.split(|c: char| !c.is_ascii_digit()).collect();
        let is_named = |port: &u16| numbers.contains(&port.to_string().as_str());
        self.all().find(is_named).unwrap_or(self.front())
    }
}

/// The ports, with a remark if another one than usual is used.
pub fn choose(variables: &Variables, wanted: Wanted) -> Result<(Published, Option<String>)> {
    let named = number(variables, "SQUALL_PORT")?;
    // A running stack keeps its port unless it is set now.
    let is_kept = |running: &Published| running.tls.is_none() && variables.now("SQUALL_PORT").is_none();
    let published = if wanted.tls {
        // The same defaults are in infra/compose.tls.yaml.
        let tls = number(variables, "SQUALL_TLS_PORT")?.unwrap_or(443);
        Published { plain: named.unwrap_or(80), tls: Some(tls) }
    } else if let Some(running) = wanted.running.filter(is_kept) {
        running
    } else if let Some(plain) = named.or(wanted.prod.then_some(wanted.usual)) {
        Published { plain, tls: None }
    } else {
        let (plain, remark) = ports::take("the stack", wanted.usual, &[])?;
        return Ok((Published { plain, tls: None }, remark));
    };
    if published.tls == Some(published.plain) {
        let wrong = format!("http and https would both be at port {}", published.plain);
        let next = "set SQUALL_PORT (http) and SQUALL_TLS_PORT (https) to different ports, or unset them for 80 and 443";
        return Err(Failure::new(TRIED, wrong, next).exit(Exit::Usage).into());
    }
    // compose.yaml binds to the loopback alone, infra/compose.tls.yaml to all addresses.
    let usual = if wanted.tls { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let bind = variables.get("SQUALL_BIND").and_then(|text| text.trim_matches(['[', ']']).parse().ok());
    let bind: IpAddr = bind.unwrap_or(usual.into());
    let is_own = |port| wanted.running.is_some_and(|running| running.all().any(|own| own == port));
    match published.all().find(|port| !is_own(*port) && ports::is_taken(bind, *port)) {
        Some(port) => Err(taken(published, port, !wanted.prod).into()),
        None => Ok((published, None)),
    }
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
    let more = if any_will_do { "; if it is unset, `cargo xtask up` uses a free one" } else { "" };
    let wrong = format!("{by} has the port {port}, which the edge needs for {what}");
    Failure::new(TRIED, wrong, format!("{end}, or set {variable} to another port{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const DEV: Wanted = Wanted { prod: false, tls: false, usual: 8642, running: None };
    const PROD: Wanted = Wanted { prod: true, ..DEV };
    const TLS: Wanted = Wanted { tls: true, ..PROD };
    const BOTH: Published = Published { plain: 80, tls: Some(443) };

    fn chosen(wanted: Wanted, set: &[(&str, &str)]) -> Result<(Published, Option<String>)> {
        choose(&Variables::of(set, &[], &[]), wanted)
    }

    #[test]
    fn a_running_stack_keeps_its_ports_unless_others_are_set_or_tls_moves_it() {
        let (plain, tls) = (ports::any().unwrap(), ports::any().unwrap());
        let (http, https) = (plain.to_string(), tls.to_string());
        let set = [("SQUALL_PORT", http.as_str()), ("SQUALL_TLS_PORT", https.as_str())];
        let (before, both) = (Published { plain: 8652, tls: None }, Published { plain, tls: Some(tls) });
        for (wanted, running, set, expected) in [
            (TLS, BOTH, &[][..], BOTH),
            (TLS, BOTH, &set[..], both),
            (TLS, before, &set, both),
            (DEV, before, &[], before),
            (DEV, before, &set, Published { plain, tls: None }),
        ] {
            let wanted = Wanted { running: Some(running), ..wanted };
            assert_eq!(chosen(wanted, set).unwrap(), (expected, None), "{wanted:?} {set:?}");
        }
        let urls = [BOTH, both, before].map(Published::url);
        assert_eq!(urls, ["https://127.0.0.1", &format!("https://127.0.0.1:{tls}"), "http://127.0.0.1:8652"]);
    }

    #[test]
    fn a_taken_port_of_production_is_refused_with_its_owner() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let (mine, other) = (port.to_string(), ports::any().unwrap().to_string());
        for (wanted, set, variable) in [
            (TLS, &[("SQUALL_TLS_PORT", mine.as_str()), ("SQUALL_PORT", &other)][..], "SQUALL_TLS_PORT"),
            (TLS, &[("SQUALL_TLS_PORT", &other), ("SQUALL_PORT", &mine)], "SQUALL_PORT"),
            (Wanted { usual: port, ..PROD }, &[], "SQUALL_PORT"),
            (DEV, &[("SQUALL_PORT", &mine)], "SQUALL_PORT"),
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
    fn a_value_that_is_not_a_port_is_refused() {
        for (wanted, name, value, why) in [
            (DEV, "SQUALL_PORT", "0", "not a port"),
            (TLS, "SQUALL_TLS_PORT", "https", "SQUALL_TLS_PORT is \"https\""),
            (TLS, "SQUALL_PORT", "443", "both be at port 443"),
        ] {
            let error = chosen(wanted, &[(name, value)]).unwrap_err();
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
