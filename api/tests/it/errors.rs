//! Every kind of failure has the error body.

use crate::support::Api;
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use sqlx::PgPool;

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_kind_of_mistake_gets_a_sentence_and_a_request_id(pool: PgPool) {
    let api = Api::with(pool, &[("SQUALL_MAX_BODY", "2KiB")]);
    let admin = api.sign_in_as("admin").await;
    let json_header = ("content-type", "application/json");
    let big = format!("{{\"name\":\"{}\"}}", "x".repeat(4096));
    let long_email = format!(r#"{{"email":"{}@b","password":"x"}}"#, "a".repeat(400));
    let long_glob = format!(
        r#"{{"project":"x","kind":"file","name":"n","settings":{{"glob":"/{}"}}}}"#,
        "a".repeat(1100)
    );
    let cases = [
        ("unknown route", "GET", "/api/v1/nothing", None, json_header, 404),
        ("unknown route below a page", "POST", "/nothing", None, json_header, 404),
        ("wrong method", "PUT", "/api/v1/projects", None, json_header, 405),
        ("no session", "GET", "/api/v1/issues", None, json_header, 401),
        ("truncated JSON", "POST", "/api/v1/projects", Some("{\"name\":"), json_header, 400),
        ("wrong type", "POST", "/api/v1/projects", Some("{\"name\":7}"), json_header, 400),
        ("missing field", "POST", "/api/v1/projects", Some("{}"), json_header, 400),
        ("not JSON", "POST", "/api/v1/projects", Some("name=x"), ("content-type", "text/plain"), 415),
        ("too large", "POST", "/api/v1/projects", Some(big.as_str()), json_header, 413),
        ("bad query", "GET", "/api/v1/issues?level=loud", None, json_header, 400),
        ("bad limit", "GET", "/api/v1/issues?limit=0", None, json_header, 400),
        ("bad cursor", "GET", "/api/v1/issues?cursor=zz", None, json_header, 400),
        ("bad id", "GET", "/api/v1/issues/seven", None, json_header, 404),
        ("bad slug", "POST", "/api/v1/projects", Some("{\"name\":\"x\",\"slug\":\"A B\"}"), json_header, 400),
        ("no such issue", "GET", "/api/v1/issues/999", None, json_header, 404),
        ("NUL in a query", "GET", "/api/v1/issues?q=%00", None, json_header, 400),
        ("NUL in a path", "GET", "/api/v1/projects/%00", None, json_header, 400),
        ("email too long", "POST", "/api/v1/session", Some(long_email.as_str()), json_header, 400),
        ("glob too long", "POST", "/api/v1/sources", Some(long_glob.as_str()), json_header, 400),
        (
            "short password",
            "POST",
            "/api/v1/users",
            Some(r#"{"email":"a@b","name":"a","role":"viewer","password":"short"}"#),
            json_header,
            400,
        ),
    ];
    let mut bodies = serde_json::Map::new();
    for (name, method, path, body, header, status) in cases {
        let cookie = if name == "no session" { "" } else { admin.as_str() };
        let request =
            Request::builder().method(method).uri(path).header("cookie", cookie).header(header.0, header.1);
        let request = request
            .header("x-request-id", "test.1")
            .body(body.map_or(Body::empty(), |text| Body::from(text.to_owned())));
        let answer = api.send(request.unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{name}: {answer:?}");
        assert_eq!(answer.headers["x-request-id"], "test.1", "{name}");
        for header in ["content-security-policy", "x-content-type-options"] {
            assert!(answer.headers.contains_key(header), "{name} has no {header}");
        }
        bodies.insert(name.to_owned(), answer.body);
    }
    insta::assert_json_snapshot!(Value::Object(bodies));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_request_id_that_a_log_cannot_hold_is_replaced(pool: PgPool) {
    let api = Api::new(pool);
    let long = "x".repeat(200);
    for id in ["two words", "<script>", "", &long] {
        let request = Request::get("/healthz").header("x-request-id", id).body(Body::empty()).unwrap();
        let answer = api.send(request).await;
        assert_ne!(answer.headers["x-request-id"], id);
        assert_eq!(answer.headers["x-request-id"].len(), 36, "a UUID");
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_lost_database_is_a_503_that_says_when_to_retry(pool: PgPool) {
    let api = Api::new(pool.clone());
    let admin = api.sign_in_as("admin").await;
    let key = api.project_with_key(&admin, "shop").await;
    let ingest = || {
        let request = Request::post("/api/v1/ingest").header("x-squall-key", &key);
        request.body(Body::from("{\"message\":\"kept?\"}")).unwrap()
    };
    assert_eq!(api.send(ingest()).await.status, StatusCode::ACCEPTED);
    pool.close().await;
    for answer in [api.send(ingest()).await, api.get("/api/v1/issues", &admin).await] {
        assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"));
        assert_eq!(answer.headers["retry-after"], "2");
    }
    let ready = api.get("/readyz", "").await;
    assert_eq!(
        (ready.status, ready.code(), ready.body["details"]["checks"]["database"]["ok"].as_bool()),
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready", Some(false))
    );
    assert_eq!(api.get("/healthz", "").await.status, StatusCode::OK);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_full_disk_is_a_503_and_the_retry_succeeds(pool: PgPool) {
    let api = Api::new(pool.clone());
    let admin = api.sign_in_as("admin").await;
    let key = api.project_with_key(&admin, "shop").await;
    let ingest = || {
        let request = Request::post("/api/v1/ingest").header("x-squall-key", &key);
        request.body(Body::from("{\"message\":\"kept?\"}")).unwrap()
    };
    // The SQLSTATE of a full disk.
    for sql in [
        "create function full_disk() returns trigger language plpgsql as
         'begin raise exception ''could not extend file'' using errcode = ''53100''; end'",
        "create trigger full_disk before insert on inbox execute function full_disk()",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    let refused = api.send(ingest()).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"));
    sqlx::query("drop trigger full_disk on inbox").execute(&pool).await.unwrap();
    assert_eq!(api.send(ingest()).await.status, StatusCode::ACCEPTED);
    let kept: i64 =
        sqlx::query_scalar("select sum(events)::bigint from inbox").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, 1);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_slow_request_is_cancelled_with_a_clear_answer(pool: PgPool) {
    let api = Api::with(pool.clone(), &[("SQUALL_REQUEST_TIMEOUT", "1")]);
    let admin = api.sign_in_as("admin").await;
    let mut held = pool.begin().await.unwrap();
    sqlx::query("lock table projects in access exclusive mode").execute(&mut *held).await.unwrap();
    let answer = api.get("/api/v1/projects", &admin).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "timeout"));
}

#[tokio::test]
async fn a_panic_becomes_an_internal_error_without_its_message() {
    let pool = sqlx::PgPool::connect_lazy("postgres://unused").unwrap();
    let lookup = |name: &str| (name == "DATABASE_URL").then(|| "postgres://unused".to_owned());
    let config = squall_api::config::Config::read(squall_base::Environment::from_lookup(lookup)).unwrap();
    let state = squall_api::AppState::new(pool, config);
    let broken = axum::Router::new().route(
        "/broken",
        axum::routing::get(|| async {
            if std::env::args().count() > 0 {
                panic!("a secret of the program");
            }
            "never"
        }),
    );
    let router = squall_api::request::wrap(broken, &state);
    let response = tower::ServiceExt::oneshot(router, Request::get("/broken").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(body["code"], json!("internal"));
    assert!(!body.to_string().contains("secret"));
}
