//! Rate limits: the same with Redis and without, shared by replicas, and never in the way while
//! Redis is down.

use crate::{
    redis_server::RedisServer,
    support::{
        Answer, Api, PASSWORD,
        stream::{api, sharing, until_redis},
    },
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};
use sqlx::PgPool;
use squall_api::limits::{
    backoff::{self, Backoffs},
    bucket::{self, Buckets, Rate},
};
use squall_live::redis::State;

/// Pauses in microseconds, from none to more than any limit remembers, and some back in time.
fn pauses() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1i64..2_000_000, 1_000_000i64..2_000_000_000, -5_000_000i64..0]
}

fn later(now: u64, pause: i64) -> u64 {
    now.saturating_add_signed(pause)
}

/// A time of today, so that the numbers are as large as in reality.
const TODAY: u64 = 1_795_000_000_000_000;

/// As many random histories as take about two seconds.
const HISTORIES: u32 = 60;

fn histories<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::new(Config::default());
    (0..HISTORIES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

#[tokio::test]
async fn events_are_limited_the_same_with_redis_and_without() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let rates = prop_oneof![1u64..1_000, 1u64..=10_000_000];
    let bursts = prop_oneof![1u64..5_000, 1u64..=1_000_000_000];
    let batches = prop_oneof![1u64..100, 1u64..100_000, 1u64..2_000_000_000];
    let history = (rates, bursts, proptest::collection::vec((pauses(), batches), 1..40));
    for (number, (per_second, burst, batches)) in histories(history).into_iter().enumerate() {
        let (rate, buckets, mut now) = (Rate { per_second, burst }, Buckets::default(), TODAY);
        let key = format!("squall:ingest:{number}");
        for (step, (pause, events)) in batches.iter().enumerate() {
            now = later(now, *pause);
            let alone = buckets.spend(1, rate, *events, now);
            let shared = bucket::spend_shared(&redis, &key, rate, *events, Some(now)).await.unwrap();
            assert_eq!(alone, shared, "step {step} of {batches:?} at {rate:?}");
        }
    }
}

#[tokio::test]
async fn sign_ins_are_slowed_the_same_with_redis_and_without() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let history = proptest::collection::vec((pauses(), proptest::bool::weighted(0.05)), 1..60);
    for (number, attempts) in histories(history).into_iter().enumerate() {
        let (names, mut now) = (Backoffs::default(), TODAY);
        let (name, key) = ([7; 32], format!("squall:sign-in:{number}"));
        for (step, (pause, succeeds)) in attempts.iter().enumerate() {
            now = later(now, *pause);
            let alone = names.attempt(name, now);
            let shared = backoff::attempt_shared(&redis, &key, Some(now)).await.unwrap();
            assert_eq!(alone, shared, "step {step} of {attempts:?}");
            if *succeeds {
                names.forget(&name);
                backoff::forget_shared(&redis, &key).await;
            }
        }
    }
}

#[tokio::test]
async fn limits_expire_in_redis() {
    let server = RedisServer::start();
    let redis = server.connect().await;
    let rate = Rate { per_second: 100, burst: 500 };
    bucket::spend_shared(&redis, "squall:ingest:1", rate, 500, None).await.unwrap();
    backoff::attempt_shared(&redis, "squall:sign-in:ada", None).await.unwrap();
    for (key, most) in [("squall:ingest:1", 6_000), ("squall:sign-in:ada", 900_000)] {
        let mut left = redis::cmd("PTTL");
        left.arg(key);
        let left: i64 =
            redis.run(|mut connection| async move { left.query_async(&mut connection).await }).await.unwrap();
        assert!((1..=most).contains(&left), "{key} is kept for {left} ms");
    }
}

