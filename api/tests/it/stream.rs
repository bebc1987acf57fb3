//! Live updates: what is sent, to whom, and how a stream ends.

use crate::{
    redis_server::TIMEOUT,
    support::stream::{Stream, api, changed, insert_issues, insert_project, new, request, worker},
};
use axum::http::StatusCode;
use serde_json::json;
use sqlx::PgPool;
use squall_live::Minute;
use std::time::Instant;

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_the_worker_publishes_is_sent_in_its_current_state(pool: PgPool) {
    let api = api(&pool, &[]);
    let viewer = api.sign_in_as("viewer").await;
    let shop = insert_project(&pool, "shop").await;
    insert_issues(&pool, shop, 1..=2).await;
    let mut stream = Stream::of_user(&api, &viewer).await;
    let worker = worker(&pool);

    worker.publish(&new(1));
    let event = stream.next().await.unwrap();
    assert_eq!(event.kind, "issue.new");
    assert_eq!(
        (&event.data["id"], &event.data["project"], &event.data["title"], &event.data["level"]),
        (&json!(1), &json!("shop"), &json!("issue 1"), &json!("error"))
    );

    sqlx::query("update issues set events = 41, level = 5 where id = 2").execute(&pool).await.unwrap();
    let mut update = changed(2);
    update.add_changed(999);
    update.add_count(Minute { project_id: shop, minute: 29_919_360, level: 4 }, 3);
    update.add_count(Minute { project_id: shop, minute: 29_919_360, level: 2 }, 250);
    update.add_count(Minute { project_id: 999, minute: 29_919_360, level: 2 }, 1);
    worker.publish(&update);
    let event = stream.next().await.unwrap();
    assert_eq!(event.kind, "issue.changed");
    assert_eq!((&event.data["events"], &event.data["level"]), (&json!(41), &json!("fatal")));
    let event = stream.next().await.unwrap();
    assert_eq!(event.kind, "counts");
    let minute = json!({ "at": "2026-11-20T08:00:00Z", "levels": { "info": 250, "error": 3 } });
    assert_eq!(
        event.data,
        json!({ "project": "shop", "minutes": [minute] }),
        "deleted issues and projects are left out"
    );
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_a_user_decides_is_sent_to_the_others(pool: PgPool) {
    let api = api(&pool, &[]);
    let (member, viewer) = (api.sign_in_as("member").await, api.sign_in_as("viewer").await);
    insert_issues(&pool, insert_project(&pool, "shop").await, 1..=1).await;
    let mut stream = Stream::of_user(&api, &viewer).await;
    let resolved =
        api.call("PATCH", "/api/v1/issues/1", &member, Some(json!({ "status": "resolved" }))).await;
    assert_eq!(resolved.status, StatusCode::OK);
    let event = stream.next().await.unwrap();
    assert_eq!((event.kind.as_str(), &event.data["status"]), ("issue.changed", &json!("resolved")));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_key_needs_scope_read_and_watches_only_its_own_project(pool: PgPool) {
    let api = api(&pool, &[]);
    let admin = api.sign_in_as("admin").await;
    let ingest = api.project_with_key(&admin, "shop").await;
    let bank = insert_project(&pool, "bank").await;
    let shop: i64 =
        sqlx::query_scalar("select id from projects where slug = 'shop'").fetch_one(&pool).await.unwrap();
    let body = json!({ "name": "watch", "scope": "read" });
    let made = api.call("POST", "/api/v1/projects/shop/keys", &admin, Some(body)).await;
    assert_eq!(made.body["scope"], "read", "{made:?}");
    let read = format!("Bearer {}", made.body["secret"].as_str().unwrap());
    insert_issues(&pool, bank, 1..=1).await;
    insert_issues(&pool, shop, 2..=2).await;

    for (name, value, status, code) in [
        ("x-squall-key", ingest.as_str(), StatusCode::FORBIDDEN, "wrong_scope"),
        ("authorization", "Bearer sq_nobody", StatusCode::UNAUTHORIZED, "unknown_key"),
    ] {
        let refused = api.send(request(&[(name, value)], "")).await;
        assert_eq!((refused.status, refused.code()), (status, code));
    }
    assert_eq!(api.send(request(&[], "")).await.code(), "unauthenticated");
    let other = api.send(request(&[("authorization", &read)], "?project=bank")).await;
    assert_eq!((other.status, other.code()), (StatusCode::NOT_FOUND, "not_found"));

    let mut key = Stream::open(&api, &[("authorization", &read)], "").await;
    let mut person = Stream::of_user(&api, &admin).await;
    let mut narrow = Stream::open(&api, &[("cookie", &admin)], "?project=shop").await;
    let mut both = new(1);
    both.add_new(2);
    worker(&pool).publish(&both);
    assert_eq!(person.next().await.unwrap().data["project"], "bank");
    for stream in [&mut key, &mut narrow, &mut person] {
        assert_eq!(stream.next().await.unwrap().data["project"], "shop");
    }
    // A key of scope read cannot ingest.
    let sent = axum::http::Request::post("/api/v1/ingest").header("authorization", &read);
    let refused = api.send(sent.body("{\"message\":\"x\"}".into()).unwrap()).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "wrong_scope"));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_stream_ends_with_its_session_or_key(pool: PgPool) {
    let api = api(&pool, &[]);
    let (admin, member, viewer) =
        (api.sign_in_as("admin").await, api.sign_in_as("member").await, api.sign_in_as("viewer").await);
    api.project_with_key(&admin, "shop").await;
    let body = json!({ "name": "watch", "scope": "read" });
    let made = api.call("POST", "/api/v1/projects/shop/keys", &admin, Some(body)).await;
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    let mut streams = [
        Stream::of_user(&api, &admin).await,
        Stream::of_user(&api, &member).await,
        Stream::of_user(&api, &viewer).await,
        Stream::open(&api, &[("x-squall-key", &secret)], "").await,
    ];
    api.call("DELETE", "/api/v1/session", &admin, None).await;
    sqlx::query("update users set disabled_at = now() where role = 'member'").execute(&pool).await.unwrap();
    let expired =
        "update sessions set expires_at = now() from users u where u.id = user_id and u.role = 'viewer'";
    sqlx::query(expired).execute(&pool).await.unwrap();
    sqlx::query("update api_keys set revoked_at = now() where scope = 'read'").execute(&pool).await.unwrap();
    for stream in &mut streams {
        assert_eq!(stream.next().await, None);
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_client_that_reconnects_gets_what_it_missed_or_a_resync(pool: PgPool) {
    let api = api(&pool, &[]);
    let viewer = api.sign_in_as("viewer").await;
    insert_issues(&pool, insert_project(&pool, "shop").await, 1..=3).await;
    let worker = worker(&pool);
    let mut stays = Stream::of_user(&api, &viewer).await;
    let mut leaves = Stream::of_user(&api, &viewer).await;
    // A client that is cut off before the first message knows its position as well.
    let position = leaves.last_id.clone();
    worker.publish(&new(1));
    let first = leaves.next().await.unwrap();
    drop(leaves);
    stays.next().await.unwrap();
    worker.publish(&new(2));
    stays.next().await.unwrap();

    let back = [("cookie", viewer.as_str()), ("last-event-id", first.id.as_str())];
    let mut back = Stream::open(&api, &back, "").await;
    assert_eq!(back.next().await.unwrap().data["id"], 2);
    let mut early = Stream::open(&api, &[("cookie", &viewer), ("last-event-id", &position)], "").await;
    assert_eq!(early.next().await.unwrap(), first);

    for id in ["0badcafe-7", "nonsense"] {
        let mut stranger = Stream::open(&api, &[("cookie", &viewer), ("last-event-id", id)], "").await;
        let event = stranger.next().await.unwrap();
        assert_eq!((event.kind.as_str(), event.data), ("resync", json!({ "reason": "began" })));
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_client_that_does_not_read_delays_no_one_and_gets_a_resync(pool: PgPool) {
    let api = api(&pool, &[]);
    let viewer = api.sign_in_as("viewer").await;
    insert_issues(&pool, insert_project(&pool, "shop").await, 1..=1_500).await;
    let worker = worker(&pool);
    let mut slow = Stream::of_user(&api, &viewer).await;
    let mut fast = Stream::of_user(&api, &viewer).await;
    for hundreds in 0..15 {
        for issue in 1..=100 {
            worker.publish(&new(hundreds * 100 + issue));
        }
        for _ in 0..100 {
            assert_eq!(fast.next().await.unwrap().kind, "issue.new");
        }
    }
    let mut received = 0;
    while slow.next().await.unwrap().kind == "issue.new" {
        received += 1;
    }
    assert!(received < 1_500, "everything was kept for a client that did not read");
    worker.publish(&changed(7));
    assert_eq!(slow.next().await.unwrap().data["id"], 7, "and then it continues");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn more_changes_than_can_be_sent_become_one_resync(pool: PgPool) {
    let api = api(&pool, &[]);
    let viewer = api.sign_in_as("viewer").await;
    insert_issues(&pool, insert_project(&pool, "shop").await, 1..=100).await;
    let mut stream = Stream::of_user(&api, &viewer).await;
    let worker = worker(&pool);
    for issue in 1..=10_000 {
        worker.publish(&changed(issue));
    }
    assert_eq!(stream.next_of("resync").await.data, json!({ "reason": "overflow" }));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn streams_of_one_user_are_limited_and_end_with_the_process(pool: PgPool) {
    let api = api(&pool, &[]);
    let (viewer, member) = (api.sign_in_as("viewer").await, api.sign_in_as("member").await);
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(Stream::of_user(&api, &viewer).await);
    }
    let refused = api.send(request(&[("cookie", &viewer)], "")).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "too_many_streams"));
    assert!(refused.headers.contains_key("retry-after"));
    streams.push(Stream::of_user(&api, &member).await);
    assert_eq!(api.get("/readyz", "").await.body["checks"]["stream"]["subscribers"], 11);

    // A client that disconnects no longer counts.
    drop(streams.remove(0));
    let start = Instant::now();
    while api.open(request(&[("cookie", &viewer)], "")).await.status() != StatusCode::OK {
        assert!(start.elapsed() < TIMEOUT, "the closed stream still counts");
        tokio::task::yield_now().await;
    }

    // A shutdown waits for none of them.
    api.state.live.close();
    for mut stream in streams {
        assert_eq!(stream.next().await, None);
    }
    assert_eq!(api.send(request(&[("cookie", &member)], "")).await.code(), "overloaded");
}
