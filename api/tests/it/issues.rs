//! Lists, pages, trends and totals of issues, events and sources.

use crate::support::Api;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeSet;

/// Insert an issue as the digest does, with its minutes.
async fn issue(pool: &PgPool, title: &str, level: i16, events: i64, last_seen: DateTime<Utc>) -> i64 {
    let id: i64 = sqlx::query_scalar(
        "insert into issues (project_id, title, culprit, level, first_seen, last_seen, events, source_ids)
         select p.id, $1, 'shop.Cart', $2, $4 - interval '10 minutes', $4, $3, array[s.id]
         from projects p join sources s on s.project_id = p.id and s.kind = 'http' where p.slug = 'shop' returning id",
    )
    .bind(title)
    .bind(level)
    .bind(events)
    .bind(last_seen)
    .fetch_one(pool)
    .await
    .unwrap();
    sqlx::query("insert into issue_minutes values ($1, date_trunc('minute', $2), $3)")
        .bind(id)
        .bind(last_seen)
        .bind(i32::try_from(events).unwrap())
        .execute(pool)
        .await
        .unwrap();
    sqlx::query(
        "insert into source_minutes (project_id, source_id, minute, level, events)
         select project_id, id, date_trunc('minute', $1), $2, $3 from sources where kind = 'http' limit 1
         on conflict (source_id, minute, level) do update set events = source_minutes.events + excluded.events",
    )
    .bind(last_seen)
    .bind(level)
    .bind(i32::try_from(events).unwrap())
    .execute(pool)
    .await
    .unwrap();
    id
}