/// Guess until the guess is refused, and return how many were not.
async fn guess(apis: &[&Api], email: &str) -> (usize, Answer) {
    for attempt in 0.. {
        let answer = apis[attempt % apis.len()].sign_in(email, "a wrong password").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return (attempt, answer);
        }
        assert_eq!(answer.code(), "invalid_credentials", "{answer:?}");
    }
    unreachable!("the waits double until one is longer than an answer")
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn guesses_are_counted_by_all_replicas_together_until_redis_dies(pool: PgPool) {
    let mut server = RedisServer::start();
    let (one, two) = (sharing(&pool, &server, &[]).await, sharing(&pool, &server, &[]).await);
    one.sign_in_as("viewer").await;
    guess(&[&one], "viewer@example.org").await;
    let elsewhere = two.sign_in("viewer@example.org", "a wrong password").await;
    assert_eq!(elsewhere.code(), "too_many_attempts", "the other replica knows");
    assert!(elsewhere.headers.contains_key("retry-after"));

    server.kill();
    let alone = two.sign_in("viewer@example.org", PASSWORD).await;
    assert_eq!(alone.status, StatusCode::OK, "requests work without Redis");
    let (tries, _) = guess(&[&two], "viewer@example.org").await;
    assert!(tries >= 5, "each process limits on its own, from zero");

    server.restart();
    until_redis(&one, |state| *state == State::Up).await;
    until_redis(&two, |state| *state == State::Up).await;
    guess(&[&two, &one], "grace@example.org").await;
    assert_eq!(one.sign_in("grace@example.org", "x").await.code(), "too_many_attempts");
}

async fn send(api: &Api, key: &str, events: usize) -> Answer {
    let body = "{\"message\":\"x\"}\n".repeat(events);
    api.send(Request::post("/api/v1/ingest").header("x-squall-key", key).body(Body::from(body)).unwrap())
        .await
}

/// A limit so slow that a test does not see it drain.
const SLOW: [(&str, &str); 2] = [("SQUALL_INGEST_RATE", "1"), ("SQUALL_INGEST_BURST", "100000")];

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_key_that_sends_too_much_hears_when_to_come_again_and_nothing_is_kept(pool: PgPool) {
    let api = api(&pool, &SLOW);
    let admin = api.sign_in_as("admin").await;
    let (shop, bank) =
        (api.project_with_key(&admin, "shop").await, api.project_with_key(&admin, "bank").await);
    assert_eq!(send(&api, &shop, 60_000).await.status, StatusCode::ACCEPTED);
    let refused = send(&api, &shop, 50_000).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=10_000).contains(&seconds), "{seconds}");
    assert_eq!(
        send(&api, &bank, 50_000).await.status,
        StatusCode::ACCEPTED,
        "each key has a limit of its own"
    );
    let kept: i64 =
        sqlx::query_scalar("select sum(events)::bigint from inbox").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, 110_000);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn replicas_share_what_a_key_may_send_until_redis_dies(pool: PgPool) {
    let mut server = RedisServer::start();
    let (one, two) = (sharing(&pool, &server, &SLOW).await, sharing(&pool, &server, &SLOW).await);
    let admin = one.sign_in_as("admin").await;
    let key = one.project_with_key(&admin, "shop").await;
    assert_eq!(send(&one, &key, 60_000).await.status, StatusCode::ACCEPTED);
    assert_eq!(send(&two, &key, 50_000).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(send(&two, &key, 30_000).await.status, StatusCode::ACCEPTED);

    server.kill();
    for api in [&one, &two] {
        assert_eq!(send(api, &key, 60_000).await.status, StatusCode::ACCEPTED, "requests work without Redis");
        assert_eq!(send(api, &key, 60_000).await.status, StatusCode::TOO_MANY_REQUESTS);
    }

    server.restart();
    until_redis(&one, |state| *state == State::Up).await;
    assert_eq!(send(&one, &key, 90_000).await.status, StatusCode::ACCEPTED, "a new Redis has no memory");
    until_redis(&two, |state| *state == State::Up).await;
    assert_eq!(send(&two, &key, 20_000).await.status, StatusCode::TOO_MANY_REQUESTS);
}
