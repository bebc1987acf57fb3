//! Who may call which route, over all routes.

use crate::support::{Api, PASSWORD, cookie_of};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::json;
use sqlx::PgPool;
use squall_api::{access::Access, routes, setup};

/// A path whose parameters name things that do not exist.
fn concrete(path: &str) -> String {
    path.replace("{slug}", "no-such-project").replace("{id}", "999999")
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_route_requires_the_access_it_declares(pool: PgPool) {
    let api = Api::new(pool);
    let cookies = [
        (None, String::new()),
        (Some(Access::Viewer), api.sign_in_as("viewer").await),
        (Some(Access::Member), api.sign_in_as("member").await),
        (Some(Access::Admin), api.sign_in_as("admin").await),
    ];
    let all = routes::walk();
    assert!(all.len() >= 30, "the walk sees only {} routes", all.len());
    for (method, path, access) in all {
        // Signing out ends the session that the rest of the walk needs; it is tested below.
        if (method, path.as_str()) == ("DELETE", "/api/v1/session") {
            continue;
        }
        for (holder, cookie) in &cookies {
            let answer = api.call(method, &concrete(&path), cookie, Some(json!({}))).await;
            let name = format!("{method} {path} as {holder:?}: {answer:?}");
            let refused = match access {
                Access::Public => None,
                Access::Ingest => Some("unknown_key"),
                _ if holder.is_none() => Some("unauthenticated"),
                needed if *holder < Some(needed) => Some("forbidden"),
                _ => None,
            };
            match refused {
                Some(code) => assert_eq!(answer.code(), code, "{name}"),
                None => assert!(
                    !matches!(answer.code(), "unauthenticated" | "forbidden" | "unknown_key" | "internal"),
                    "{name}"
                ),
            }
        }
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn another_site_cannot_use_the_session_of_a_user(pool: PgPool) {
    let api = Api::new(pool);
    let cookie = api.sign_in_as("admin").await;
    let request = |site: &str| {
        Request::post("/api/v1/projects")
            .header("cookie", &cookie)
            .header("content-type", "application/json")
            .header("sec-fetch-site", site)
            .body(Body::from(r#"{"name":"x"}"#))
            .unwrap()
    };
    let answer = api.send(request("cross-site")).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "csrf"));
    assert_eq!(api.send(request("same-origin")).await.status, StatusCode::CREATED);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn the_first_admin_is_created_once_by_the_holder_of_the_link(pool: PgPool) {
    let api = Api::new(pool.clone());
    assert_eq!(api.get("/api/v1/setup", "").await.body, json!({ "needed": true }));
    let link = setup::create_link(&pool, "http://squall").await.unwrap();
    let token = link.url.unwrap().split_once("#token=").unwrap().1.to_owned();
    let body = |token: &str, email: &str| {
        Some(json!({ "token": token, "email": email, "name": "Ada", "password": PASSWORD }))
    };
    let wrong = api.call("POST", "/api/v1/setup", "", body("guess", "a@b.c")).await;
    assert_eq!(wrong.code(), "setup_token_invalid");
    let made = api.call("POST", "/api/v1/setup", "", body(&token, "Ada@Example.org")).await;
    assert_eq!((made.status, made.body["role"].as_str()), (StatusCode::CREATED, Some("admin")));
    assert_eq!(api.get("/api/v1/session", &cookie_of(&made)).await.body["email"], "ada@example.org");
    let again = api.call("POST", "/api/v1/setup", "", body(&token, "eve@example.org")).await;
    assert_eq!(again.code(), "setup_done");
    assert!(!setup::create_link(&pool, "http://squall").await.unwrap().needed);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_session_ends_by_signing_out_disabling_or_expiry(pool: PgPool) {
    let api = Api::new(pool.clone());
    let admin = api.sign_in_as("admin").await;
    let member = api.sign_in_as("member").await;
    let id: i64 =
        sqlx::query_scalar("select id from users where role = 'member'").fetch_one(&pool).await.unwrap();
    let path = format!("/api/v1/users/{id}");
    assert_eq!(
        api.call("PATCH", &path, &admin, Some(json!({ "disabled": true }))).await.status,
        StatusCode::OK
    );
    assert_eq!(api.get("/api/v1/session", &member).await.code(), "unauthenticated");
    assert_eq!(api.sign_in("member@example.org", PASSWORD).await.code(), "invalid_credentials");

    let other = cookie_of(&api.sign_in("admin@example.org", PASSWORD).await);
    assert_eq!(api.call("DELETE", "/api/v1/session", &other, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get("/api/v1/session", &other).await.code(), "unauthenticated");

    sqlx::query("update sessions set expires_at = now() - interval '1 second'").execute(&pool).await.unwrap();
    assert_eq!(api.get("/api/v1/session", &admin).await.code(), "unauthenticated");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn guessing_a_password_becomes_slow_and_the_answer_says_how_slow(pool: PgPool) {
    let api = Api::new(pool);
    api.sign_in_as("viewer").await;
    // On a slow machine an attempt may take longer than the first wait; the waits double.
    let mut tries = 0;
    while api.sign_in("viewer@example.org", "wrong password").await.code() == "invalid_credentials" {
        tries += 1;
    }
    assert!(tries >= 5, "people mistype");
    let answer = api.sign_in("Viewer@example.org", PASSWORD).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"));
    assert!(answer.headers.contains_key("retry-after"));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites(pool: PgPool) {
    let api = Api::with(pool, &[("SQUALL_PUBLIC_URL", "https://squall.example")]);
    api.sign_in_as("viewer").await;
    let answer = api.sign_in("viewer@example.org", PASSWORD).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn the_last_admin_cannot_be_lost(pool: PgPool) {
    let api = Api::new(pool.clone());
    let admin = api.sign_in_as("admin").await;
    let id: i64 = sqlx::query_scalar("select id from users").fetch_one(&pool).await.unwrap();
    for change in [json!({ "role": "viewer" }), json!({ "disabled": true })] {
        let answer = api.call("PATCH", &format!("/api/v1/users/{id}"), &admin, Some(change)).await;
        assert_eq!(answer.code(), "conflict", "{answer:?}");
    }
    assert_eq!(api.get("/api/v1/users", &admin).await.status, StatusCode::OK);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_key_is_shown_once_ingests_only_its_project_and_can_be_revoked(pool: PgPool) {
    let api = Api::new(pool.clone());
    let admin = api.sign_in_as("admin").await;
    let secret = api.project_with_key(&admin, "shop").await;
    let keys = api.get("/api/v1/projects/shop/keys", &admin).await;
    assert!(!keys.body.to_string().contains(&secret), "a list shows a secret");
    let stored: Vec<u8> =
        sqlx::query_scalar("select secret_hash from api_keys").fetch_one(&pool).await.unwrap();
    assert_ne!(stored, secret.as_bytes());

    // A key of scope ingest reads nothing.
    let read = Request::get("/api/v1/issues")
        .header("authorization", format!("Bearer {secret}"))
        .body(Body::empty());
    assert_eq!(api.send(read.unwrap()).await.code(), "unauthenticated");

    let id = keys.body["items"][0]["id"].as_i64().unwrap();
    let revoked = api.call("DELETE", &format!("/api/v1/projects/shop/keys/{id}"), &admin, None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let sent = Request::post("/api/v1/ingest")
        .header("x-squall-key", &secret)
        .body(Body::from("{\"message\":\"x\"}"));
    assert_eq!(api.send(sent.unwrap()).await.code(), "unknown_key");
}
