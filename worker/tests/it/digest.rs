//! What the digest stores, counts and survives.

use crate::support::{context, digest_all, number, project, put};
use chrono::{DateTime, Utc};
use sqlx::{PgPool, postgres::PgListener};
use squall_intake::batch::Shape::{Lines, Ndjson};
use squall_live::{Minute, Update};
use squall_worker::pipeline::{Digest, Progress, Stage};
use std::time::Duration;
use tokio::time::timeout;

/// Sums of every count there is, which must always agree.
async fn totals(pool: &PgPool) -> Vec<i64> {
    let mut totals = Vec::new();
    for sql in [
        "select count(*) from events",
        "select coalesce(sum(events), 0)::bigint from issues",
        "select coalesce(sum(events), 0)::bigint from issue_minutes",
        "select coalesce(sum(events), 0)::bigint from source_minutes",
        "select coalesce(sum(events), 0)::bigint from sources",
    ] {
        totals.push(number(pool, sql).await);
    }
    totals
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn every_count_agrees_with_the_number_of_events(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    for batch in 0..5 {
        let lines: Vec<String> =
            (0..40).map(|n| format!("order {} failed at step {}", batch * 100 + n, n % 3)).collect();
        put(&pool, origin, Lines, &lines.join("\n")).await;
    }
    digest_all(&mut Digest::new(context(&pool))).await;
    assert_eq!(totals(&pool).await, [200; 5]);
    assert_eq!(number(&pool, "select count(*) from inbox").await, 0);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn an_event_keeps_what_its_sender_said(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    let now = Utc::now();
    let sent = serde_json::json!({
        "message": "card declined", "level": "warn", "timestamp": now.to_rfc3339(), "logger": "pay",
        "service": "checkout", "attributes": { "amount": 12.5 },
        "exception": { "type": "DeclinedError", "message": "no funds",
                       "frames": [{ "function": "charge", "file": "pay.rs", "line": 7, "in_app": true }] },
    });
    put(&pool, origin, Ndjson, &sent.to_string()).await;
    digest_all(&mut Digest::new(context(&pool))).await;
    let row: (String, i16, String, serde_json::Value, serde_json::Value, DateTime<Utc>) = sqlx::query_as(
        "select message, level::smallint, logger, attributes, exception, occurred_at from events",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!((row.0.as_str(), row.1, row.2.as_str()), ("card declined", 3, "pay"));
    assert_eq!(row.3, serde_json::json!({ "service.name": "checkout", "amount": 12.5 }));
    assert_eq!(row.4["frames"][0]["function"], "charge");
    assert_eq!(row.5.timestamp_millis(), now.timestamp_millis());
    let (title, culprit): (String, String) =
        sqlx::query_as("select title, culprit from issues").fetch_one(&pool).await.unwrap();
    assert_eq!((title.as_str(), culprit.as_str()), ("DeclinedError: no funds", "charge in pay.rs"));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_time_that_is_not_kept_or_not_yet_come_becomes_the_time_of_receipt(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    let future = (Utc::now() + chrono::TimeDelta::days(2)).to_rfc3339();
    let body = format!(
        "{{\"message\":\"old\",\"timestamp\":\"2005-06-14T15:16:01Z\"}}\n{{\"message\":\"new\",\"timestamp\":\"{future}\"}}"
    );
    put(&pool, origin, Ndjson, &body).await;
    digest_all(&mut Digest::new(context(&pool))).await;
    let moved =
        "select count(*) from events where occurred_at = received_at and attributes ? 'squall.original_time'";
    assert_eq!(number(&pool, moved).await, 2);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_restarted_digest_gives_known_lines_their_old_issues(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    let lines = "connection to 10.0.0.1 refused\nuser 17 signed in\ndisk sda1 is full";
    put(&pool, origin, Lines, lines).await;
    digest_all(&mut Digest::new(context(&pool))).await;
    let before = number(&pool, "select count(*) from issues").await;
    put(&pool, origin, Lines, lines).await;
    digest_all(&mut Digest::new(context(&pool))).await;
    assert_eq!(number(&pool, "select count(*) from issues").await, before);
    assert_eq!(number(&pool, "select min(events) from issues").await, 2);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn several_digests_at_once_double_nothing_and_agree_on_issues(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    for batch in 0..40 {
        let lines: Vec<String> = (0..50).map(|n| format!("worker {n} lost lease {}", batch * n)).collect();
        let more: Vec<String> =
            (0..10).map(|n| format!("cannot open table {}", ["a", "b", "c"][n % 3])).collect();
        put(&pool, origin, Lines, &format!("{}\n{}", lines.join("\n"), more.join("\n"))).await;
    }
    let mut context = context(&pool);
    // A small turn, so that every digest gets some.
    let mut config = (*context.config).clone();
    config.digest_events = 100;
    context.config = std::sync::Arc::new(config);
    let digests = (0..4).map(|_| {
        let mut digest = Digest::new(context.clone());
        tokio::spawn(async move { digest_all(&mut digest).await })
    });
    for digest in digests.collect::<Vec<_>>() {
        digest.await.unwrap();
    }
    digest_all(&mut Digest::new(context)).await;
    assert_eq!(totals(&pool).await, [2400; 5]);
    let doubled = "select count(*) from (select 1 from fingerprints group by project_id, fingerprint having count(*) > 1) t";
    assert_eq!(number(&pool, doubled).await, 0);
    assert_eq!(number(&pool, "select count(*) from issues where events = 0").await, 0);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_turn_that_fails_before_its_commit_leaves_no_trace(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    put(&pool, origin, Lines, "one line\nanother line").await;
    sqlx::query("alter table source_minutes add constraint broken check (events < 0)")
        .execute(&pool)
        .await
        .unwrap();
    let mut digest = Digest::new(context(&pool));
    assert_eq!(
        digest.run_once().await.unwrap(),
        Progress::Did(1),
        "the failure of a batch is not a failure of the stage"
    );
    assert_eq!(number(&pool, "select attempts::bigint from inbox").await, 1);
    assert_eq!(totals(&pool).await, [0; 5]);
    assert_eq!(number(&pool, "select count(*) from issues").await, 0);
    sqlx::query("alter table source_minutes drop constraint broken").execute(&pool).await.unwrap();
    sqlx::query("update inbox set retry_at = now()").execute(&pool).await.unwrap();
    digest_all(&mut digest).await;
    assert_eq!(totals(&pool).await, [2; 5]);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_batch_that_cannot_be_read_is_set_aside_with_its_reason_and_holds_up_nobody(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    sqlx::query("insert into inbox (project_id, source_id, events, bytes, codec, body) values ($1, $2, 1, 1, 99, 'x')")
        .bind(origin.project_id)
        .bind(origin.source_id)
        .execute(&pool)
        .await
        .unwrap();
    put(&pool, origin, Lines, "a good line").await;
    let mut digest = Digest::new(context(&pool));
    for _ in 0..10 {
        sqlx::query("update inbox set retry_at = now()").execute(&pool).await.unwrap();
        let _ = digest.run_once().await;
    }
    assert_eq!(totals(&pool).await, [1; 5]);
    let reason: String = sqlx::query_scalar("select last_error from inbox where set_aside_at is not null")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(reason.contains("codec 99"), "{reason}");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn of_a_batch_with_one_event_that_cannot_be_stored_only_that_one_is_set_aside(pool: PgPool) {
    let (bad, good) = (project(&pool, "bad").await, project(&pool, "good").await);
    sqlx::query("alter table events add constraint no_poison check (message not like '%poison%')")
        .execute(&pool)
        .await
        .unwrap();
    put(&pool, bad, Lines, "one\ntwo\nthree poison\nfour\nfive").await;
    put(&pool, good, Lines, "of another project").await;
    let mut digest = Digest::new(context(&pool));
    for _ in 0..20 {
        sqlx::query("update inbox set retry_at = now()").execute(&pool).await.unwrap();
        digest.run_once().await.unwrap();
    }
    assert_eq!(totals(&pool).await, [5; 5]);
    assert_eq!(number(&pool, "select events::bigint from inbox where set_aside_at is not null").await, 1);
    assert_eq!(number(&pool, "select count(*) from inbox").await, 1);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_only_shows_when_a_raw_line_is_read_is_made_storable_too(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    let odd = [
        "a good line".to_owned(),
        r#"{"message":"a\u0000b","level":"error","logger":"l\u0000g","k\u0000":"v\u0000","n":[1,{"deep\u0000":"\u0000"}]}"#.to_owned(),
        r#"level=error msg="nul \u0000 inside" k="v\u0000""#.to_owned(),
        format!(r#"{{"message":"long number","n":{}}}"#, "7".repeat(140_000)),
        format!(r#"{{"message":"long logger","logger":"{}"}}"#, (0..200_000).map(|n| format!("w{n} ")).collect::<String>()),
    ];
    put(&pool, origin, Lines, &odd.join("\n")).await;
    digest_all(&mut Digest::new(context(&pool))).await;
    assert_eq!(number(&pool, "select count(*) from events").await, 5);
    assert_eq!(number(&pool, "select count(*) from inbox").await, 0);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_partition_that_somebody_dropped_is_made_again(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    let mut digest = Digest::new(context(&pool));
    put(&pool, origin, Lines, "first").await;
    digest_all(&mut digest).await;
    let drop_today =
        "do $$ begin execute 'drop table ' || (select tableoid::regclass from events limit 1); end $$";
    sqlx::query(drop_today).execute(&pool).await.unwrap();
    put(&pool, origin, Lines, "second").await;
    digest_all(&mut digest).await;
    sqlx::query("update inbox set retry_at = now()").execute(&pool).await.unwrap();
    digest_all(&mut digest).await;
    assert_eq!(number(&pool, "select count(*) from events").await, 1);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn an_outage_or_a_deadlock_does_not_count_against_the_batch(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    put(&pool, origin, Lines, "a line").await;
    let mut digest = Digest::new(context(&pool));
    for sql in [
        "create function fail() returns trigger language plpgsql as
         'begin raise exception ''refused'' using errcode = tg_argv[0]; end'",
        // A restart, a deadlock, a standby that takes no writes.
        "create trigger fail before insert on issue_minutes execute function fail('57P01')",
        "create or replace trigger fail before insert on issue_minutes execute function fail('40P01')",
        "create or replace trigger fail before insert on issue_minutes execute function fail('25006')",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
        if sql.contains("trigger fail ") {
            assert!(digest.run_once().await.is_err(), "{sql}");
            assert_eq!(number(&pool, "select attempts::bigint from inbox").await, 0, "{sql}");
        }
    }
    sqlx::query("drop trigger fail on issue_minutes").execute(&pool).await.unwrap();
    assert_eq!(digest.run_once().await.unwrap(), Progress::Did(1));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_resolved_issue_that_happens_again_is_open_again_and_an_ignored_one_stays(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    let mut digest = Digest::new(context(&pool));
    put(&pool, origin, Lines, "alpha broke\nbeta broke badly today").await;
    digest_all(&mut digest).await;
    sqlx::query("update issues set status = case when title like 'alpha%' then 'resolved'::issue_status else 'ignored' end, status_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    put(&pool, origin, Lines, "alpha broke\nbeta broke badly today").await;
    digest_all(&mut digest).await;
    let states: Vec<String> =
        sqlx::query_scalar("select status::text from issues order by title").fetch_all(&pool).await.unwrap();
    assert_eq!(states, ["open", "ignored"]);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn odd_bytes_are_stored_and_harm_nobody(pool: PgPool) {
    let origin = project(&pool, "shop").await;
    let odd = [
        "{\"message\":\"nul \\u0000 inside\",\"attributes\":{\"k\\u0000\":\"v\\ud800\"}}",
        "{\"message\":\"deep\",\"attributes\":{\"a\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}}",
        "{\"message\":\"big\",\"attributes\":{\"n\":1e99999}}",
        "{\"message\":\"\\ud83d\"}",
        "{\"message\":\"x\",\"exception\":\"just text \\u0000\"}",
        "{\"message\":\"x\",\"exception\":[1,2]}",
        "\"2026-11-20 10:00:00 ERROR [main] a.b.C: raw \\u0000 line\"",
        "{\"message\":\"quote\",\"level\":\"lo\\u0000ud\",\"logger\":\"a\\u0000b\"}",
    ];
    put(&pool, origin, Ndjson, &odd.join("\n")).await;
    digest_all(&mut Digest::new(context(&pool))).await;
    let rejected = number(&pool, "select coalesce(sum(events), 0)::bigint from rejections").await;
    let stored = number(&pool, "select count(*) from events").await;
    assert_eq!(stored + rejected, i64::try_from(odd.len()).unwrap());
    assert!(rejected <= 1, "only the message that is half a character may be refused: {rejected}");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_a_turn_changed_is_published_after_its_commit(pool: PgPool) {
    let shop = project(&pool, "shop").await;
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("live").await.unwrap();
    let mut digest = Digest::new(context(&pool));
    let line = "{\"message\":\"cart lost\",\"level\":\"error\",\"timestamp\":\"TIME\"}\n";
    let now = Utc::now();
    let body = line.replace("TIME", &now.to_rfc3339()).repeat(3);
    put(&pool, shop, Ndjson, &body).await;
    digest_all(&mut digest).await;
    let issue = number(&pool, "select id from issues").await;
    let minute = Minute { project_id: shop.project_id, minute: now.timestamp().div_euclid(60), level: 4 };
    let mut expected = Update::default();
    expected.add_new(issue);
    expected.add_count(minute, 3);
    let published = timeout(Duration::from_secs(60), listener.recv()).await.unwrap().unwrap();
    assert_eq!(Update::parse(published.payload()), expected);

    put(&pool, shop, Ndjson, &body).await;
    digest_all(&mut digest).await;
    expected.new.clear();
    expected.add_changed(issue);
    let published = timeout(Duration::from_secs(60), listener.recv()).await.unwrap().unwrap();
    assert_eq!(Update::parse(published.payload()), expected);
}
