//! What retention drops, and what it leaves.

use crate::support::{context, digest_all, number, project, put};
use chrono::{DateTime, Days, Utc};
use sqlx::PgPool;
use squall_intake::batch::Shape::Ndjson;
use squall_worker::pipeline::{Digest, Retain, Stage};

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn events_go_by_day_when_no_project_keeps_them_and_issues_stay(pool: PgPool) {
    let (short, long) = (project(&pool, "short").await, project(&pool, "long").await);
    sqlx::query("update projects set retention_days = 40 where slug = 'long'").execute(&pool).await.unwrap();
    let mut digest = Digest::new(context(&pool));
    for (origin, days_ago) in [(short, 0), (short, 20), (long, 20), (long, 35)] {
        let time = (Utc::now() - Days::new(days_ago)).to_rfc3339();
        put(&pool, origin, Ndjson, &format!("{{\"message\":\"it broke\",\"timestamp\":\"{time}\"}}")).await;
    }
    digest_all(&mut digest).await;

    let in_15_days: fn() -> DateTime<Utc> = || Utc::now() + Days::new(15);
    Retain::at(context(&pool), in_15_days).run_once().await.unwrap();

    // `short` keeps 30 days: 20 + 15 is past that. `long` keeps 40: 35 + 15 is past, 20 + 15 is
    // not.
    assert_eq!(
        number(
            &pool,
            "select count(*) from events e join projects p on p.id = e.project_id and p.slug = 'short'"
        )
        .await,
        1
    );
    assert_eq!(
        number(
            &pool,
            "select count(*) from events e join projects p on p.id = e.project_id and p.slug = 'long'"
        )
        .await,
        1
    );
    assert_eq!(number(&pool, "select count(*) from issues").await, 2);
    assert_eq!(number(&pool, "select sum(events)::bigint from issues").await, 4);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn today_and_tomorrow_have_partitions_before_anything_arrives(pool: PgPool) {
    Retain::new(context(&pool)).run_once().await.unwrap();
    assert_eq!(
        number(&pool, "select count(*) from pg_inherits where inhparent = 'events'::regclass").await,
        2
    );
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn old_counts_and_spent_sessions_are_forgotten(pool: PgPool) {
    for sql in [
        "insert into issue_minutes values (1, now() - interval '91 days', 1), (1, now() - interval '89 days', 1)",
        "insert into source_minutes values (1, 1, now() - interval '91 days', 2, 1), (1, 1, now(), 2, 1)",
        "insert into users (email, name, password_hash, role) values ('a@b', 'A', 'x', 'admin')",
        "insert into sessions (token_hash, user_id, expires_at) select 'old', id, now() - interval '1 hour' from users",
        "insert into sessions (token_hash, user_id, expires_at) select 'live', id, now() + interval '1 hour' from users",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    Retain::new(context(&pool)).run_once().await.unwrap();
    for table in [
        "select count(*) from issue_minutes",
        "select count(*) from source_minutes",
        "select count(*) from sessions",
    ] {
        assert_eq!(number(&pool, table).await, 1, "{table}");
    }
}
