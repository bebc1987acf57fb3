//! Redis that dies and comes back, and what is told through it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should end")]

mod support;

use redis::{AsyncCommands, cmd};
use sqlx::PgPool;
use squall_live::{Heard, Publisher, Redis, Update, hear, redis::State};
use support::{PATIENCE, RedisServer, until};
use tokio::{sync::mpsc, time::timeout};

async fn next(heard: &mut mpsc::Receiver<Heard>) -> Heard {
    timeout(PATIENCE, heard.recv()).await.expect("nothing is heard").expect("the hearing has ended")
}

fn listen(pool: &PgPool, redis: Option<&Redis>) -> mpsc::Receiver<Heard> {
    let (sender, heard) = mpsc::channel(64);
    tokio::spawn(hear(pool.clone(), redis.cloned(), sender));
    heard
}

fn changed(issue: i64) -> Update {
    let mut update = Update::default();
    update.add_changed(issue);
    update
}

#[tokio::test]
async fn a_redis_that_dies_is_done_without_and_used_again_when_it_is_back() {
    let mut server = RedisServer::start();
    let redis = server.connect().await;
    let set = |redis: Redis| async move {
        redis.run(|mut connection| async move { connection.set::<_, _, ()>("it", "works").await }).await
    };
    assert_eq!(set(redis.clone()).await, Some(()));
    server.kill();
    until(&redis, |state| matches!(state, State::Down(_))).await;
    assert_eq!(set(redis.clone()).await, None);
    server.start_again();
    until(&redis, |state| *state == State::Up).await;
    assert_eq!(set(redis).await, Some(()));
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_counts_as_away() {
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
async fn a_wrong_password_is_a_reason_and_never_shown() {
    let server = RedisServer::start();
    let wrong = server.url().replace("hunter2", "swordfish");
    let redis = Redis::start(squall_live::Address::parse(&wrong).unwrap());
    until(&redis, |state| matches!(state, State::Down(_))).await;
    assert!(!format!("{:?}", redis.state()).contains("swordfish"));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn without_redis_what_is_told_is_heard_through_postgresql(pool: PgPool) {
    let mut heard = listen(&pool, None);
    assert_eq!(next(&mut heard).await, Heard::Anew);
    Publisher::start(pool.clone(), None).issue_changed(7);
    assert_eq!(next(&mut heard).await, Heard::Update(changed(7)));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_is_told_is_heard_while_redis_dies_and_comes_back(pool: PgPool) {
    let mut server = RedisServer::start();
    let redis = server.connect().await;
    let publisher = Publisher::start(pool.clone(), Some(redis.clone()));
    let mut heard = listen(&pool, Some(&redis));
    assert_eq!(next(&mut heard).await, Heard::Anew);
    publisher.issue_changed(1);
    assert_eq!(next(&mut heard).await, Heard::Update(changed(1)), "heard once, though it is told twice");

    server.kill();
    assert_eq!(next(&mut heard).await, Heard::Anew, "who hears knows that something may be missing");
    publisher.issue_changed(2);
    assert_eq!(next(&mut heard).await, Heard::Update(changed(2)));

    server.start_again();
    assert_eq!(next(&mut heard).await, Heard::Anew);
    publisher.issue_changed(3);
    assert_eq!(next(&mut heard).await, Heard::Update(changed(3)));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_lost_connection_to_postgresql_is_made_anew_and_said(pool: PgPool) {
    let mut heard = listen(&pool, None);
    assert_eq!(next(&mut heard).await, Heard::Anew);
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(next(&mut heard).await, Heard::Anew);
    Publisher::start(pool.clone(), None).issue_changed(7);
    assert_eq!(next(&mut heard).await, Heard::Update(changed(7)));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_changes_at_one_time_is_told_together_and_what_is_too_much_says_so(pool: PgPool) {
    let mut heard = listen(&pool, None);
    assert_eq!(next(&mut heard).await, Heard::Anew);
    let publisher = Publisher::start(pool.clone(), None);
    (0..100_000).for_each(|issue| publisher.issue_changed(issue));
    let mut payloads = 0;
    loop {
        let Heard::Update(update) = next(&mut heard).await else { panic!("the connection was lost") };
        payloads += 1;
        if update.more {
            break;
        }
    }
    assert!(payloads <= squall_live::update::PAYLOADS * 2, "{payloads} notifications for one moment");
}
