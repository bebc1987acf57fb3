//! At which ports of this machine the edge is reached.
//!
//! In development it is one, and any will do: the usual one, or a free one. In production others know it, a proxy in front or the
//! people themselves, so that another port would be an outage: it is the one that was named, else the usual one, and where that is
//! taken nothing starts. With TLS at the edge there are two of them, for https and for what leads there: 443 and 80.

use super::variables::Said;
use crate::{
    failure::{Exit, Failure},
    ports,
};
use anyhow::Result;
use std::net::{IpAddr, Ipv4Addr};

/// What people open: infra/compose.tls.yaml has the same.
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
    /// Those of the stack that runs, which nobody else has.
    pub running: Option<Published>,
}

impl Published {
    /// The address to open, where nobody has said another.
    pub fn url(self) -> String {
        match self.tls {
            Some(HTTPS) => "https://127.0.0.1".into(),
            Some(port) => format!("https://127.0.0.1:{port}"),
            None => format!("http://127.0.0.1:{}", self.plain),
        }
    }

    /// The one that people open.
    pub fn front(self) -> u16 {
        self.tls.unwrap_or(self.plain)
    }

    fn has(self, port: u16) -> bool {
        self.plain == port || self.tls == Some(port)
    }

    /// The one of both that an engine's message names.
    pub fn named_in(self, said: &str) -> u16 {
        let names = |port: &u16| {
            let written = format!(":{port}");
            said.match_indices(&written)
                .any(|(at, _)| !said[at + written.len()..].starts_with(|c: char| c.is_ascii_digit()))
        };
        [self.tls, Some(self.plain)].into_iter().flatten().find(names).unwrap_or(self.front())
    }
}

/// The ports, with a sentence where it is another one than usual.
pub fn choose(said: &Said, wanted: Wanted) -> Result<(Published, Option<String>)> {
    let named = number(said, "SQUALL_PORT")?;
    if wanted.tls {
        let plain = named.unwrap_or(HTTP);
        let tls = number(said, "SQUALL_TLS_PORT")?.unwrap_or(HTTPS);
        if plain == tls {
            let wrong = format!("http and https would both be at port {tls}");
            let next = "set SQUALL_PORT (http) and SQUALL_TLS_PORT (https) to two ports, or leave them out for 80 and 443";
            return Err(Failure::new(TRIED, wrong, next).exit(Exit::Usage).into());
        }
        let published = Published { plain, tls: Some(tls) };
        for port in [tls, plain] {
            refuse_taken(said, wanted, published, port)?;
        }
        return Ok((published, None));
    }
    // A stack that runs stays where it is, unless it shall go elsewhere.
    let running = wanted.running.filter(|running| running.tls.is_none() && said.now("SQUALL_PORT").is_none());
    if let Some(running) = running {
        return Ok((running, None));
    }
    if let Some(plain) = named.or(wanted.prod.then_some(wanted.usual)) {
        let published = Published { plain, tls: None };
        refuse_taken(said, wanted, published, plain)?;
        return Ok((published, None));
    }
    let (plain, remark) = ports::take("the stack", wanted.usual, &[])?;
    Ok((Published { plain, tls: None }, remark))
}

const TRIED: &str = "choosing the ports of the stack";

fn number(said: &Said, name: &str) -> Result<Option<u16>> {
    let Some(text) = said.get(name) else { return Ok(None) };
    let port = text.parse::<u16>().ok().filter(|port| *port > 0);
    port.map(Some).ok_or_else(|| {
        let wrong = format!("{name} is {text:?}, which is no port");
        let next = "set it to a number from 1 to 65535, or leave it out";
        Failure::new(TRIED, wrong, next).exit(Exit::Usage).into()
    })
}

