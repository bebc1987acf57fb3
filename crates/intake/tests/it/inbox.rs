//! What the inbox acknowledges is in the database, and nothing else is.

use sqlx::{PgPool, postgres::PgListener};
use squall_intake::{Batch, Inbox, InboxError, Origin, batch::Shape, inbox};

async fn origin(pool: &PgPool) -> Origin {
    let project_id =
        sqlx::query_scalar("insert into projects (slug, name) values ('shop', 'Shop') returning id")
            .fetch_one(pool)
            .await
            .unwrap();
    let source_id = sqlx::query_scalar(
        "insert into sources (project_id, kind, name) values ($1, 'http', 'HTTP') returning id",
    )
    .bind(project_id)
    .fetch_one(pool)
    .await
    .unwrap();
    Origin { project_id, source_id }
}

fn batch(text: &str) -> Batch {
    Batch::parse(text.as_bytes(), Shape::Ndjson).unwrap()
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_is_acknowledged_can_be_unpacked_again(pool: PgPool) {
    let origin = origin(&pool).await;
    let inbox = Inbox::start(&pool);
    inbox.put(origin, batch("{\"message\":\"one\"}\n{\"message\":\"two\"}")).await.unwrap();
    let (codec, body, events): (i16, Vec<u8>, i32) =
        sqlx::query_as("select codec, body, events from inbox").fetch_one(&pool).await.unwrap();
    let lines = String::from_utf8(inbox::unpack(codec, &body).unwrap()).unwrap();
    assert_eq!(lines, "{\"message\":\"one\"}\n{\"message\":\"two\"}\n");
    assert_eq!(events, 2);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn concurrent_batches_share_rows_and_none_is_lost(pool: PgPool) {
    let origin = origin(&pool).await;
    let inbox = Inbox::start(&pool);
    let puts = (0..500).map(|n| {
        let inbox = inbox.clone();
        tokio::spawn(async move { inbox.put(origin, batch(&format!("{{\"message\":\"event {n}\"}}"))).await })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap().unwrap();
    }
    let (rows, events): (i64, i64) =
        sqlx::query_as("select count(*), sum(events)::bigint from inbox").fetch_one(&pool).await.unwrap();
    assert_eq!(events, 500);
    assert!(rows < 500, "every request had a row of its own: {rows}");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn rejected_lines_are_counted_by_reason(pool: PgPool) {
    let origin = origin(&pool).await;
    let inbox = Inbox::start(&pool);
    for _ in 0..2 {
        inbox.put(origin, batch("{\"message\":\"kept\"}\nnot json\n{}\n{}")).await.unwrap();
    }
    let rows: Vec<(String, i64, String)> =
        sqlx::query_as("select reason, events, example from rejections order by reason desc")
            .fetch_all(&pool)
            .await
            .unwrap();
    let counts: Vec<_> = rows.iter().map(|(reason, events, _)| (reason.as_str(), *events)).collect();
    assert_eq!(counts, [("not_json", 2), ("no_message", 4)]);
    assert!(rows[0].2.starts_with("line 2: not a JSON event"), "{rows:?}");
    assert!(rows[1].2.starts_with("line 3: no message"), "{rows:?}");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_batch_of_a_deleted_source_is_refused_and_says_why(pool: PgPool) {
    let origin = origin(&pool).await;
    sqlx::query("delete from projects").execute(&pool).await.unwrap();
    let refused = Inbox::start(&pool).put(origin, batch("{\"message\":\"late\"}")).await;
    assert!(matches!(refused, Err(InboxError::OriginGone)), "{refused:?}");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_batch_is_not_acknowledged_when_the_database_is_gone(pool: PgPool) {
    let origin = origin(&pool).await;
    let inbox = Inbox::start(&pool);
    pool.close().await;
    let refused = inbox.put(origin, batch("{\"message\":\"lost?\"}")).await;
    assert!(matches!(refused, Err(InboxError::Database(_))), "{refused:?}");
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn the_digest_is_notified_of_rows_that_it_can_already_see(pool: PgPool) {
    let origin = origin(&pool).await;
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen("inbox").await.unwrap();
    let inbox = Inbox::start(&pool);
    for expected in 1..=3 {
        inbox.put(origin, batch("{\"message\":\"new\"}")).await.unwrap();
        listener.recv().await.unwrap();
        let rows: i64 = sqlx::query_scalar("select count(*) from inbox").fetch_one(&pool).await.unwrap();
        assert_eq!(rows, expected);
    }
}