fn titles(body: &Value) -> Vec<&str> {
    body["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap()).collect()
}

async fn shop(pool: &PgPool) -> (Api, String) {
    let api = Api::new(pool.clone());
    let admin = api.sign_in_as("admin").await;
    api.project_with_key(&admin, "shop").await;
    (api, admin)
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn filters_and_search_narrow_the_list_and_its_totals(pool: PgPool) {
    let (api, admin) = shop(&pool).await;
    let now = Utc::now();
    issue(&pool, "connection to <*> refused", 4, 10, now).await;
    issue(&pool, "cache is 90% full", 3, 5, now - TimeDelta::hours(2)).await;
    let resolved = issue(&pool, "order <*> lost", 5, 1, now - TimeDelta::hours(3)).await;
    let path = format!("/api/v1/issues/{resolved}");
    assert_eq!(
        api.call("PATCH", &path, &admin, Some(json!({ "status": "resolved" }))).await.body["status"],
        "resolved"
    );
    let since = (now - TimeDelta::hours(1)).to_rfc3339().replace('+', "%2B");
    for (query, expected) in [
        ("".to_owned(), vec!["connection to <*> refused", "cache is 90% full", "order <*> lost"]),
        ("level=error".into(), vec!["connection to <*> refused", "order <*> lost"]),
        ("status=open&level=error".into(), vec!["connection to <*> refused"]),
        ("q=conn%20ref".into(), vec!["connection to <*> refused"]),
        ("q=90%25".into(), vec!["cache is 90% full"]),
        ("q=ache".into(), vec!["cache is 90% full"]),
        (
            "q=shop.cart&sort=level".into(),
            vec!["order <*> lost", "connection to <*> refused", "cache is 90% full"],
        ),
        (format!("since={since}"), vec!["connection to <*> refused"]),
        (
            "project=shop&sort=events".into(),
            vec!["connection to <*> refused", "cache is 90% full", "order <*> lost"],
        ),
        ("source=999999".into(), vec![]),
    ] {
        let answer = api.get(&format!("/api/v1/issues?{query}"), &admin).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {answer:?}");
        assert_eq!(titles(&answer.body), expected, "{query}");
        assert_eq!(answer.body["total"]["issues"], expected.len(), "{query}");
    }
    let all = api.get("/api/v1/issues", &admin).await;
    assert_eq!(all.body["total"]["events"], 16);
    assert_eq!(
        all.body["items"][0]["sparkline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_i64().unwrap())
            .sum::<i64>(),
        10
    );
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn pages_have_no_gap_and_no_double_in_any_order_while_issues_arrive(pool: PgPool) {
    let (api, admin) = shop(&pool).await;
    let now = Utc::now();
    let mut before = BTreeSet::new();
    for n in 0..25_i64 {
        // Equal sort keys, so that the id must decide.
        before.insert(
            issue(
                &pool,
                &format!("issue {n}"),
                i16::try_from(n % 3 + 2).unwrap(),
                n / 5 + 1,
                now - TimeDelta::minutes(n / 4),
            )
            .await,
        );
    }
    for sort in ["last_seen", "first_seen", "events", "level"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = api.get(&format!("/api/v1/issues?limit=4&sort={sort}{cursor}"), &admin).await;
            seen.extend(
                answer.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()),
            );
            let Some(next) = answer.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
            // Sorts before everything, so that offsets would shift.
            issue(&pool, "late", 5, 1000, now + TimeDelta::minutes(1)).await;
        }
        let distinct: BTreeSet<i64> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "{sort} shows an issue twice");
        assert!(before.is_subset(&distinct), "{sort} omits issues");
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_cursor_of_another_order_is_refused(pool: PgPool) {
    let (api, admin) = shop(&pool).await;
    for n in 0..3 {
        issue(&pool, &format!("issue {n}"), 4, 1, Utc::now()).await;
    }
    let first = api.get("/api/v1/issues?limit=1&sort=events", &admin).await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("/api/v1/issues?sort=level&cursor={cursor}"), &admin).await.code(),
        "invalid_request"
    );
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn trend_and_statistics_are_dense_and_add_up(pool: PgPool) {
    let (api, admin) = shop(&pool).await;
    let now = Utc::now();
    let id = issue(&pool, "it broke", 4, 7, now).await;
    issue(&pool, "it spoke", 2, 30, now - TimeDelta::minutes(30)).await;
    issue(&pool, "long ago", 4, 3, now - TimeDelta::hours(30)).await;
    let trend = api.get(&format!("/api/v1/issues/{id}/trend?hours=24"), &admin).await.body;
    let points = trend["points"].as_array().unwrap();
    assert_eq!((points.len(), trend["step_seconds"].as_i64()), (96, Some(900)));
    assert_eq!(points.iter().map(|point| point["events"].as_i64().unwrap()).sum::<i64>(), 7);

    let statistics = api.get("/api/v1/statistics?project=shop&hours=24", &admin).await.body;
    assert_eq!(statistics["volume"].as_array().unwrap().len(), 96);
    assert_eq!(statistics["totals"]["events"], 37);
    assert_eq!(statistics["totals"]["errors"], 7);
    assert_eq!(statistics["previous"]["events"], 3);
    assert_eq!(statistics["top_issues"][0]["title"], "it broke");
    assert_eq!(statistics["top_issues"][0]["events_in_window"], 7);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn events_come_latest_first_and_page_through(pool: PgPool) {
    let (api, admin) = shop(&pool).await;
    let now = Utc::now();
    let id = issue(&pool, "it broke", 4, 5, now).await;
    sqlx::query("create table events_all partition of events default").execute(&pool).await.unwrap();
    sqlx::query(
        "insert into events (occurred_at, received_at, issue_id, project_id, source_id, level, message, exception, attributes)
         select $2 - interval '1 second' * (n / 2), $2, $1, 1, 1, 4, 'event ' || n,
                '{\"type\":\"KeyError\",\"message\":\"k\",\"frames\":[{\"function\":\"f\",\"in_app\":true}]}', '{\"n\":1}'
         from generate_series(0, 4) n",
    )
    .bind(id)
    .bind(now)
    .execute(&pool)
    .await
    .unwrap();
    let first = api.get(&format!("/api/v1/issues/{id}/events?limit=3"), &admin).await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = api.get(&format!("/api/v1/issues/{id}/events?limit=3&cursor={cursor}"), &admin).await.body;
    let messages = |body: &Value| -> Vec<String> {
        body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut all = [messages(&first), messages(&second)].concat();
    assert_eq!(second["next_cursor"], Value::Null);
    all.sort();
    assert_eq!(all, ["event 0", "event 1", "event 2", "event 3", "event 4"]);
    assert_eq!(first["items"][0]["exception"]["frames"][0]["function"], "f");
    let detail = api.get(&format!("/api/v1/issues/{id}"), &admin).await.body;
    assert_eq!(detail["latest_event"]["attributes"], json!({ "n": 1 }));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_source_is_added_checked_changed_and_deleted(pool: PgPool) {
    let (api, admin) = shop(&pool).await;
    let add = |glob: &str| {
        Some(json!({ "project": "shop", "kind": "file", "name": "app", "settings": { "glob": glob } }))
    };
    for (glob, message) in [("app/*.log", "does not begin with /"), ("/var/log/{app", "is not valid")] {
        let refused = api.call("POST", "/api/v1/sources", &admin, add(glob)).await;
        assert!(refused.body["message"].as_str().unwrap().contains(message), "{refused:?}");
    }
    let made = api.call("POST", "/api/v1/sources", &admin, add("/var/log/app/*.log")).await;
    assert_eq!((made.status, made.body["health"].as_str()), (StatusCode::CREATED, Some("waiting")));
    assert_eq!(
        api.call("POST", "/api/v1/sources", &admin, add("/var/log/app/*.log")).await.code(),
        "conflict"
    );
    let path = format!("/api/v1/sources/{}", made.body["id"]);
    let disabled = api.call("PATCH", &path, &admin, Some(json!({ "enabled": false }))).await;
    assert_eq!(disabled.body["health"], "disabled");
    assert_eq!(api.get(&format!("{path}/polls"), &admin).await.body["items"], json!([]));
    assert_eq!(api.call("DELETE", &path, &admin, None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(api.get(&path, &admin).await.code(), "not_found");
    let sources = api.get("/api/v1/sources?project=shop", &admin).await.body;
    assert_eq!(sources["items"][0]["kind"], "http");
}
