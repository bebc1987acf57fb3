//! The api in process, and people who are signed in to it.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "each test file uses a part of it, and ends where it cannot go on"
)]

pub mod proxy;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
    response::Response,
};
use serde_json::Value;
use sqlx::PgPool;
use squall_api::{AppState, app, auth, config::Config};
use squall_base::Environment;
use tower::ServiceExt;

pub const PASSWORD: &str = "correct horse battery";

pub struct Api {
    pub pool: PgPool,
    pub state: AppState,
    router: Router,
}

/// One answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Api {
    pub fn new(pool: PgPool) -> Self {
        Self::with(pool, &[])
    }

    pub fn with(pool: PgPool, variables: &'static [(&'static str, &'static str)]) -> Self {
        let lookup = |name: &str| {
            let database = (name == "DATABASE_URL").then_some("postgres://unused");
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
                .or(database)
                .map(str::to_owned)
        };
        let config = Config::read(Environment::from_lookup(lookup)).unwrap();
        Self::of(AppState::new(pool, config))
    }

    pub fn of(state: AppState) -> Self {
        Self { pool: state.pool.clone(), router: app(state.clone()), state }
    }

    /// Sends a request whose answer may have no end.
    pub async fn open(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, mut body) = self.open(request).await.into_parts();
        // A stream has no end to read to.
        if parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            body = Body::empty();
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into()));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends JSON with a session's cookie; an empty cookie sends none.
    pub async fn call(&self, method: &str, path: &str, cookie: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !cookie.is_empty() {
            request = request.header("cookie", cookie);
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.send(request.header("content-type", "application/json").body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.call("GET", path, cookie, None).await
    }

    /// Makes a person of a role; the cookie of their session.
    pub async fn sign_in_as(&self, role: &str) -> String {
        let hash = auth::hash_password(PASSWORD.to_owned()).await.unwrap();
        let email = format!("{role}@example.org");
        sqlx::query(
            "insert into users (email, name, password_hash, role) values ($1, $2, $3, $2::user_role)",
        )
        .bind(&email)
        .bind(role)
        .bind(hash)
        .execute(&self.pool)
        .await
        .unwrap();
        let answer = self.sign_in(&email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        cookie_of(&answer)
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        let body = serde_json::json!({ "email": email, "password": password });
        self.call("POST", "/api/v1/session", "", Some(body)).await
    }

    /// Makes a project with a key; the key's secret.
    pub async fn project_with_key(&self, admin: &str, slug: &str) -> String {
        let made = self
            .call("POST", "/api/v1/projects", admin, Some(serde_json::json!({ "name": slug, "slug": slug })))
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let path = format!("/api/v1/projects/{slug}/keys");
        let key = self.call("POST", &path, admin, Some(serde_json::json!({ "name": "test" }))).await;
        assert_eq!(key.status, StatusCode::CREATED, "{key:?}");
        key.body["secret"].as_str().unwrap().to_owned()
    }
}

/// `name=value` of the session cookie that an answer sets.
pub fn cookie_of(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}
