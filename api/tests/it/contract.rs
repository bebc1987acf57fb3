//! The error contract over every route. The tests walk the API description, so that a new route is
//! covered automatically.
//!
//! Whatever is wrong with a request, the response has the error body, its request id and the
//! security headers, is a 4xx if the client made the mistake, and reveals nothing internal.

use crate::support::{Answer, Api, proxy::Proxy};
use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, request::Builder},
};
use futures_util::future::join_all;
use serde_json::Value;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use squall_api::{access::Access, openapi, routes};
use std::{collections::BTreeSet, time::Duration};

/// An operation of the API description.
struct Operation {
    method: String,
    path: String,
    parameters: Vec<Parameter>,
    takes_json: bool,
    needs: Needs,
}

struct Parameter {
    name: String,
    in_path: bool,
    is_number: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Session,
    Key,
}

/// The session of an admin, and a key.
struct Credentials {
    admin: String,
    key: String,
}

impl Operation {
    /// All operations of the description.
    fn all() -> Vec<Self> {
        let description: Value =
            serde_json::from_str(&openapi::json(&routes::description()).unwrap()).unwrap();
        let paths = description["paths"].as_object().unwrap();
        let all: Vec<_> = paths
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |it| (path, it)))
            .filter(|(_, (method, _))| method.parse::<Method>().is_ok())
            .map(|(path, (method, operation))| Self::read(path, method, operation))
            .collect();
        assert!(all.len() >= 30, "the description has only {} operations", all.len());
        all
    }

    fn read(path: &str, method: &str, operation: &Value) -> Self {
        // An invalid header counts as not sent: a browser's EventSource repeats what it received.
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.filter(|it| it["in"] != "header");
        let needs = match operation["security"].as_array().and_then(|it| it.first()?.as_object()) {
            None => Needs::Nothing,
            Some(scheme) if scheme.contains_key("session") => Needs::Session,
            Some(_) => Needs::Key,
        };
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters: parameters
                .map(|it| Parameter {
                    name: it["name"].as_str().unwrap().to_owned(),
                    in_path: it["in"] == "path",
                    is_number: it["schema"].to_string().contains("integer"),
                })
                .collect(),
            takes_json: operation["requestBody"]["content"].get("application/json").is_some(),
            needs,
        }
    }

    /// The path, whose parameters name things that do not exist, except for one.
    fn address(&self, odd: Option<(&Parameter, &str)>) -> String {
        let mut address = self.path.clone();
        for parameter in self.parameters.iter().filter(|it| it.in_path) {
            let usual = if parameter.is_number { "999999" } else { "no-such-thing" };
            let value = odd.filter(|(it, _)| it.name == parameter.name).map_or(usual, |(_, value)| value);
            address = address.replace(&format!("{{{}}}", parameter.name), value);
        }
        match odd {
            Some((it, value)) if !it.in_path => format!("{address}?{}={value}", it.name),
            _ => address,
        }
    }

    fn request(&self, address: &str, credentials: &Credentials) -> Builder {
        self.request_by(&self.method, address, credentials)
    }

    fn request_by(&self, method: &str, address: &str, credentials: &Credentials) -> Builder {
        let request = Request::builder().method(method).uri(address);
        let request = request.header("x-request-id", "test.contract");
        match self.needs {
            Needs::Key => request.header("x-squall-key", &credentials.key),
            _ => request.header("cookie", &credentials.admin),
        }
    }
}

async fn credentials(api: &Api) -> Credentials {
    let admin = api.sign_in_as("admin").await;
    let key = api.project_with_key(&admin, "shop").await;
    Credentials { admin, key }
}

/// What never belongs in a response: code, libraries, SQL.
const INTERNALS: [&str; 13] = [
    "sqlx",
    "postgres",
    "select ",
    "insert ",
    ".rs",
    "panicked",
    "axum",
    "serde",
    "struct",
    "tuple",
    "relation",
    "target type",
    "os error",
];

