//! Errors at the edge have the JSON body of the api, a request id, and every security header
//! exactly once.

use crate::support::{
    Edge,
    api::{Database, local},
    client::Answer,
    upstream::Upstream,
};

const SECURITY: [(&str, &str); 8] = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=()"),
    ("Content-Security-Policy", "default-src 'none'; script-src 'self'"),
    ("Server", "nginx"),
];

/// Every security header once, and no internal details.
fn has_security_headers(answer: &Answer) {
    for (name, part) in SECURITY {
        let value = answer.header(name).unwrap_or_else(|| panic!("{name} is missing: {answer:#?}"));
        assert!(value.contains(part), "{name}: {value}");
        assert!(!value.contains("unsafe-"), "{name}: {value}");
    }
    assert_eq!(answer.header("Server"), Some("nginx"));
    assert_eq!(answer.header("Strict-Transport-Security"), None, "the edge has no TLS here");
}

/// A failure that a program can read and a person can report.
fn is_failure(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{answer:#?}");
    let body = answer.json();
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(body["request_id"].as_str(), answer.header("X-Request-ID"));
    assert!(body["message"].as_str().unwrap().ends_with(['.', '…']), "{body}");
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    has_security_headers(answer);
}

#[test]
fn what_nginx_itself_refuses_has_the_body_of_the_contract() {
    let edge = Edge::before("127.0.0.1:9");
    let long = "a".repeat(40_000);
    let cookie = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: {long}\r\n\r\n");
    let path = format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n");
    for (request, status, code) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "invalid_request"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid_request"),
        ("nonsense\r\n\r\n", 400, "invalid_request"),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_request"),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_request"),
        ("POST /api/v1/ingest HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400, "invalid_request"),
        ("GET /assets/none.js HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "not_found"),
        ("GET /nope HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "not_found"),
        ("GET /edge/error HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "not_found"),
        ("GET /edge/large-body HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "not_found"),
        ("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, "not_found"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"),
        (
            "POST /issues HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            405,
            "method_not_allowed",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nIf-Match: \"x\"\r\n\r\n",
            412,
            "precondition_failed",
        ),
        (path.as_str(), 414, "address_too_long"),
        (cookie.as_str(), 431, "headers_too_large"),
        ("POST /api/v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        ("GET / HTTP/3.7\r\nHost: a\r\n\r\n", 505, "not_implemented"),
    ] {
        let answer = edge.client().raw(request.as_bytes());
        is_failure(&answer, status, code);
        assert_eq!(answer.header("Allow"), (status == 405).then_some("GET, HEAD"), "{request}");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_for_each_kind_of_address() {
    let upstream = Upstream::with_body("taken");
    let edge = Edge::with(&[
        ("SQUALL_EDGE_API", &upstream.address.to_string()),
        ("SQUALL_EDGE_MAX_INTAKE_BODY", "2MiB"),
    ]);
    const MIB: usize = 1 << 20;
    for (path, allowed) in [
        ("/api/v1/projects", MIB),
        ("/api/v1/session", 16 << 10),
        ("/api/v1/ingest", 2 * MIB),
        ("/v1/logs", 2 * MIB),
        ("/api/7/envelope/", 2 * MIB),
        ("/api/7/store/", 2 * MIB),
    ] {
        assert_eq!(edge.post(path, &[], &vec![b'a'; allowed]).status, 200, "{path}");
        is_failure(&edge.post(path, &[], &vec![b'a'; allowed + 1]), 413, "payload_too_large");
    }
    // The length of a chunked body is not known in advance.
    let mut chunk = format!("{:x}\r\n", 3 * MIB).into_bytes();
    chunk.extend(vec![b'a'; 3 * MIB]);
    chunk.extend(b"\r\n0\r\n\r\n");
    is_failure(&edge.post("/v1/logs", &[("Transfer-Encoding", "chunked")], &chunk), 413, "payload_too_large");
}

#[test]
fn an_api_that_is_away_or_talks_nonsense_is_a_502() {
    let edge = Edge::before("127.0.0.1:9");
    for (method, path) in
        [("GET", "/api/v1/issues"), ("POST", "/api/v1/ingest"), ("GET", "/readyz"), ("GET", "/api/v1/stream")]
    {
        let answer = edge.client().send(method, path, &[], b"");
        is_failure(&answer, 502, "api_unreachable");
        assert_eq!(answer.header("Retry-After"), Some("2"));
    }
    for nonsense in ["HTTP/1.1 200 OK\r\nno header this is\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Le", ""] {
        let upstream = Upstream::answering(nonsense);
        let edge = Edge::before(&upstream.address.to_string());
        is_failure(&edge.get("/api/v1/issues"), 502, "api_unreachable");
    }
}

#[test]
fn an_api_that_says_nothing_is_a_504() {
    let (_end, forever) = std::sync::mpsc::channel::<()>();
    let forever = std::sync::Mutex::new(forever);
    let upstream = Upstream::with(move |_, _| {
        let _ = forever.lock().unwrap().recv();
    });
    let edge =
        Edge::with(&[("SQUALL_EDGE_API", &upstream.address.to_string()), ("SQUALL_EDGE_READ_TIMEOUT", "2")]);
    let answer = edge.get("/api/v1/issues");
    is_failure(&answer, 504, "timeout");
    assert_eq!(answer.header("Retry-After"), Some("2"));
    assert_eq!(upstream.received().len(), 1, "a slow response is not requested twice");
}

#[test]
fn what_the_api_answers_passes_as_it_is_with_each_header_once() {
    let database = Database::new();
    let api = database.api(local());
    let edge = Edge::before(&api.address.to_string());
    for (method, path, status, code) in [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/issues", 401, "unauthenticated"),
        ("PUT", "/api/v1/session", 405, "method_not_allowed"),
        ("POST", "/api/v1/ingest", 401, "unknown_key"),
        ("GET", "/api/nothing.js", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
    ] {
        let answer = edge.client().send(method, path, &[], b"");
        is_failure(&answer, status, code);
    }
    assert_eq!(
        edge.client().send("PUT", "/api/v1/session", &[], b"").header("Allow").map(|it| it.contains("POST")),
        Some(true)
    );
    for path in ["/readyz", "/healthz", "/api/v1/setup", "/api/openapi.json", "/"] {
        let answer = edge.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:#?}");
        has_security_headers(&answer);
    }
    // The api's HTTP library would refuse these without a body.
    for path in [&b"/api/v1/<x>"[..], b"/api/v1/x?a=\"b\"", b"/api/v1/\xff"] {
        let request = [b"GET ", path, b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat();
        is_failure(&edge.client().raw(&request), 400, "invalid_request");
    }
    let answer = edge
        .client()
        .raw("GET /api/v1/nothing?q=é HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".as_bytes());
    is_failure(&answer, 404, "not_found");
    api.stop();
    is_failure(&edge.get("/api/v1/issues"), 502, "api_unreachable");
}

/// Swagger UI's files are held and answered packed.
fn unpacked(answer: &Answer) -> String {
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    std::io::read_to_string(flate2::read::GzDecoder::new(answer.body.as_slice())).unwrap()
}

#[test]
fn swagger_ui_has_nothing_inline_but_the_style_that_its_policy_knows() {
    let database = Database::new();
    let api = database.api(local());
    let edge = Edge::before(&api.address.to_string());
    let page = edge.get("/api/docs/");
    assert_eq!(page.status, 200);
    let policy = page.header("Content-Security-Policy").unwrap();
    assert!(
        policy.contains("style-src 'self' 'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"),
        "{policy}"
    );
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    let html = unpacked(&page);
    assert!(!html.contains("<style") && !html.contains("style=") && !html.contains("<script>"), "{html}");
    let preset = unpacked(&edge.get("/api/docs/swagger-ui-standalone-preset.js"));
    let logo = r#"createElement("style",null,".logo_small_svg__cls-2{fill:#fff}.logo_small_svg__cls-3{fill:#85ea2d}")"#;
    assert_eq!(preset.matches(r#"createElement("style""#).count(), 1);
    assert!(
        preset.contains(logo),
        "Swagger UI's logo has another style: renew the hash in infra/nginx/maps.conf"
    );
}