fn refuse_taken(said: &Said, wanted: Wanted, published: Published, port: u16) -> Result<()> {
    // compose.yaml binds to the loopback alone, infra/compose.tls.yaml to all addresses.
    let usual = if wanted.tls { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let bind = said.get("SQUALL_BIND").and_then(|text| text.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    let is_ours = wanted.running.is_some_and(|running| running.has(port));
    if is_ours || !ports::is_taken(bind.unwrap_or(usual.into()), port) {
        return Ok(());
    }
    Err(taken(published, port, !wanted.prod).into())
}

/// Who has a port of the edge, and what to do about it. Only where `any_will_do` another one is taken without a word.
pub fn taken(published: Published, port: u16, any_will_do: bool) -> Failure {
    let owner = ports::owner(port);
    let by = owner.as_ref().map_or_else(|| "another process or container".to_owned(), ToString::to_string);
    let (what, variable) = match published.tls {
        Some(tls) if tls == port => ("https", "SQUALL_TLS_PORT"),
        Some(_) => ("plain http, which leads to https", "SQUALL_PORT"),
        None => ("http", "SQUALL_PORT"),
    };
    // The engine's own program stands for a container, and shows that nothing is gained by ending it.
    let end = match owner {
        Some(owner) if owner.name != "docker-proxy" => "end that process".to_owned(),
        _ => format!("stop what has it (`docker ps --filter publish={port}` names a container)"),
    };
    let more = match any_will_do {
        true => "; without it `cargo xtask up` takes a free one",
        false => "",
    };
    let wrong = format!("{by} has the port {port}, where the edge takes {what}");
    Failure::new(TRIED, wrong, format!("{end}, or set {variable} to another port{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, net::TcpListener};

    const DEV: Wanted = Wanted { prod: false, tls: false, usual: 8642, running: None };

    fn said(variables: &[(&str, &str)]) -> Said {
        Said::of(variables, &BTreeMap::new())
    }

    /// A port that nobody has, as far as the kernel knows.
    fn free() -> u16 {
        ports::any().unwrap()
    }

    #[test]
    fn with_tls_the_edge_is_at_80_and_443_unless_others_are_named() {
        // Those of a stack that runs, so that it does not matter who has them on this machine.
        let running = Some(Published { plain: 80, tls: Some(443) });
        let wanted = Wanted { prod: true, tls: true, running, ..DEV };
        let (published, remark) = choose(&said(&[]), wanted).unwrap();
        assert_eq!((published, remark), (Published { plain: 80, tls: Some(443) }, None));
        assert_eq!(published.url(), "https://127.0.0.1");
        let (plain, tls) = (free(), free());
        let named = [("SQUALL_PORT", plain.to_string()), ("SQUALL_TLS_PORT", tls.to_string())];
        let named: Vec<_> = named.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (published, _) = choose(&said(&named), wanted).unwrap();
        assert_eq!(published, Published { plain, tls: Some(tls) });
        assert_eq!(published.url(), format!("https://127.0.0.1:{tls}"));
    }

    #[test]
    fn a_taken_port_of_production_is_refused_with_its_owner() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let text = port.to_string();
        let check = |wanted, variables: &[(&str, &str)], variable: &str| {
            let shown = Failure::from_error(choose(&said(variables), wanted).unwrap_err(), "").to_string();
            assert!(shown.contains(&format!("has the port {port}")), "{shown}");
            assert!(shown.contains(&format!("or set {variable} to another port")), "{shown}");
            if cfg!(target_os = "linux") {
                assert!(shown.contains(&format!("(process {})", std::process::id())), "{shown}");
            }
        };
        let tls = Wanted { prod: true, tls: true, ..DEV };
        let other = free().to_string();
        check(tls, &[("SQUALL_TLS_PORT", &text), ("SQUALL_PORT", &other)], "SQUALL_TLS_PORT");
        check(tls, &[("SQUALL_TLS_PORT", &other), ("SQUALL_PORT", &text)], "SQUALL_PORT");
        check(Wanted { prod: true, usual: port, ..DEV }, &[], "SQUALL_PORT");
        check(DEV, &[("SQUALL_PORT", &text)], "SQUALL_PORT");
        // In development nobody waits at the usual port, so that another one will do.
        let (published, remark) = choose(&said(&[]), Wanted { usual: port, ..DEV }).unwrap();
        assert_ne!(published.plain, port);
        assert!(remark.unwrap().contains(&format!("using {}", published.plain)));
    }

    #[test]
    fn a_stack_that_runs_stays_where_it_is() {
        let running = Published { plain: 8652, tls: None };
        let wanted = Wanted { running: Some(running), ..DEV };
        assert_eq!(choose(&said(&[]), wanted).unwrap().0, running);
        // With TLS it moves to the ports of TLS.
        let moved = Wanted { tls: true, ..wanted };
        let (plain, tls) = (free().to_string(), free().to_string());
        let (moved, _) = choose(&said(&[("SQUALL_PORT", &plain), ("SQUALL_TLS_PORT", &tls)]), moved).unwrap();
        assert_eq!(moved.front().to_string(), tls);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        let check = |wanted, variables: &[(&str, &str)], why: &str| {
            let failure = Failure::from_error(choose(&said(variables), wanted).unwrap_err(), "");
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.wrong().contains(why), "{failure}");
        };
        check(DEV, &[("SQUALL_PORT", "0")], "no port");
        let tls = Wanted { tls: true, prod: true, ..DEV };
        check(tls, &[("SQUALL_TLS_PORT", "https")], "SQUALL_TLS_PORT is \"https\"");
        check(tls, &[("SQUALL_PORT", "443")], "both be at port 443");
    }

    #[test]
    fn an_engine_s_message_names_one_of_both_ports() {
        let both = Published { plain: 80, tls: Some(443) };
        let check = |said, expected| assert_eq!(both.named_in(said), expected, "{said}");
        check("Bind for 0.0.0.0:80 failed: port is already allocated", 80);
        check("listen tcp4 0.0.0.0:443: bind: address already in use", 443);
        check("listen tcp4 0.0.0.0:8080: bind: address already in use", 443);
    }
}