/// Fail if a response breaks the contract.
fn assert_contract(what: &str, answer: &Answer) {
    let what = format!("{what}: {answer:?}");
    assert!(answer.status.as_u16() >= 400, "this should fail: {what}");
    assert_eq!(answer.headers["content-type"], "application/json", "{what}");
    let body = answer.body.as_object().unwrap_or_else(|| panic!("the body is not an object: {what}"));
    let known = ["code", "message", "request_id", "details"];
    assert!(body.keys().all(|key| known.contains(&key.as_str())), "{what}");
    let text =
        |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no {key}: {what}"));
    let code = text("code");
    assert!(!code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{what}");
    let message = text("message");
    assert!(
        message.starts_with(char::is_uppercase) && message.ends_with(['.', '…']),
        "not a sentence: {what}"
    );
    assert_eq!(text("request_id"), "test.contract", "{what}");
    assert_eq!(answer.headers["x-request-id"], "test.contract", "{what}");
    assert_headers(&what, &answer.headers);
    let lower = answer.body.to_string().to_lowercase();
    for internal in INTERNALS {
        assert!(!lower.contains(internal), "{internal:?} is in the response: {what}");
    }
    if answer.status == StatusCode::SERVICE_UNAVAILABLE {
        assert!(answer.headers.contains_key("retry-after"), "{what}");
    }
}

fn assert_headers(what: &str, headers: &HeaderMap) {
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "cross-origin-opener-policy",
    ] {
        assert!(headers.contains_key(name), "no {name}: {what}");
    }
}

