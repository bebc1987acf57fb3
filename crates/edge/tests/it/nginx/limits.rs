//! A client that sends too many requests gets a 429, and no other client does.

use crate::support::{Edge, client::Answer, upstream::Upstream};

fn edge(upstream: &Upstream, variables: &[(&str, &str)]) -> Edge {
    let api = upstream.address.to_string();
    let all = [&[("SQUALL_EDGE_API", api.as_str()), ("SQUALL_EDGE_TRUSTED_PROXIES", "127.0.0.1")], variables]
        .concat();
    Edge::with(&all)
}

fn is_refused(answer: &Answer, retry_after: &str) {
    assert_eq!(answer.status, 429, "{answer:#?}");
    let body = answer.json();
    assert_eq!(body["code"], "rate_limited");
    assert_eq!(body["request_id"].as_str(), answer.header("X-Request-ID"));
    assert_eq!(answer.header("Retry-After"), Some(retry_after));
    assert!(answer.header("Content-Security-Policy").is_some());
}

/// What a client at an address gets.
fn from(edge: &Edge, address: &str, path: &str) -> Answer {
    edge.get_with(path, &[("X-Forwarded-For", address)])
}

#[test]
fn a_flood_of_sign_ins_is_stopped_and_the_session_can_still_be_read() {
    let upstream = Upstream::with_body("{}");
    let edge = edge(&upstream, &[("SQUALL_EDGE_AUTH_RATE", "10/min"), ("SQUALL_EDGE_AUTH_BURST", "3")]);
    for path in ["/api/v1/session", "/api/v1/setup", "/api/v1/session", "/api/v1/setup"] {
        assert_eq!(edge.post(path, &[], b"{}").status, 200);
    }
    for path in ["/api/v1/session", "/api/v1/setup"] {
        is_refused(&edge.post(path, &[], b"{}"), "6");
        assert_eq!(edge.get(path).status, 200, "reading is not an attempt");
    }
    assert_eq!(edge.client().send("DELETE", "/api/v1/session", &[], b"").status, 200);
    assert_eq!(
        edge.post("/api/v1/session", &[("X-Forwarded-For", "192.0.2.9")], b"{}").status,
        200,
        "another client"
    );
    assert_eq!(upstream.received().len(), 8, "what was refused never reached the api");
}

#[test]
fn one_client_is_limited_on_every_address_pages_too() {
    let upstream = Upstream::with_body("{}");
    let edge = edge(&upstream, &[("SQUALL_EDGE_CLIENT_RATE", "1/min"), ("SQUALL_EDGE_CLIENT_BURST", "1")]);
    for (number, path) in [
        "/",
        "/api/v1/issues",
        "/assets/app-1a2b3c4d.js",
        "/v1/logs",
        "/readyz",
        "/api/v1/stream",
        "/api/1/envelope/",
        "/api/v1/session",
    ]
    .into_iter()
    .enumerate()
    {
        let client = format!("192.0.2.{number}");
        assert_eq!(from(&edge, &client, path).status, 200, "{path}");
        assert_eq!(from(&edge, &client, path).status, 200, "{path}");
        is_refused(&from(&edge, &client, path), "1");
    }
    for _ in 0..5 {
        assert_eq!(edge.get("/edge-healthz").status, 200, "a health check is never refused");
    }
}

#[test]
fn a_network_of_ipv6_is_one_client_and_each_address_of_ipv4_is_one() {
    let upstream = Upstream::with_body("{}");
    let edge = edge(&upstream, &[("SQUALL_EDGE_CLIENT_RATE", "1/min"), ("SQUALL_EDGE_CLIENT_BURST", "0")]);
    for (address, status) in [
        ("2001:db8::1", 200),
        ("2001:db8::2", 429),
        ("2001:db8:0:0:ffff::3", 429),
        ("2001:db8:0:1::1", 200),
        ("192.0.2.1", 200),
        ("192.0.2.2", 200),
        ("192.0.2.1", 429),
        ("::ffff:192.0.2.2", 429),
        ("::ffff:192.0.2.3", 200),
    ] {
        assert_eq!(from(&edge, address, "/").status, status, "{address}");
    }
}

