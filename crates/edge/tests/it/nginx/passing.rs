//! What the edge passes on: request ids, addresses, bodies and streams, and what it logs.

use crate::support::{
    Edge,
    api::{Database, local},
    client::{read_chunk, read_head, request},
    upstream::Upstream,
};
use std::io::{BufReader, Write};

#[test]
fn a_sane_request_id_is_echoed_and_reaches_the_logs_of_both() {
    let database = Database::new();
    let api = database.api(local());
    let edge = Edge::before(&api.address.to_string());
    let id = "trace-1.A_b";
    let answer = edge.get_with("/api/v1/setup", &[("X-Request-ID", id)]);
    assert_eq!((answer.status, answer.request_id()), (200, id));
    assert_eq!(edge.logged(id)["request_id"], id);
    assert!(database.log().contains(id), "{}", database.log());
    let longest = "a".repeat(128);
    assert_eq!(edge.get_with("/", &[("X-Request-ID", &longest)]).request_id(), longest);
}

#[test]
fn an_odd_request_id_is_replaced_by_one_that_the_api_gets_too() {
    let upstream = Upstream::with_body("{}");
    let edge = Edge::before(&upstream.address.to_string());
    let too_long = "a".repeat(129);
    for odd in ["", "a b", "a;b", "a\"b", "ä", "<script>", &too_long] {
        let answer = edge.get_with("/api/v1/x", &[("X-Request-ID", odd)]);
        let made = answer.request_id();
        assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{odd}: {made}");
        assert_eq!(upstream.received().last().unwrap().header("X-Request-ID"), Some(made));
    }
}

#[test]
fn the_api_gets_the_client_address_and_no_client_can_forge_it() {
    let upstream = Upstream::with_body("{}");
    let api = upstream.address.to_string();
    let forged = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Real-IP", "192.0.2.1"),
        ("Forwarded", "for=192.0.2.1"),
    ];
    for (trusted, client, scheme) in [("", "127.0.0.1", "http"), ("127.0.0.0/8", "192.0.2.1", "https")] {
        let edge = Edge::with(&[("SQUALL_EDGE_API", &api), ("SQUALL_EDGE_TRUSTED_PROXIES", trusted)]);
        let answer = edge.get_with("/api/v1/x", &forged);
        let received = upstream.received().last().unwrap().clone();
        for (header, expected) in [
            ("X-Forwarded-For", Some(client)),
            ("X-Real-IP", Some(client)),
            ("X-Forwarded-Proto", Some(scheme)),
            ("X-Forwarded-Host", Some("squall.test")),
            ("Host", Some("squall.test")),
            ("Forwarded", None),
        ] {
            assert_eq!(received.header(header), expected, "{header} when {trusted:?} is trusted");
        }
        assert_eq!(edge.logged(answer.request_id())["client"], client);
    }
}

#[test]
fn a_proxy_in_a_chain_is_believed_up_to_the_first_stranger() {
    let upstream = Upstream::with_body("{}");
    let edge = Edge::with(&[
        ("SQUALL_EDGE_API", &upstream.address.to_string()),
        ("SQUALL_EDGE_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8"),
    ]);
    edge.get_with("/api/v1/x", &[("X-Forwarded-For", "203.0.113.9, 198.51.100.7, 10.1.2.3")]);
    assert_eq!(upstream.received()[0].header("X-Forwarded-For"), Some("198.51.100.7"));
}

