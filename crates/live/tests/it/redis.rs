//! Redis that fails and comes back. These tests need redis-server.

use crate::{
    changed, next, subscribed,
    support::{RedisServer, until},
};
use redis::{AsyncCommands, cmd};
use sqlx::PgPool;
use squall_live::{Address, Message, Publisher, Redis, redis::State};

#[tokio::test]
async fn commands_are_skipped_while_redis_is_down_and_run_again_when_it_is_back() {
    let mut server = RedisServer::start();
    let redis = server.connect().await;
    let set = |redis: Redis| async move {
        redis.run(|mut connection| async move { connection.set::<_, _, ()>("it", "works").await }).await
    };
    assert_eq!(set(redis.clone()).await, Some(()));
    server.kill();
    until(&redis, |state| matches!(state, State::Down(_))).await;
    assert_eq!(set(redis.clone()).await, None);
    server.restart();
    until(&redis, |state| *state == State::Up).await;
    assert_eq!(set(redis).await, Some(()));
}

#[tokio::test]
async fn a_redis_that_refuses_writes_counts_as_down() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let full = |bytes: &'static str| {
        let redis = redis.clone();
        async move {
            let mut set = cmd("CONFIG");
            set.arg("SET").arg("maxmemory").arg(bytes);
            redis.run(|mut connection| async move { set.query_async::<()>(&mut connection).await }).await
        }
    };
    assert_eq!(full("1").await, Some(()));
    until(&redis, |state| matches!(state, State::Down(reason) if reason.contains("OOM"))).await;
}

#[tokio::test]
async fn a_wrong_password_is_reported_without_repeating_it() {
    let server = RedisServer::start();
    let wrong = server.url().replace("hunter2", "swordfish");
    let redis = Redis::start(Address::parse(&wrong).unwrap());
    until(&redis, |state| matches!(state, State::Down(_))).await;
    assert!(!format!("{:?}", redis.state()).contains("swordfish"));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn updates_arrive_while_redis_fails_and_comes_back(pool: PgPool) {
    let mut server = RedisServer::start();
    let redis = server.connect().await;
    let publisher = Publisher::start(pool.clone(), Some(redis.clone()));
    let mut messages = subscribed(&pool, Some(&redis));
    assert_eq!(next(&mut messages).await, Message::Subscribed);
    publisher.issue_changed(1);
    assert_eq!(
        next(&mut messages).await,
        Message::Update(changed(1)),
        "received once, though it is published twice"
    );

    server.kill();
    assert_eq!(
        next(&mut messages).await,
        Message::Subscribed,
        "the subscriber learns that something may be missing"
    );
    publisher.issue_changed(2);
    assert_eq!(next(&mut messages).await, Message::Update(changed(2)));

    server.restart();
    assert_eq!(next(&mut messages).await, Message::Subscribed);
    publisher.issue_changed(3);
    assert_eq!(next(&mut messages).await, Message::Update(changed(3)));
}
