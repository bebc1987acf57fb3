//! Live updates through Redis.

use crate::{
    redis_server::RedisServer,
    support::stream::{Stream, insert_issues, insert_project, new, sharing, until_redis},
};
use axum::http::StatusCode;
use serde_json::json;
use sqlx::PgPool;
use squall_live::{Publisher, redis::State};

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn replicas_send_the_same_while_redis_dies_and_returns(pool: PgPool) {
    let mut server = RedisServer::start();
    let (one, two) = (sharing(&pool, &server, &[]).await, sharing(&pool, &server, &[]).await);
    let viewer = one.sign_in_as("viewer").await;
    insert_issues(&pool, insert_project(&pool, "shop").await, 1..=3).await;
    let worker = Publisher::start(pool.clone(), one.state.redis.clone());
    let mut streams = [Stream::of_user(&one, &viewer).await, Stream::of_user(&two, &viewer).await];
    let listening =
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    let listeners: i64 = sqlx::query_scalar(listening).fetch_one(&pool).await.unwrap();
    assert_eq!(listeners, 0, "a replica listens to PostgreSQL although it has Redis");

    worker.publish(&new(1));
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().data["id"], 1);
    }
    let check = one.get("/readyz", "").await.body["checks"]["redis"].clone();
    assert_eq!((&check["ok"], &check["configured"]), (&json!(true), &json!(true)));

    server.kill();
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().data, json!({ "reason": "interrupted" }));
    }
    worker.publish(&new(2));
    for stream in &mut streams {
        assert_eq!(stream.next_of("issue.new").await.data["id"], 2);
    }
    let ready = one.get("/readyz", "").await;
    assert_eq!((ready.status, &ready.body["status"]), (StatusCode::OK, &json!("ready")));
    assert_eq!(ready.body["checks"]["redis"]["ok"], false);
    assert!(!ready.body.to_string().contains("127.0.0.1"), "clients must not see addresses");

    server.restart();
    for stream in &mut streams {
        assert_eq!(stream.next().await.unwrap().data, json!({ "reason": "interrupted" }));
    }
    until_redis(&one, |state| *state == State::Up).await;
    worker.publish(&new(3));
    for stream in &mut streams {
        assert_eq!(stream.next_of("issue.new").await.data["id"], 3);
    }
}