#[test]
fn addresses_and_bodies_arrive_as_they_were_sent() {
    let upstream = Upstream::with_body("{}");
    let edge = Edge::before(&upstream.address.to_string());
    let large: Vec<_> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    for (path, body) in [
        ("/api/v1/issues?q=a%2Fb%20c&x=%F0%9F%8C%8A", &b""[..]),
        ("/api/v1//issues/../x", b""),
        ("/api/7/envelope/?sentry_key=k&sentry_version=7", b"{}\n{\"type\":\"event\"}\n{}\n"),
        ("/api/v1/ingest", &large),
        ("/v1/logs", &large),
        ("/v1/traces", b"other"),
    ] {
        let headers =
            [("Content-Type", "text/x-any"), ("Content-Encoding", "zstd"), ("Authorization", "Bearer k")];
        assert_eq!(edge.post(path, &headers, body).status, 200, "{path}");
        let received = upstream.received().last().unwrap().clone();
        assert_eq!(received.first_line, format!("POST {path} HTTP/1.1"));
        assert_eq!(received.body, body, "{path}");
        for (name, value) in headers {
            assert_eq!(received.header(name), Some(value));
        }
    }
    // The api gets a chunked body with its length.
    edge.post("/v1/logs", &[("Transfer-Encoding", "chunked")], b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let received = upstream.received().last().unwrap().clone();
    assert_eq!((received.header("Content-Length"), received.body.as_slice()), (Some("5"), &b"abcde"[..]));
}

#[test]
fn events_are_durable_when_they_went_through_the_edge() {
    let database = Database::new();
    let api = database.api(local());
    let edge = Edge::before(&api.address.to_string());
    let authorization = format!("Bearer {}", database.key);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "text/plain")];
    let large = "a line of a log that is long enough\n".repeat(10_000);
    for (body, events) in [("one line", 1), (large.as_str(), 10_000)] {
        let answer = edge.post("/api/v1/ingest", &headers, body.as_bytes());
        assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (202, Some(events)), "{answer:#?}");
    }
    assert_eq!(database.count("select sum(events)::bigint from inbox"), 10_001);
}

#[test]
fn each_piece_of_a_live_stream_arrives_before_the_next_is_sent() {
    // In chunks, and as bytes until the connection ends, which nginx would rather collect.
    for (framing, before, after) in [("Transfer-Encoding: chunked\r\n", "9\r\n", "\r\n"), ("", "", "")] {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let upstream = Upstream::with(move |_, stream| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n").unwrap();
            for number in 1..=5 {
                stream.write_all(format!("{before}data: {number}\n\n{after}").as_bytes()).unwrap();
                wait.lock().unwrap().recv().unwrap();
            }
            write!(stream, "{}", before.replace('9', "0") + after).unwrap();
        });
        let edge = Edge::before(&upstream.address.to_string());
        let mut stream = edge.client().connect();
        let headers = [("Accept", "text/event-stream"), ("Accept-Encoding", "gzip")];
        stream.write_all(&request("GET", "/api/v1/stream", &headers, b"")).unwrap();
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader);
        assert_eq!(status, 200);
        assert!(!headers.iter().any(|(name, _)| name == "Content-Encoding"), "{headers:?}");
        for number in 1..=5 {
            assert_eq!(read_chunk(&mut reader).unwrap(), format!("data: {number}\n\n").as_bytes());
            go_on.send(()).unwrap();
        }
        assert_eq!(read_chunk(&mut reader), None);
    }
}

#[test]
fn the_log_names_the_request_and_none_of_its_secrets() {
    let upstream = Upstream::with_body("{}");
    let edge = Edge::before(&upstream.address.to_string());
    let headers = [
        ("Authorization", "Bearer hidden-1"),
        ("X-Sentry-Auth", "Sentry sentry_key=hidden-2"),
        ("Cookie", "squall_session=hidden-3"),
        ("Referer", "http://squall.test/setup?token=hidden-4"),
        ("X-Squall-Key", "hidden-5"),
        ("User-Agent", "a \"quoted\" agent\t\u{1f30a}"),
    ];
    let answer = edge.post("/api/7/envelope/?sentry_key=hidden-6", &headers, b"hidden-7");
    let line = edge.logged(answer.request_id());
    assert!(!line.to_string().contains("hidden"), "{line}");
    for (field, expected) in [
        ("path", "/api/7/envelope/"),
        ("method", "POST"),
        ("host", "squall.test"),
        ("upstream_status", "200"),
        ("user_agent", "a \"quoted\" agent\t\u{1f30a}"),
        ("message", "A request passed the edge."),
    ] {
        assert_eq!(line[field], expected, "{field}");
    }
    assert_eq!(line["status"], 200);
    assert!(line["seconds"].is_number() && line["bytes_in"].is_number(), "{line}");
    assert_eq!(line["upstream"], upstream.address.to_string());
    let refused = edge.post("/issues", &[], b"");
    assert_eq!(
        edge.logged(refused.request_id())["method"],
        "POST",
        "the original method, not that of the error page"
    );
}

#[test]
fn a_failing_api_puts_no_key_into_the_messages_of_nginx() {
    let edge = Edge::with(&[("SQUALL_EDGE_API", &local().to_string()), ("SQUALL_EDGE_LOG", "crit")]);
    assert_eq!(edge.post("/api/7/envelope/?sentry_key=hidden", &[], b"x").status, 502);
    assert!(!edge.output().contains("hidden"), "{}", edge.output());
}
