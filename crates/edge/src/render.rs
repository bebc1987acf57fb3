//! From settings to the files that nginx reads: the templates of `infra/nginx` with their
//! placeholders filled in.

use crate::{
    nginx::Version,
    settings::{Settings, Tls},
    value::{self, ApiAddress},
};
use squall_base::Failure;
use std::{
    fs,
    net::{IpAddr, SocketAddr},
};

/// One file of the configuration.
pub struct ConfigurationFile {
    pub name: &'static str,
    pub text: String,
}

/// Since this version `http2` is a directive of its own; as a parameter of `listen` it is a
/// warning.
const HTTP2_IS_A_DIRECTIVE: Version = (1, 25, 1);

/// Since this version nginx looks up the names in a group again.
const GROUPS_LOOK_UP_NAMES: Version = (1, 27, 3);

/// Since this version a group keeps connections open unless configured otherwise; before it, the
/// directive is unknown.
const GROUPS_KEEP_CONNECTIONS: Version = (1, 29, 7);

/// Seconds within which another replica may still get a request: enough for several that time out
/// after one second.
const LONGEST_RETRY: u64 = 5;

const NGINX: &str = include_str!("../../../infra/nginx/nginx.conf");
const UPSTREAM_NAME: &str = include_str!("../../../infra/nginx/upstream-name.conf");
const UPSTREAM_GROUP: &str = include_str!("../../../infra/nginx/upstream-group.conf");
const MAPS: &str = include_str!("../../../infra/nginx/maps.conf");
const LOG: &str = include_str!("../../../infra/nginx/log.conf");
const SERVER_PLAIN: &str = include_str!("../../../infra/nginx/server-plain.conf");
const SERVER_TLS: &str = include_str!("../../../infra/nginx/server-tls.conf");
const HEADERS: &str = include_str!("../../../infra/nginx/headers.conf");
const ERRORS: &str = include_str!("../../../infra/nginx/errors.conf");
const HEALTH: &str = include_str!("../../../infra/nginx/health.conf");
const ROUTES: &str = include_str!("../../../infra/nginx/routes.conf");
const API: &str = include_str!("../../../infra/nginx/api.conf");
const PAGE: &str = include_str!("../../../infra/nginx/page.conf");
const FILE: &str = include_str!("../../../infra/nginx/file.conf");

/// Every file, in reading order.
pub fn files(settings: &Settings, version: Version) -> Result<Vec<ConfigurationFile>, Failure> {
    let file = |name, text| ConfigurationFile { name, text };
    let web = [("web", quoted(&settings.web.display().to_string()))];
    Ok(vec![
        file("nginx.conf", nginx(settings)),
        file("server.conf", server(settings, version)),
        file("routes.conf", routes(settings)),
        file("api.conf", API.to_owned()),
        file("page.conf", fill(PAGE, &web)),
        file("file.conf", fill(FILE, &web)),
        file("upstream.conf", upstream(settings, version)?),
        file("maps.conf", maps(settings)),
        file("headers.conf", HEADERS.to_owned()),
        file("errors.conf", ERRORS.to_owned()),
        file("health.conf", HEALTH.to_owned()),
        file("log.conf", log(settings)),
    ])
}

fn nginx(settings: &Settings) -> String {
    let trusted = settings.trusted_proxies.iter().map(|network| format!("set_real_ip_from {network};"));
    fill(
        NGINX,
        &[
            ("workers", settings.workers.to_string()),
            ("graceful_timeout", settings.graceful_timeout.to_string()),
            ("client_timeout", settings.client_timeout.to_string()),
            ("log", settings.log_level.to_owned()),
            ("trusted_proxies", lines(trusted)),
            ("client_rate", settings.client.rate.to_nginx()),
            ("auth_rate", settings.auth.rate.to_nginx()),
            ("key_rate", settings.key.rate.to_nginx()),
        ],
    )
}

fn server(settings: &Settings, version: Version) -> String {
    let listen = ("listen", listen(settings.listen));
    let Some(tls) = &settings.tls else { return fill(SERVER_PLAIN, &[listen]) };
    let Tls { listen: tls_listen, certificate, key, public_port, hsts_seconds: _ } = tls;
    let (parameter, directive) = match version >= HTTP2_IS_A_DIRECTIVE {
        true => ("", "http2 on;"),
        false => (" http2", ""),
    };
    let public_port = if *public_port == 443 { String::new() } else { format!(":{public_port}") };
    fill(
        SERVER_TLS,
        &[
            listen,
            ("tls_listen", self::listen(*tls_listen)),
            ("http2_parameter", parameter.to_owned()),
            ("http2_directive", directive.to_owned()),
            ("certificate", quoted(&certificate.display().to_string())),
            ("key", quoted(&key.display().to_string())),
            ("public_port", public_port),
        ],
    )
}

fn routes(settings: &Settings) -> String {
    fill(
        ROUTES,
        &[
            ("client_connections", settings.client_connections.to_string()),
            ("client_burst", burst(settings.client.burst)),
            ("auth_burst", burst(settings.auth.burst)),
            ("key_burst", burst(settings.key.burst)),
            ("max_body", settings.max_body.to_string()),
            ("max_intake_body", settings.max_intake_body.to_string()),
            ("client_timeout", settings.client_timeout.to_string()),
            ("retry_timeout", LONGEST_RETRY.min(settings.read_timeout - 1).to_string()),
            ("read_timeout", settings.read_timeout.to_string()),
            ("stream_timeout", settings.stream_timeout.to_string()),
        ],
    )
}