/// Fail if a mistake of the client is answered with a 5xx.
fn assert_refused(what: &str, answer: &Answer) {
    assert_contract(what, answer);
    assert!(answer.status.is_client_error(), "a client made the server fail: {what}: {answer:?}");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn an_unknown_address_or_method_gets_a_clear_answer(pool: PgPool) {
    let api = Api::new(pool);
    let credentials = credentials(&api).await;
    let operations = Operation::all();
    for operation in &operations {
        let address = operation.address(None);
        for strange in [format!("{address}/nothing/here"), format!("{address}%2e"), format!("{address}//")] {
            let request = operation.request(&strange, &credentials).body(Body::empty()).unwrap();
            assert_refused(&format!("{} {strange}", operation.method), &api.send(request).await);
        }
        let allowed: BTreeSet<_> =
            operations.iter().filter(|it| it.path == operation.path).map(|it| it.method.as_str()).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.contains(method) {
                continue;
            }
            let request = operation.request_by(method, &address, &credentials).body(Body::empty());
            let answer = api.send(request.unwrap()).await;
            let what = format!("{method} {address}");
            assert_refused(&what, &answer);
            assert_eq!(answer.code(), "method_not_allowed", "{what}");
            let allow = answer.headers["allow"].to_str().unwrap();
            assert!(allowed.iter().all(|method| allow.contains(method)), "{what}: Allow is {allow}");
        }
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_malformed_parameter_is_the_clients_mistake(pool: PgPool) {
    let api = Api::new(pool);
    let credentials = credentials(&api).await;
    for operation in Operation::all() {
        for parameter in &operation.parameters {
            // Not UTF-8, and NUL, which PostgreSQL cannot store; then text that is not a number, or
            // too large.
            let odd: &[&str] = match (parameter.is_number, parameter.in_path) {
                (true, _) => &["%ff", "%00", "seven", "-1.5", "99999999999999999999", "1e9"],
                (false, true) => &["%ff", "%00"],
                (false, false) => &["%00"],
            };
            for value in odd {
                let address = operation.address(Some((parameter, value)));
                let request = operation.request(&address, &credentials);
                let request =
                    request.header("content-type", "application/json").body(Body::from("{}")).unwrap();
                assert_refused(&format!("{} {address}", operation.method), &api.send(request).await);
            }
        }
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn an_invalid_body_is_the_clients_mistake(pool: PgPool) {
    let api = Api::with(pool, &[("SQUALL_MAX_BODY", "2KiB")]);
    let credentials = credentials(&api).await;
    let large = format!("[\"{}\"]", "x".repeat(4096));
    let deep = "[".repeat(1000);
    let bodies: [(&str, &[u8], &str, Option<u16>); 9] = [
        ("application/json", b"", "empty", None),
        ("application/json", b"{\"name\":", "torn", None),
        ("application/json", b"7", "a number", None),
        ("application/json", b"[[[]]]", "lists", None),
        ("application/json", b"\"\xff\"", "not UTF-8", None),
        ("application/json", b"{\"\\u0000\":{\"\\u0000\":[]}}", "NUL", None),
        ("application/json", deep.as_bytes(), "deep", None),
        ("application/json", large.as_bytes(), "large", Some(413)),
        ("image/png", b"{}", "not JSON", Some(415)),
    ];
    let operations = Operation::all();
    let takers: Vec<_> = operations.iter().filter(|it| it.takes_json).collect();
    assert!(takers.len() >= 8, "only {} operations take JSON", takers.len());
    for operation in takers {
        for (kind, body, name, status) in &bodies {
            let request =
                operation.request(&operation.address(None), &credentials).header("content-type", *kind);
            let answer = api.send(request.body(Body::from(body.to_vec())).unwrap()).await;
            let what = format!("{} {} with a body that is {name}", operation.method, operation.path);
            // A change of a missing thing may be answered before its body is validated.
            assert_refused(&what, &answer);
            if let Some(status) = status {
                assert_eq!(answer.status.as_u16(), *status, "{what}: {answer:?}");
            }
        }
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_caller_without_access_gets_a_clear_answer(pool: PgPool) {
    let api = Api::new(pool);
    let viewer = api.sign_in_as("viewer").await;
    let access = routes::walk();
    let of = |it: &Operation| {
        let found = access.iter().find(|(method, path, _)| *method == it.method && *path == it.path);
        found.map(|(_, _, access)| *access).expect("the route is not in the table of routes")
    };
    for operation in Operation::all() {
        let what = format!("{} {}", operation.method, operation.path);
        let (nobody, stranger, low) = (
            Credentials { admin: String::new(), key: String::new() },
            Credentials { admin: "squall_session=guess".into(), key: "sq_guess".into() },
            Credentials { admin: viewer.clone(), key: String::new() },
        );
        let send = async |credentials: &Credentials, site: &str| {
            let request = operation.request(&operation.address(None), credentials);
            let request = request.header("content-type", "application/json").header("sec-fetch-site", site);
            api.send(request.body(Body::from("{}")).unwrap()).await
        };
        if operation.needs != Needs::Nothing {
            for who in [&nobody, &stranger] {
                let answer = send(who, "none").await;
                assert_refused(&what, &answer);
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {answer:?}");
            }
        }
        if matches!(of(&operation), Access::Member | Access::Admin) {
            let answer = send(&low, "none").await;
            assert_refused(&what, &answer);
            assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "forbidden"), "{what}");
        }
        if operation.method != "GET" && operation.needs != Needs::Key {
            let answer = send(&low, "cross-site").await;
            assert_refused(&what, &answer);
            assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "csrf"), "{what}");
        }
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_database_that_goes_away_is_a_503_on_every_route(_: PgPoolOptions, direct: PgConnectOptions) {
    let proxy = Proxy::start(direct.get_host(), direct.get_port()).await;
    let through = direct.host("127.0.0.1").port(proxy.port());
    // A short wait instead of five seconds; the answer is the same. All routes wait at once, each for a connection of
    // its own.
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300)).max_connections(100);
    let pool = pool.connect_with(through).await.unwrap();
    let api = Api::new(pool.clone());
    let credentials = credentials(&api).await;
    proxy.cut().await;
    let operations = Operation::all();
    let answers = operations.iter().map(async |operation| {
        let request = operation.request(&operation.address(None), &credentials);
        let body = r#"{"message":"m","email":"a@b.c","name":"n","password":"long enough it is","token":"t","role":"viewer",
                       "project":"shop","kind":"file","settings":{"glob":"/x"}}"#;
        let kind = if operation.needs == Needs::Key { "application/x-ndjson" } else { "application/json" };
        // One line, which NDJSON reads as one event.
        let body = body.replace('\n', " ");
        api.send(request.header("content-type", kind).body(Body::from(body)).unwrap()).await
    });
    for (operation, answer) in operations.iter().zip(join_all(answers).await) {
        let what = format!("{} {}", operation.method, operation.path);
        if operation.path == "/healthz" {
            assert_eq!(answer.status, StatusCode::OK, "{what}");
            continue;
        }
        assert_contract(&what, &answer);
        let expected = if operation.path == "/readyz" { "not_ready" } else { "database_unavailable" };
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::SERVICE_UNAVAILABLE, expected),
            "{what}: {answer:?}"
        );
    }
    proxy.restore().await;
    for _ in 0..100 {
        if api.get("/readyz", "").await.status == StatusCode::OK {
            // PostgreSQL waits five seconds for the last connection when the database is dropped.
            pool.close().await;
            return;
        }
    }
    panic!("the api did not recover from the loss of its database");
}
