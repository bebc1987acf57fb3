//! The api in process, and signed-in users of it.

pub mod proxy;
pub mod stream;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
    response::Response,
};
use serde_json::Value;
use sqlx::PgPool;
use squall_api::{AppState, app, config::Config, identity::password};
use squall_base::Environment;
use tower::ServiceExt;

pub const PASSWORD: &str = "correct horse battery";

pub struct Api {
    pub pool: PgPool,
    pub state: AppState,
    router: Router,
}

/// A complete response.
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
        Self::from_state(AppState::new(pool, config))
    }

    pub fn from_state(state: AppState) -> Self {
        Self { pool: state.pool.clone(), router: app(state.clone()), state }
    }

    /// Send a request whose response may never end.
    pub async fn open(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, mut body) = self.open(request).await.into_parts();
        // A stream never ends.
        if parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            body = Body::empty();
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into()));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Send JSON with a session cookie, unless it is empty.
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

    /// Create a user of a role and return their session cookie.
    pub async fn sign_in_as(&self, role: &str) -> String {
        let hash = password::hash(PASSWORD.to_owned()).await.unwrap();
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

    /// Create a project with a key and return its secret.
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

/// `name=value` of the session cookie in a response.
pub fn cookie_of(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}
