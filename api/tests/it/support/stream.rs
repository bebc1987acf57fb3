//! Live updates as a client reads them, and changes to cause them.

use super::Api;
use crate::redis_server::{RedisServer, TIMEOUT};
use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use futures_util::StreamExt;
use serde_json::Value;
use sqlx::PgPool;
use squall_api::{
    AppState,
    config::Config,
    live::{Live, Timing},
};
use squall_base::Environment;
use squall_live::{Publisher, Update, redis::State};
use std::time::Duration;
use tokio::time::timeout;

/// An api that does not wait long.
pub fn api(pool: &PgPool, variables: &[(&str, &str)]) -> Api {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let env = Environment::from_lookup(move |name| {
        let database = (name == "DATABASE_URL").then(|| "postgres://unused".to_owned());
        variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).or(database)
    });
    let mut state = AppState::new(pool.clone(), Config::read(env).unwrap());
    let timing = Timing {
        send: Duration::from_millis(20),
        access_check: Duration::from_millis(50),
        linger: Duration::from_secs(60),
    };
    state.live = Live::start(pool.clone(), state.redis.clone(), timing);
    Api::from_state(state)
}

/// An api that is connected to Redis.
pub async fn sharing(pool: &PgPool, server: &RedisServer, variables: &[(&str, &str)]) -> Api {
    let url = server.url();
    let api = api(pool, &[variables, &[("REDIS_URL", &url)]].concat());
    until_redis(&api, |state| *state == State::Up).await;
    api
}

pub async fn until_redis(api: &Api, fits: impl Fn(&State) -> bool) {
    let redis = api.state.redis.as_ref().expect("this api has no Redis");
    timeout(TIMEOUT, redis.wait_for(fits)).await.expect("the state of Redis does not change");
}

/// A message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

/// A stream, read message by message.
pub struct Stream {
    body: BodyDataStream,
    text: String,
    /// The last id, as a browser remembers it.
    pub last_id: String,
}

impl Stream {
    pub async fn open(api: &Api, headers: &[(&str, &str)], query: &str) -> Self {
        let response = api.open(request(headers, query)).await;
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let body = response.into_body().into_data_stream();
        let mut stream = Self { body, text: String::new(), last_id: String::new() };
        // The position where the stream starts.
        stream.block().await.expect("the stream ended");
        stream
    }

    /// A user's stream of all projects.
    pub async fn of_user(api: &Api, cookie: &str) -> Self {
        Self::open(api, &[("cookie", cookie)], "").await
    }

    /// The next message; `None` if the stream ended.
    pub async fn next(&mut self) -> Option<Event> {
        timeout(TIMEOUT, async {
            loop {
                let block = self.block().await?;
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(|value| value.trim().to_owned())
                };
                if let (Some(kind), Some(data)) = (field("event:"), field("data:")) {
                    let data = serde_json::from_str(&data).unwrap();
                    return Some(Event { id: self.last_id.clone(), kind, data });
                }
            }
        })
        .await
        .expect("no message arrives")
    }

    /// The next message of a kind, skipping others.
    pub async fn next_of(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next().await.expect("the stream ended");
            if event.kind == kind {
                return event;
            }
        }
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id:")) {
                    self.last_id = id.trim().to_owned();
                }
                return Some(block);
            }
            let chunk = timeout(TIMEOUT, self.body.next()).await.expect("nothing arrives")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }
}

pub fn request(headers: &[(&str, &str)], query: &str) -> Request<Body> {
    let request = Request::get(format!("/api/v1/stream{query}"));
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(Body::empty())
        .unwrap()
}

/// What a worker publishes about a new issue.
pub fn new(issue_id: i64) -> Update {
    let mut update = Update::default();
    update.add_new(issue_id);
    update
}

pub fn changed(issue_id: i64) -> Update {
    let mut update = Update::default();
    update.add_changed(issue_id);
    update
}

/// What a worker publishes with.
pub fn worker(pool: &PgPool) -> Publisher {
    Publisher::start(pool.clone(), None)
}

pub async fn insert_project(pool: &PgPool, slug: &str) -> i64 {
    sqlx::query_scalar("insert into projects (slug, name) values ($1, $1) returning id")
        .bind(slug)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Insert issues with these ids.
pub async fn insert_issues(pool: &PgPool, project_id: i64, ids: std::ops::RangeInclusive<i64>) {
    sqlx::query(
        "insert into issues (id, project_id, title, level, first_seen, last_seen, events) overriding system value
         select i, $1, 'issue ' || i, 4, now(), now(), 1 from generate_series($2, $3) as i",
    )
    .bind(project_id)
    .bind(ids.start())
    .bind(ids.end())
    .execute(pool)
    .await
    .unwrap();
}