fn maps(settings: &Settings) -> String {
    let trusted = settings.trusted_proxies.iter().map(|network| format!("{network} 1;"));
    let hsts = settings.tls.as_ref().map(|tls| format!("max-age={}", tls.hsts_seconds));
    fill(
        MAPS,
        &[
            ("trusted_proxies", lines(trusted)),
            ("hsts", hsts.unwrap_or_default()),
            ("auth_retry_after", settings.auth.rate.seconds_until_next().to_string()),
        ],
    )
}

fn log(settings: &Settings) -> String {
    let target = match &settings.access_log {
        Some(path) => format!("{} edge", quoted(&path.display().to_string())),
        None => "off".to_owned(),
    };
    fill(LOG, &[("access_log", target)])
}

/// nginx looks a single name up again when the last answer is older than a second; a list becomes a
/// group.
fn upstream(settings: &Settings, version: Version) -> Result<String, Failure> {
    if let [ApiAddress::Name(..)] = settings.api.as_slice() {
        let name = settings.api.iter().map(ApiAddress::to_nginx).collect();
        return Ok(fill(UPSTREAM_NAME, &[("resolver", name_servers(settings)?.join(" ")), ("api", name)]));
    }
    let has_names = settings.api.iter().any(|address| matches!(address, ApiAddress::Name(..)));
    if has_names && version < GROUPS_LOOK_UP_NAMES {
        let (major, minor, patch) = version;
        return Err(Failure::new(
            "configuring the api replicas of SQUALL_EDGE_API",
            format!(
                "nginx {major}.{minor}.{patch} cannot look several names up again when replicas are replaced; 1.27.3 and newer can"
            ),
            "set one name that resolves to all replicas, list addresses instead of names, or use a newer nginx",
        ));
    }
    let resolver = match has_names {
        true => lines([
            format!("resolver {} valid=1s;", name_servers(settings)?.join(" ")),
            "resolver_timeout 2s;".to_owned(),
        ]),
        false => String::new(),
    };
    let servers = settings.api.iter().map(|address| {
        let resolve = if matches!(address, ApiAddress::Name(..)) { " resolve" } else { "" };
        format!("server {}{resolve} max_fails=0;", address.to_nginx())
    });
    let keepalive = if version >= GROUPS_KEEP_CONNECTIONS { "keepalive 0;" } else { "" };
    let values = [("resolver", resolver), ("servers", lines(servers)), ("keepalive", keepalive.to_owned())];
    Ok(fill(UPSTREAM_GROUP, &values))
}

fn name_servers(settings: &Settings) -> Result<Vec<String>, Failure> {
    if !settings.name_servers.is_empty() {
        return Ok(settings.name_servers.clone());
    }
    let failed = |problem: String| {
        Failure::new(
            "reading the DNS servers from /etc/resolv.conf",
            problem,
            "set SQUALL_EDGE_RESOLVER to the address of a DNS server, or SQUALL_EDGE_API to an address instead of a name",
        )
    };
    let text = fs::read_to_string("/etc/resolv.conf").map_err(|error| failed(error.to_string()))?;
    let found = name_servers_of(&text);
    if found.is_empty() { Err(failed("it lists no usable server".to_owned())) } else { Ok(found) }
}

/// The servers of a `resolv.conf`. nginx cannot use one with a zone (`fe80::1%eth0`).
fn name_servers_of(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.trim().parse::<IpAddr>().ok())
        .map(value::name_server)
        .collect()
}

fn listen(address: SocketAddr) -> String {
    let both = if address.is_ipv6() && address.ip().is_unspecified() { " ipv6only=off" } else { "" };
    format!("{address}{both}")
}

/// nginx rejects `burst=0`.
fn burst(burst: u64) -> String {
    if burst == 0 { String::new() } else { format!(" burst={burst} nodelay") }
}

/// Safe because [`value::path`] rejects quotation marks.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// Replaces placeholders by values. A line with nothing but an empty value disappears; further
/// lines of a value are indented like the first.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(template.len());
    for line in template.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut text = line.to_owned();
        for (name, value) in values {
            text = text.replace(&format!("{{{{{name}}}}}"), &value.replace('\n', &format!("\n{indent}")));
        }
        if text.trim().is_empty() && !line.trim().is_empty() {
            continue;
        }
        filled += text.trim_end();
        filled.push('\n');
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_removes_its_line_and_a_long_one_keeps_its_indent() {
        let template = "a {{one}};\n    {{none}}\n    {{two}}\n\nend {{one}}\n";
        let filled = fill(template, &[("one", "1".into()), ("none", String::new()), ("two", "x\ny".into())]);
        assert_eq!(filled, "a 1;\n    x\n    y\n\nend 1\n");
    }

    #[test]
    fn name_servers_are_those_that_nginx_can_use() {
        let text = "# made by hand\nsearch example.org\nnameserver 127.0.0.11\nnameserver ::1\nnameserver fe80::1%eth0\n";
        assert_eq!(name_servers_of(text), ["127.0.0.11", "[::1]"]);
    }
}