#[test]
fn each_ingestion_key_has_a_rate_wherever_it_stands() {
    let upstream = Upstream::with_body("{}");
    let edge = edge(&upstream, &[("SQUALL_EDGE_KEY_RATE", "1/min"), ("SQUALL_EDGE_KEY_BURST", "0")]);
    let large = vec![b'a'; 200_000];
    for (path, headers, body, status) in [
        ("/api/v1/ingest", &[("Authorization", "Bearer one")][..], &b"x"[..], 200),
        ("/api/v1/ingest", &[("authorization", "bearer one")], b"x", 429),
        ("/api/v1/ingest", &[("X-Squall-Key", "one")], b"x", 429),
        ("/v1/logs", &[("Authorization", "Bearer one")], b"x", 429),
        ("/api/v1/ingest", &[("Authorization", "Bearer one")], &large, 429),
        ("/api/v1/ingest", &[("Authorization", "Bearer two"), ("X-Squall-Key", "one")], &large, 200),
        ("/api/v1/ingest", &[("Authorization", "Bearer two"), ("X-Squall-Key", "three")], b"x", 429),
        ("/api/1/envelope/?sentry_key=four&sentry_version=7", &[], b"x", 200),
        ("/api/1/envelope/?sentry_version=7&sentry_key=four", &[], b"x", 429),
        (
            "/api/1/store/",
            &[("X-Sentry-Auth", "Sentry sentry_version=7, sentry_key=four, sentry_client=x/1")],
            b"x",
            429,
        ),
        ("/api/1/envelope", &[("X-Sentry-Auth", "Sentry sentry_key=four")], b"x", 429),
        (
            "/api/1/store/",
            &[("X-Sentry-Auth", "Sentry sentry_key=five"), ("Authorization", "Bearer six")],
            b"x",
            200,
        ),
        (
            "/api/1/store/",
            &[("X-Sentry-Auth", "Sentry sentry_key=five"), ("Authorization", "Bearer seven")],
            b"x",
            429,
        ),
        ("/api/v1/ingest", &[], b"x", 200),
        ("/api/v1/ingest", &[], b"x", 200),
    ] {
        assert_eq!(edge.post(path, headers, body).status, status, "{path} {headers:?}");
    }
}

#[test]
fn a_browser_on_another_site_can_read_why_its_event_was_refused() {
    let upstream = Upstream::with_body("{}");
    let edge = edge(&upstream, &[("SQUALL_EDGE_KEY_RATE", "1/min"), ("SQUALL_EDGE_KEY_BURST", "0")]);
    let path = "/api/1/envelope/?sentry_key=one";
    assert_eq!(
        edge.post(path, &[], b"x").header("Access-Control-Allow-Origin"),
        None,
        "the api decides about its own answers"
    );
    let refused = edge.post(path, &[], b"x");
    is_refused(&refused, "1");
    assert_eq!(refused.header("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(refused.header("Access-Control-Expose-Headers"), Some("Retry-After, X-Request-ID"));
    let other = edge.get("/nope");
    assert_eq!(other.header("Access-Control-Allow-Origin"), None);
}

#[test]
fn connections_of_one_client_are_bounded() {
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (arrived, arrivals) = std::sync::mpsc::channel::<()>();
    let upstream = Upstream::with(move |_, _| {
        arrived.send(()).unwrap();
        let _ = wait.lock().unwrap().recv();
    });
    let edge = edge(&upstream, &[("SQUALL_EDGE_CLIENT_CONNECTIONS", "2")]);
    let held: Vec<_> = (0..2)
        .map(|_| {
            use std::io::Write as _;
            let mut stream = edge.client().connect();
            stream.write_all(&crate::support::client::request("GET", "/api/v1/issues", &[], b"")).unwrap();
            arrivals.recv_timeout(crate::support::TIMEOUT).unwrap();
            stream
        })
        .collect();
    is_refused(&edge.get("/api/v1/issues"), "1");
    assert_eq!(from(&edge, "192.0.2.1", "/").status, 200, "another client");
    drop((held, end));
}
